//! Callbacks: who wants which event.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use futures_util::{FutureExt, Stream};
use hub_core::{Args, BoxFuture, Event, EventRouter, HubName, Payload};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, watch};

use crate::answers::Outcome;
use crate::client::Handle;
use crate::resync::{Resyncs, Take};

/// Gives a value for the sender, if it has one, or the text of what went wrong.
pub(crate) type Callback = Arc<dyn Fn(Event) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// The callbacks of a client by hub and method, compared ignoring case.
#[derive(Default)]
pub(crate) struct Handlers {
    table: Mutex<Table>,
    muted: AtomicBool,
    client: watch::Sender<Weak<Handle>>,
}

#[derive(Default)]
struct Table {
    next: u64,
    by_name: HashMap<Name, Vec<(u64, Callback)>>,
    takes: HashMap<String, Take>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Name {
    hub: String,
    /// `None` is any.
    method: Option<String>,
}

impl Name {
    fn of(hub: &str, method: &str) -> Self {
        Self {
            hub: hub.to_ascii_lowercase(),
            method: Some(method.to_ascii_lowercase()),
        }
    }

    fn any(hub: &str) -> Self {
        Self {
            hub: hub.to_ascii_lowercase(),
            method: None,
        }
    }
}

impl Handlers {
    /// Adds a callback whose arguments are read as one `A`, and that has nothing to say.
    pub(crate) fn on<A, F, Fut>(
        self: &Arc<Self>,
        hub: &str,
        method: &str,
        callback: F,
    ) -> Subscription
    where
        A: DeserializeOwned,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.reading(hub, method, move |args| callback(args).map(|()| Ok(None)))
    }

    /// Adds a callback whose value goes back to the sender, if that waits for one.
    pub(crate) fn on_ask<A, R, F, Fut>(
        self: &Arc<Self>,
        hub: &str,
        method: &str,
        callback: F,
    ) -> Subscription
    where
        A: DeserializeOwned,
        R: Serialize,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, String>> + Send + 'static,
    {
        let written = |value: R| match Payload::of(&value) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(format!("the value has no JSON form: {error}")),
        };
        self.reading(hub, method, move |args| {
            callback(args).map(move |outcome| outcome.and_then(written))
        })
    }

    fn reading<A, F, Fut>(self: &Arc<Self>, hub: &str, method: &str, callback: F) -> Subscription
    where
        A: DeserializeOwned,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        let callback = move |event: Event| match event.args.read::<A>() {
            Ok(args) => Box::pin(callback(args)) as BoxFuture<'static, _>,
            Err(error) => {
                let text = format!("the arguments do not fit: {error}");
                Box::pin(std::future::ready(Err(text)))
            }
        };
        self.add(Name::of(hub, method), Arc::new(callback))
    }

    /// Hands on all events of a hub; callbacks wait while nobody takes them and `room` of them are there.
    pub(crate) fn events(self: &Arc<Self>, hub: &str, room: usize) -> HubEvents {
        let (sender, events) = mpsc::channel(room);
        let callback = move |event: Event| {
            let sender = sender.clone();
            Box::pin(async move {
                // Nobody takes them any more: the subscription is about to end.
                let _ = sender.send(HubEvent::from(event)).await;
                Ok(None)
            }) as BoxFuture<'static, _>
        };
        HubEvents {
            events,
            _subscription: self.add(Name::any(hub), Arc::new(callback)),
        }
    }

    /// Adds all callbacks of a router, for good.
    pub(crate) fn route(self: &Arc<Self>, hub: &str, router: impl EventRouter) {
        let router: Arc<dyn EventRouter> = Arc::new(router);
        for method in router.methods() {
            let router = Arc::clone(&router);
            let callback = move |event: Event| {
                let router = Arc::clone(&router);
                Box::pin(async move { routed(&*router, &event).await }) as BoxFuture<'static, _>
            };
            self.add(Name::of(hub, method), Arc::new(callback)).keep();
        }
    }

    /// From now on events are dropped.
    pub(crate) fn mute(&self) {
        self.muted.store(true, Ordering::Release);
    }

    /// Whether events are dropped.
    pub(crate) fn is_muted(&self) -> bool {
        self.muted.load(Ordering::Acquire)
    }

    /// Keeps a hub in step with this function.
    pub(crate) fn keep_in_step(&self, hub: &str, take: Take) {
        self.lock().takes.insert(hub.to_ascii_lowercase(), take);
    }

    /// The hubs that are kept in step, at the beginning of a connection.
    pub(crate) fn resyncs(&self) -> Resyncs {
        Resyncs::begin(self.lock().takes.clone(), self.client.subscribe())
    }

    /// Says whose callbacks they are.
    pub(crate) fn belong_to(&self, client: Weak<Handle>) {
        self.client.send_replace(client);
    }

    fn add(self: &Arc<Self>, name: Name, callback: Callback) -> Subscription {
        let mut table = self.lock();
        let id = table.next;
        table.next += 1;
        table
            .by_name
            .entry(name.clone())
            .or_default()
            .push((id, callback));
        Subscription {
            handlers: Arc::downgrade(self),
            name,
            id,
        }
    }

    fn remove(&self, name: &Name, id: u64) {
        let mut table = self.lock();
        let Some(callbacks) = table.by_name.get_mut(name) else {
            return;
        };
        let at = callbacks.iter().position(|(other, _)| *other == id);
        let removed = at.map(|at| callbacks.remove(at));
        if callbacks.is_empty() {
            table.by_name.remove(name);
        }
        // What a callback owns may have a `drop` that comes back here.
        drop(table);
        drop(removed);
    }

    /// Who wants an event.
    pub(crate) fn of(&self, event: &Event) -> Vec<Callback> {
        let hub = event.hub.as_str();
        let names = [Name::of(hub, &event.method), Name::any(hub)];
        let table = self.lock();
        let callbacks = names.iter().filter_map(|name| table.by_name.get(name));
        let callbacks: Vec<_> = callbacks.flatten().map(|(_, c)| Arc::clone(c)).collect();
        drop(table);
        if callbacks.is_empty() {
            tracing::debug!(hub, method = %event.method, "nobody listens");
        }
        callbacks
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn routed(router: &dyn EventRouter, event: &Event) -> Outcome {
    let args = Args::parse(event.args.as_bytes().clone()).map_err(|error| error.to_string())?;
    match router.route(&event.method, args) {
        Some(done) => done.await.map(|()| None).map_err(|error| error.to_string()),
        None => Err("there is no such callback".to_owned()),
    }
}

/// A panic in a callback ends that callback and nothing else.
pub(crate) async fn guarded(callback: &Callback, event: &Event) -> Outcome {
    let call = async { callback(event.clone()).await };
    match AssertUnwindSafe(call).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(panic) => Err(format!("it panicked: {}", text_of(&*panic))),
    }
}

/// What a panic says.
pub(crate) fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no text)")
}

/// A callback's place with a client. Dropping it ends the subscription; a call that is running runs to its end.
#[must_use = "dropping a subscription ends it: hold it, or `keep` it"]
pub struct Subscription {
    handlers: Weak<Handlers>,
    name: Name,
    id: u64,
}

impl Subscription {
    /// Ends the subscription.
    pub fn off(self) {
        drop(self);
    }

    /// Lets the subscription last as long as its client.
    pub fn keep(mut self) {
        self.handlers = Weak::new();
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(handlers) = self.handlers.upgrade() {
            handlers.remove(&self.name, self.id);
        }
    }
}

/// An event of a hub, whatever its name.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HubEvent {
    /// The hub, as the server wrote it.
    pub hub: HubName,
    /// The callback that it calls, as the server wrote it.
    pub method: String,
    /// The arguments, an array.
    pub args: Payload,
}

impl HubEvent {
    /// The arguments together, as a tuple such as `(String, u32)` or as a `Vec<serde_json::Value>`.
    ///
    /// # Errors
    /// When they don't fit.
    pub fn read<A: DeserializeOwned>(&self) -> Result<A, serde_json::Error> {
        self.args.read()
    }
}

impl From<Event> for HubEvent {
    fn from(event: Event) -> Self {
        Self {
            hub: event.hub,
            method: event.method.to_string(),
            args: event.args,
        }
    }
}

/// All events of a hub, in order: a stream that ends with its client. Callbacks wait for its reader.
#[derive(Debug)]
pub struct HubEvents {
    events: mpsc::Receiver<HubEvent>,
    _subscription: Subscription,
}

impl HubEvents {
    /// The next event, `None` when the client is gone.
    ///
    /// # Cancel safety
    /// Dropping the future loses no event.
    pub async fn next(&mut self) -> Option<HubEvent> {
        self.events.recv().await
    }
}

impl Stream for HubEvents {
    type Item = HubEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<HubEvent>> {
        self.events.poll_recv(cx)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("hub", &self.name.hub)
            .field("method", &self.name.method)
            .finish_non_exhaustive()
    }
}
