//! The client against a scripted classic server: what it sends is compared byte by byte where the wire fixes it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod calling;
mod closing;
mod connecting;
mod contract;
mod in_step;
mod options;
mod polling;
mod proxied;
mod reconnecting;
mod server;
mod streaming;
mod transports;
