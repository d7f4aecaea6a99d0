//! The client against the real server over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod away;
mod calling;
mod closing;
mod cutting;
mod dice;
mod each;
mod hub;
mod offline;
mod proxy;
mod secure;
