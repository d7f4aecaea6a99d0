//! The keyed scheduler from outside, on executors of the tests' own: one that is turned by hand, one of threads, and some that
//! refuse. What its threads may do to each other is in `src/scheduler/model.rs`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod ends;
mod executor;
mod limits;
mod many;
mod order;
mod races;
mod tickets;
mod waiting;
