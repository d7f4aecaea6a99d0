//! The client against the real server over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod answering;
mod away;
mod board;
mod calling;
mod closing;
mod cutting;
mod dice;
mod doors;
mod each;
mod hub;
mod in_step;
mod offline;
mod pool;
mod presence;
mod proxy;
mod secure;
mod through;
