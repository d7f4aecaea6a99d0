//! The Rust client of *hub*: calls hub methods, receives their callbacks, and comes back by itself when the link breaks.
//! It speaks classic ASP.NET SignalR 2.x over WebSockets, server-sent events or long polling, to a *hub* server or to the
//! original.
//!
//! ```no_run
//! use hub_client::HubClient;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = HubClient::builder("http://127.0.0.1:8080/signalr")
//!     .on("chat", "message", |(user, text): (String, String)| async move {
//!         println!("{user}: {text}");
//!     })
//!     .connect()
//!     .await?;
//! let people: Vec<String> = client.invoke("chat", "join", ("lobby", "ann")).await?;
//! println!("{} people are here", people.len());
//! client.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! With a contract the same is typed: [`HubClient::hub`] gives the proxy that [`#[hub]`](macro@hub) makes of a trait, and
//! [`Builder::events`] takes the handler that [`#[hub_client]`](macro@hub_client) makes of another. A contract is usually
//! a crate of its own, shared with the server:
//!
//! ```no_run
//! use hub_client::{Context, HubClient, HubError, hub, hub_client};
//!
//! #[hub]
//! trait Chat {
//!     async fn join(&self, cx: &Context, room: String) -> Result<Vec<String>, HubError>;
//! }
//!
//! #[hub_client]
//! trait ChatClient {
//!     async fn message(&self, user: String, text: String) -> Result<(), HubError>;
//! }
//!
//! struct Screen;
//!
//! impl ChatClient for Screen {
//!     async fn message(&self, user: String, text: String) -> Result<(), HubError> {
//!         println!("{user}: {text}");
//!         Ok(())
//!     }
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = HubClient::builder("http://127.0.0.1:8080/signalr")
//!     .events("chat", ChatClientEvents(Screen))
//!     .connect()
//!     .await?;
//! let chat = client.hub::<ChatProxy>();
//! let people = chat.join("lobby".into()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What to expect
//!
//! * **Calls** are answered once or fail: with [`CallError::Reconnecting`] when the link broke first, with
//!   [`CallError::NotConnected`] when there was none. A failed call is never repeated by the client, since only the
//!   application knows whether that is safe.
//! * **Callbacks** run one after the other, in the order in which the server sent them, on a task of their own, so a
//!   callback may itself call the server. While callbacks are slow at most [`Builder::event_buffer`] events wait; then
//!   the socket is no longer read until there is room, and the server notices.
//! * **Transports** are tried in turn until one works ([`Builder::transports`]). Where the link only receives, each call is a
//!   request of its own: calls may overtake each other and their events, results and progress come side by side, and a
//!   link that ends does not fail them (one that falls silent does); [`CallError::Send`] says that the request did.
//! * **Progress** of a method reaches [`HubClient::invoke_with_progress`], and of a contract's method `pack` its proxy's
//!   `pack_with_progress`; other callers ignore it.
//! * **Links break.** The client is then [`State::Reconnecting`]: it comes back with its cursor and groups, so that the
//!   server sends what was missed, and gives up after the server's disconnect timeout. [`HubClient::states`] and
//!   [`HubClient::client_events`] tell.
//! * **Proxies** that the environment names (`http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`) are used, except for this
//!   machine's own servers. They are of `http://`; with another one nothing can be reached.
//!
//! Of a server of *hub*, not of the original:
//!
//! * **Answers**: a sender that waits for an acknowledgement gets one when the callbacks have run, with the value of an
//!   [`Builder::on_ask`].
//! * **Gaps** are told ([`ClientEvent::Gap`]), and hubs with a [`Builder::resync`] begin with a snapshot and take another
//!   when they have missed something.
//!
//! # Where it runs
//!
//! On tokio, wherever that has sockets. There is no blocking façade: a program without async code enters a runtime where
//! it needs the client, whose tasks go on between two calls:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use hub_client::HubClient;
//!
//! let runtime = tokio::runtime::Runtime::new()?;
//! let connecting = HubClient::builder("http://127.0.0.1:8080/signalr").connect();
//! let client = runtime.block_on(connecting)?;
//! let sum: i32 = runtime.block_on(client.invoke("calculator", "add", (1, 2)))?;
//! # Ok(())
//! # }
//! ```
//!
//! Nor does it compile for `wasm32-unknown-unknown`: a browser has neither sockets nor tasks that may be sent between threads,
//! so that transports, timers and the bounds of all callbacks would be there twice. In a browser use the server's own
//! `hub.js`, which has the same answers, gaps and resync.
//!
//! # Where things are
//!
//! `builder` and `client` are what an application touches; `events` what it is told; `handlers` are its callbacks, `runner`
//! the task that calls them, and `resync` keeps hubs in step there. `driver` is the task of one connection: it owns the link
//! (`transport`), the `posts` that go beside it, the receiving half (`reception`, which knows a `place` in the server's
//! log), the table of open calls (`calls`) and the `answers`, and asks `retry` how long to wait. Before it `opening` makes
//! the connection, from what `negotiate` reads; `route` knows where requests go and what each carries (`tokens`), `address`
//! what a URL is, and `http` carries them.

mod address;
mod answers;
mod builder;
mod calls;
mod client;
mod driver;
mod error;
mod events;
mod handlers;
mod http;
mod hub_state;
mod life;
mod negotiate;
mod opening;
mod place;
mod pool;
mod posts;
mod progress;
mod reception;
mod resync;
mod retry;
mod route;
mod runner;
mod tokens;
mod transport;

pub use builder::Builder;
pub use client::HubClient;
pub use error::{CloseReason, ConnectError, EventError, LinkError};
pub use events::{ClientEvent, ClientEvents};
pub use handlers::{HubEvent, HubEvents, Subscription};
pub use hub_core::{
    CallError, ConnectionId, Context, EventRouter, HubError, Invoke, Member, Missed, Payload,
    PresenceChange, PresenceDiff, PresencePage, PresenceView, Progress, Proxy, Report,
};
pub use hub_macros::{hub_client_for_client as hub_client, hub_for_client as hub};
pub use hub_state::HubState;
pub use life::State;
pub use pool::{ClientPool, PoolError, Resolve};
pub use progress::ProgressStream;
pub use retry::RetryPolicy;
pub use transport::Transport;

/// What generated code refers to. Not for people.
#[doc(hidden)]
pub mod __private {
    pub use hub_core::__private::*;
}

// The README's programs have to compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
