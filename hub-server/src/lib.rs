//! A hub server in Rust that classic ASP.NET SignalR clients talk to, unmodified.
//!
//! ```no_run
//! use hub_server::{Context, HubError, HubServer, hub};
//!
//! struct Chat;
//!
//! #[hub]
//! impl Chat {
//!     async fn send(&self, cx: &Context, user: String, text: String) -> Result<(), HubError> {
//!         cx.clients().all().send("message", (&user, &text)).await?;
//!         Ok(())
//!     }
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! HubServer::builder().hub(Chat).build()?.serve("127.0.0.1:8080").await?;
//! # Ok(())
//! # }
//! ```
//!
//! Modules, from the outside in: `http` answers requests, `transport` carries frames, `connection` keeps what a node
//! knows of each client, `hubs` runs calls and sends, `log` keeps what outlives a socket. Imports only go down.
//! With the feature `dashboard` there is `Dashboard`, a page that shows all of it at work.

mod build_error;
mod builder;
mod config;
mod connection;
#[cfg(feature = "dashboard")]
mod dashboard;
mod door;
mod guest;
mod http;
mod hubs;
mod load;
mod log;
mod maps;
mod meter;
mod mount;
mod node;
mod readiness;
pub mod scheduler;
mod serve;
mod server;
mod shared_port;
mod shutdown;
mod text_port;
mod transport;

pub use hub_core::*;
// Rooted here, so that a server needs no second crate in its Cargo.toml.
pub use hub_macros::{hub_client_for_server as hub_client, hub_for_server as hub};

pub use crate::build_error::BuildError;
pub use crate::builder::Builder;
pub use crate::config::Transport;
pub use crate::connection::persistent::PersistentIds;
#[cfg(feature = "dashboard")]
pub use crate::dashboard::{Dashboard, DashboardRecorder, RecorderTaken};
pub use crate::http::auth::{Authenticate, Unauthenticated};
pub use crate::http::credentials::Credentials;
pub use crate::http::negotiate::Negotiated;
pub use crate::http::reply::ResponseBody;
pub use crate::http::service::HubService;
pub use crate::hubs::handle::HubHandle;
#[cfg(feature = "log-suite")]
pub use crate::log::suite as log_suite;
pub use crate::log::{LogOptions, MemoryLog, Overflow};
#[cfg(feature = "redb")]
pub use crate::log::{OpenError, QueueContents, RedbLog};
pub use crate::mount::Mount;
pub use crate::readiness::Readiness;
pub use crate::serve::Serve;
pub use crate::server::{Bound, HubServer};
pub use crate::shared_port::SharedPort;
pub use crate::shutdown::{ShutdownOptions, ShutdownReport};
pub use crate::transport::first_bytes::Begun;

#[doc(hidden)]
pub use hub_core::__private;
