//! What the tests share: a server on a real socket, or in memory where the clock is paused, and a client that speaks the
//! wire by hand, so that the tests see exactly what clients see.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "test support"
)]
#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    reason = "test support"
)]

pub mod alone;
pub mod bystander;
pub mod client;
pub mod conformance;
pub mod cut;
pub mod dice;
pub mod farm;
pub mod groups;
pub mod hubs;
pub mod known;
pub mod ledger;
pub mod outside;
pub mod over;
pub mod parting;
pub mod presence;
pub mod receive;
pub mod response;
pub mod server;
pub mod shared_log;
pub mod slow;
pub mod slow_log;
pub mod stops;
pub mod wires;

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

#[allow(unused_imports, reason = "not every test wants it")]
pub use client::{Client, Socket};
pub use response::Response;
pub use server::Server;

/// Longer than anything takes here, unless it never comes.
pub const SOON: Duration = Duration::from_secs(10);

pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Io for S {}

/// Fails instead of hanging.
pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(SOON, future)
        .await
        .expect("it takes too long")
}

/// Waits for a condition by trying it again, for things that leave no other trace.
pub async fn until<T, F: Future<Output = Option<T>>>(mut check: impl FnMut() -> F) -> T {
    let tries = async {
        loop {
            if let Some(found) = check().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(tries).await
}
