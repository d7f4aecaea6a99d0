//! The client against the recordings of the original server: a server that says what the original said, word for word.
//!
//! `examples/conformance/transcripts/*.jsonl` were recorded from the original, one scenario a file. Each conversation of a
//! client in there is played on each transport, dressed as that transport dresses it: the client is made to do what the
//! recorded one did, what it sends is compared with what that sent, and what it makes of the answers with what they say.
//! Of requests the order of parameters does not count, nor what official clients vary (`tid`, `_`), and `tags=1`, which
//! our client adds for servers of its own. `lists` says what is played, and why the rest is not.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod calls;
mod conversation;
#[path = "../../../examples/tests/transcripts/event.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the server's tests use all of it"
)]
mod event;
mod line;
mod lists;
mod player;
mod reading;
mod redirects;
mod request;
#[path = "../classic/server.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod server;
mod statuses;
#[path = "../../../examples/tests/transcripts/text.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the server's tests use all of it"
)]
mod text;
