//! [`Transport`]: how a client and its server are linked, and the [`Link`] that is made so.

mod event_stream;
pub(crate) mod long_polling;
pub(crate) mod server_sent_events;
pub(crate) mod websocket;
mod whole_head;

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::Bytes;
use hub_core::BoxFuture;

use crate::error::LinkError;

/// How a client and its server are linked (`classic-signalr.md` 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// One WebSocket, both ways.
    WebSockets,
    /// A response that goes on and on, and a request for each call.
    ServerSentEvents,
    /// A request that is answered when there is something to say, again and again, and a request for each call.
    LongPolling,
}

impl Transport {
    /// What a client tries, in this order, unless it is told otherwise.
    pub(crate) const ALL: [Self; 3] = [Self::WebSockets, Self::ServerSentEvents, Self::LongPolling];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebSockets => "webSockets",
            Self::ServerSentEvents => "serverSentEvents",
            Self::LongPolling => "longPolling",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a client stands: cursor and groups token, as far as it has been told.
pub(crate) type Place<'a> = (Option<&'a str>, Option<&'a str>);

/// A link to the server. One task owns it, so reading and writing share one `poll` that never waits for the one while
/// the other could go on: a peer that writes before it reads must not be able to stop us both.
pub(crate) trait Link: Send {
    /// Writes what was given and, if told after which place, looks for a frame. Ready with a frame, or with `None` when
    /// all that was given is written. Pending keeps nothing back that the next poll would not give.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        after: Option<Place<'_>>,
    ) -> Poll<Result<Option<Bytes>, LinkError>>;

    /// Whether all that was given is written: the time to give the next frame.
    fn idle(&self) -> bool {
        true
    }

    /// Gives a frame to write, when [`idle`](Self::idle). It is written while the link is polled. Links that only
    /// receive are given none.
    fn send(&mut self, _frame: Bytes) {}

    /// Whether the server says something at intervals, so that silence means that it is gone.
    fn is_watched(&self) -> bool {
        true
    }

    /// Says goodbye if that is possible at once.
    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// Waits until [`Link::poll`] is ready.
pub(crate) async fn next(
    link: &mut dyn Link,
    after: Option<Place<'_>>,
) -> Result<Option<Bytes>, LinkError> {
    poll_fn(|cx| link.poll(cx, after)).await
}
