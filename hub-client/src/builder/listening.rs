//! What a client listens to.

use std::fmt;

use hub_core::EventRouter;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Builder;
use crate::client::{EVENTS, HubClient};
use crate::handlers::HubEvents;
use crate::hub_state::HubState;
use crate::resync;

impl Builder {
    /// Listens to a hub. The server delivers events, lets groups be rejoined and says `connected` only for the hubs
    /// that are named here or by [`events`](Self::events) or [`on`](Self::on); methods can be called of any. A name that
    /// the server doesn't know makes it refuse the connection.
    pub fn hub(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        // The server refuses a hub that is named twice.
        if !self.hubs.iter().any(|hub| hub.eq_ignore_ascii_case(&name)) {
            self.hubs.push(name);
        }
        self
    }

    /// Listens to `hub` with the callbacks of `router`, which `#[hub_client]` makes of a trait:
    /// `.events("chat", ChatClientEvents(handler))`.
    pub fn events(self, hub: &str, router: impl EventRouter) -> Self {
        self.handlers.route(hub, router);
        self.hub(hub)
    }

    /// Listens to `hub` with a callback, for as long as the client lives; see [`HubClient::on`].
    pub fn on<A, F, Fut>(self, hub: &str, method: &str, callback: F) -> Self
    where
        A: DeserializeOwned,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.handlers.on(hub, method, callback).keep();
        self.hub(hub)
    }

    /// Listens to `hub` with a callback whose value goes back to a sender that waits for it; see [`HubClient::on_ask`].
    pub fn on_ask<A, R, F, Fut>(self, hub: &str, method: &str, callback: F) -> Self
    where
        A: DeserializeOwned,
        R: Serialize,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, String>> + Send + 'static,
    {
        self.handlers.on_ask(hub, method, callback).keep();
        self.hub(hub)
    }

    /// Listens to all events of `hub` from the beginning, as a stream; see [`HubClient::hub_events`]. `connect` has to be
    /// awaited beside it or before.
    pub fn hub_events(self, hub: &str) -> (Self, HubEvents) {
        let events = self.handlers.events(hub, EVENTS);
        (self.hub(hub), events)
    }

    /// What goes to a hub with each call from the beginning on; see [`HubClient::hub_state`].
    #[must_use]
    pub fn hub_state(&self, hub: &str) -> HubState {
        self.states.of(hub)
    }

    /// Keeps what the application knows of `hub` in step with the server, by snapshots: the first one is taken when the
    /// connection is there, and another whenever events of the hub are gone for good ([`ClientEvent::Gap`]). `snapshot`
    /// asks the server for what there is now, together with the server's `cx.position()`, takes it over in place of what it
    /// had, and gives that position.
    ///
    /// Meanwhile the hub's events are held back. Then those that the snapshot has are dropped, and the others reach their
    /// callbacks in order. A server that reads its position before what it sends gives events twice rather than not at
    /// all: callbacks should take that, or the server keep both under one lock.
    ///
    /// One snapshot is taken at a time: a gap meanwhile, or more than 10,000 held events, drop it and begin anew. One that
    /// fails ([`ClientEvent::ResyncFailed`]) is taken again after 1 to 30 seconds, or when the link is there again. A hub
    /// has one such function, the last that was given. The client that it gets keeps the connection as any clone does.
    ///
    /// ```no_run
    /// # use serde::Deserialize;
    /// use hub_client::{CallError, HubClient};
    ///
    /// #[derive(Deserialize)]
    /// struct List {
    ///     items: Vec<String>,
    ///     position: String,
    /// }
    ///
    /// # async fn run() -> Result<(), hub_client::ConnectError> {
    /// let client = HubClient::builder("http://127.0.0.1:8080/signalr")
    ///     .on("todo", "added", |(item,): (String,)| async move { println!("+ {item}") })
    ///     .resync("todo", |client| async move {
    ///         let list: List = client.invoke("todo", "list", ()).await?;
    ///         println!("{}", list.items.join("\n"));
    ///         Ok::<_, CallError>(list.position)
    ///     })
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`ClientEvent::Gap`]: crate::ClientEvent::Gap
    /// [`ClientEvent::ResyncFailed`]: crate::ClientEvent::ResyncFailed
    pub fn resync<F, Fut, E>(self, hub: &str, snapshot: F) -> Self
    where
        F: Fn(HubClient) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, E>> + Send + 'static,
        E: fmt::Display,
    {
        self.handlers.keep_in_step(hub, resync::take(snapshot));
        self.hub(hub)
    }
}
