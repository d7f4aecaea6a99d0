//! [`Transport`]: a link to the server, both directions.

pub(crate) mod websocket;

use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::Bytes;
use hub_core::BoxFuture;

use crate::error::LinkError;

/// A link to the server. One task owns it, so reading and writing share one `poll` that never waits for the one while
/// the other could go on: a peer that writes before it reads must not be able to stop us both.
pub(crate) trait Transport: Send {
    /// Writes what was given and, if `read`, looks for a frame. Ready with a frame, or with `None` when all that was
    /// given is written. Pending keeps nothing back that the next poll would not give.
    fn poll(&mut self, cx: &mut Context<'_>, read: bool) -> Poll<Result<Option<Bytes>, LinkError>>;

    /// Whether all that was given is written: the time to give the next frame.
    fn idle(&self) -> bool;

    /// Gives a frame to write, when [`idle`](Self::idle). It is written while the link is polled.
    fn send(&mut self, frame: Bytes);

    /// Says goodbye if that is possible at once.
    fn close(&mut self) -> BoxFuture<'_, ()>;
}

/// Waits until [`Transport::poll`] is ready.
pub(crate) async fn next(link: &mut dyn Transport, read: bool) -> Result<Option<Bytes>, LinkError> {
    poll_fn(|cx| link.poll(cx, read)).await
}
