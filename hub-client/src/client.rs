//! [`HubClient`]: the handle that an application holds.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use hub_core::{CallError, ConnectionId, Invoke, Payload, Proxy, Report};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::builder::Builder;
use crate::driver::Command;
use crate::events::{ClientEvent, ClientEvents};
use crate::handlers::{Handlers, HubEvents, Subscription};
use crate::hub_state::{HubState, HubStates};
use crate::life::State;
use crate::progress::ProgressStream;
use crate::transport::Transport;

/// How many events wait in a stream before callbacks do.
pub(crate) const EVENTS: usize = 64;

/// A connection to a server's hubs. Clones share it, and so do the proxies that [`hub`](Self::hub) gives. It lasts until
/// [`close`](Self::close), until the last clone and proxy is dropped, or until it can't be kept up
/// ([`State::Disconnected`]).
///
/// A callback that holds a clone keeps the connection open as long as it is subscribed.
#[derive(Clone)]
pub struct HubClient {
    handle: Arc<Handle>,
}

/// What the clones share: this side's ends of the driver's channels.
pub(crate) struct Handle {
    pub(crate) id: ConnectionId,
    pub(crate) transport: Transport,
    pub(crate) commands: mpsc::Sender<Command>,
    /// Set to true, or dropped, it ends the driver.
    pub(crate) ending: watch::Sender<bool>,
    pub(crate) changes: watch::Receiver<State>,
    pub(crate) events: broadcast::WeakSender<ClientEvent>,
    pub(crate) handlers: Arc<Handlers>,
    pub(crate) states: Arc<HubStates>,
    /// How long a call may take.
    pub(crate) call_timeout: Option<Duration>,
}

impl HubClient {
    /// Begins to describe a connection. `url` is that of the server's mount, such as `http://127.0.0.1:8080/signalr`;
    /// nothing is appended to it but the protocol's own requests.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(url.into())
    }

    pub(crate) fn new(handle: Handle) -> Self {
        let handle = Arc::new(handle);
        handle.handlers.belong_to(Arc::downgrade(&handle));
        Self { handle }
    }

    /// Another clone, if there is still one.
    pub(crate) fn of(handle: &Weak<Handle>) -> Option<Self> {
        let handle = handle.upgrade()?;
        Some(Self { handle })
    }

    /// The typed proxy of a hub, as `#[hub]` makes it of a trait: `client.hub::<ChatProxy>()`.
    #[must_use]
    pub fn hub<P: Proxy>(&self) -> P {
        P::over(Arc::clone(&self.handle) as Arc<dyn Invoke>)
    }

    /// Calls a method of any hub. `args` is a tuple, an array or a `Vec`, an element for each argument: `("lobby", 3)`,
    /// `("lobby",)`, `()`.
    ///
    /// # Errors
    /// When the hub method failed, the connection was not there or broke before the result came, `args` can't be sent
    /// or the result is no `T`. The original server cuts the link at a call of more than 64 KiB, so that it fails with
    /// [`CallError::Reconnecting`].
    ///
    /// # Cancel safety
    /// Dropping the future before the call was written takes it back. Later the method runs all the same, and its
    /// result is ignored.
    pub async fn invoke<T: DeserializeOwned>(
        &self,
        hub: &str,
        method: &str,
        args: impl Serialize,
    ) -> Result<T, CallError> {
        let result = self.handle.invoke(hub, method, array(&args)?).await?;
        result.read().map_err(CallError::Decode)
    }

    /// As [`invoke`](Self::invoke), for a method that reports its progress: `report` is called with each report, in
    /// order and before this returns the result. Reports come while the future is awaited, and wait in memory while it
    /// is not. Over other transports than WebSockets the result may overtake the last reports, which are then lost.
    ///
    /// ```
    /// # async fn with(client: &hub_client::HubClient) -> Result<(), hub_client::CallError> {
    /// let mut seen = 0;
    /// let report = |percent: u8| seen = percent;
    /// let path: String = client.invoke_with_progress("files", "pack", ("photos",), report).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The same as a stream is [`progress`](Self::progress). The proxy of a contract has `pack_with_progress` beside `pack`, if that
    /// has a [`Progress`](crate::Progress).
    ///
    /// # Errors
    /// As for [`invoke`](Self::invoke), and [`CallError::Decode`] at a report that is no `P`.
    ///
    /// # Cancel safety
    /// As for [`invoke`](Self::invoke).
    pub async fn invoke_with_progress<T: DeserializeOwned, P: DeserializeOwned>(
        &self,
        hub: &str,
        method: &str,
        args: impl Serialize,
        mut report: impl FnMut(P),
    ) -> Result<T, CallError> {
        let read = |value: Payload| {
            report(value.read().map_err(CallError::Decode)?);
            Ok(())
        };
        let call = self.handle.report(hub, method, array(&args)?, read);
        call.await?.read().map_err(CallError::Decode)
    }

    /// As [`invoke_with_progress`](Self::invoke_with_progress), with the reports as a stream.
    ///
    /// ```
    /// # async fn with(client: &hub_client::HubClient) -> Result<(), hub_client::CallError> {
    /// use futures_util::StreamExt;
    ///
    /// let mut packing = client.progress::<u8, String>("files", "pack", ("photos",))?;
    /// while let Some(percent) = packing.next().await {
    ///     println!("{} %", percent?);
    /// }
    /// let path = packing.result().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When `args` can't be sent; all else is told by the stream and its result.
    pub fn progress<P: DeserializeOwned, T: DeserializeOwned>(
        &self,
        hub: &str,
        method: &str,
        args: impl Serialize,
    ) -> Result<ProgressStream<P, T>, CallError> {
        let (mut command, result) = self.handle.command(hub, method, &array(&args)?)?;
        let reports = command.reports();
        let handle = self.handle.clone();
        let call = async move { handle.call(command, result).await };
        Ok(ProgressStream::new(Box::pin(call), reports))
    }

    /// Adds a callback. `A` takes all arguments together: a tuple such as `(String, u32)`, or `Vec<serde_json::Value>`
    /// for any. Names are compared ignoring case. Events whose arguments don't fit are reported as
    /// [`ClientEvent::Error`].
    ///
    /// The server sends only what concerns hubs that the builder was told of; see [`Builder::hub`]. What arrived before
    /// is gone: [`Builder::on`] misses nothing.
    ///
    /// ```
    /// # fn with(client: &hub_client::HubClient) {
    /// let subscription = client.on("chat", "message", |(user, text): (String, String)| async move {
    ///     println!("{user}: {text}");
    /// });
    /// subscription.off();
    /// # }
    /// ```
    pub fn on<A, F, Fut>(&self, hub: &str, method: &str, callback: F) -> Subscription
    where
        A: DeserializeOwned,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.handle.handlers.on(hub, method, callback)
    }

    /// Adds a callback whose value goes back to a sender that waits for an acknowledgement; where none waits, as
    /// [`on`](Self::on). Of several callbacks of an event the first value counts, and a failure only if there is none. An
    /// event without callbacks is answered with a failure.
    ///
    /// ```
    /// # fn with(client: &hub_client::HubClient) {
    /// let subscription = client.on_ask("stock", "reserve", |(item, wanted): (String, u32)| async move {
    ///     if wanted > 3 {
    ///         return Err(format!("there are only 3 of {item}"));
    ///     }
    ///     Ok(3 - wanted)
    /// });
    /// subscription.keep();
    /// # }
    /// ```
    pub fn on_ask<A, R, F, Fut>(&self, hub: &str, method: &str, callback: F) -> Subscription
    where
        A: DeserializeOwned,
        R: Serialize,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, String>> + Send + 'static,
    {
        self.handle.handlers.on_ask(hub, method, callback)
    }

    /// All events of a hub from now on, as a stream, beside its callbacks. While nobody reads it and 64 events wait in it,
    /// callbacks wait as well. [`Builder::hub_events`] misses nothing.
    ///
    /// ```
    /// # async fn with(client: &hub_client::HubClient) -> Result<(), serde_json::Error> {
    /// let mut events = client.hub_events("chat");
    /// while let Some(event) = events.next().await {
    ///     match event.method.as_str() {
    ///         "message" => {
    ///             let (user, text): (String, String) = event.read()?;
    ///             println!("{user}: {text}");
    ///         }
    ///         other => println!("{other} {:?}", event.args),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "dropping it ends it"]
    pub fn hub_events(&self, hub: &str) -> HubEvents {
        self.handle.handlers.events(hub, EVENTS)
    }

    /// What goes to a hub with each call and may be changed by it; the typed proxies of [`hub`](Self::hub) have part in it.
    #[must_use]
    pub fn hub_state(&self, hub: &str) -> HubState {
        self.handle.states.of(hub)
    }

    /// The state now.
    #[must_use]
    pub fn state(&self) -> State {
        *self.handle.changes.borrow()
    }

    /// The state, to be awaited: `client.states().wait_for(|state| *state == State::Connected)`. A slow reader sees the
    /// latest state and may miss some between; [`client_events`](Self::client_events) tells all.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<State> {
        self.handle.changes.clone()
    }

    /// What happens to the connection from now on.
    #[must_use]
    pub fn client_events(&self) -> ClientEvents {
        ClientEvents::of(&self.handle.events)
    }

    /// The id that the server gave this connection. It stays the same when the client reconnects.
    #[must_use]
    pub fn connection_id(&self) -> ConnectionId {
        self.handle.id.clone()
    }

    /// How this client and its server are linked. It stays the same when the client reconnects.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.handle.transport
    }

    /// Ends the connection: open calls fail with [`CallError::Disconnected`], events that wait are dropped, and the
    /// server is told not to wait for this client. Returns when that is done, at once if the connection is over already.
    ///
    /// # Cancel safety
    /// The end goes on without the future.
    pub async fn close(&self) {
        self.end();
        self.handle.commands.closed().await;
    }

    /// Begins to close.
    pub(crate) fn end(&self) {
        self.handle.ending.send_replace(true);
    }
}

impl fmt::Debug for HubClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubClient")
            .field("connection_id", &self.handle.id)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Invoke for Handle {
    async fn invoke(&self, hub: &str, method: &str, args: Payload) -> Result<Payload, CallError> {
        let (command, result) = self.command(hub, method, &args)?;
        self.call(command, result).await
    }

    async fn invoke_with_progress(
        &self,
        hub: &str,
        method: &str,
        args: Payload,
        report: &mut Report<'_>,
    ) -> Result<Payload, CallError> {
        self.report(hub, method, args, report).await
    }
}

impl Handle {
    /// A call, and `report` for each of its reports.
    async fn report(
        &self,
        hub: &str,
        method: &str,
        args: Payload,
        mut report: impl FnMut(Payload) -> Result<(), CallError>,
    ) -> Result<Payload, CallError> {
        let (mut command, result) = self.command(hub, method, &args)?;
        let mut reports = command.reports();
        let call = async {
            self.send(command).await?;
            // They end when the call does.
            while let Some(value) = reports.recv().await {
                report(value)?;
            }
            self::result(result).await
        };
        self.in_time(call).await
    }

    /// A call, until its result has come.
    async fn call(&self, command: Command, result: Outcome) -> Result<Payload, CallError> {
        let call = async {
            self.send(command).await?;
            self::result(result).await
        };
        self.in_time(call).await
    }

    async fn send(&self, command: Command) -> Result<(), CallError> {
        let sent = self.commands.send(command).await;
        sent.map_err(|_| CallError::NotConnected)
    }

    fn command(
        &self,
        hub: &str,
        method: &str,
        args: &Payload,
    ) -> Result<(Command, Outcome), CallError> {
        Command::new(hub, method, args, self.states.of(hub))
    }

    async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let Some(allowed) = self.call_timeout else {
            return call.await;
        };
        let done = tokio::time::timeout(allowed, call).await;
        done.unwrap_or(Err(CallError::TimedOut(allowed)))
    }
}

/// Where a result will be.
type Outcome = oneshot::Receiver<Result<Payload, CallError>>;

async fn result(of: Outcome) -> Result<Payload, CallError> {
    of.await.unwrap_or(Err(CallError::Disconnected))
}

/// Arguments as a JSON array; `()` is none.
fn array(args: &impl Serialize) -> Result<Payload, CallError> {
    let args = Payload::of(args).map_err(CallError::Encode)?;
    Ok(if args.is_null() {
        Payload::empty_array()
    } else {
        args
    })
}
