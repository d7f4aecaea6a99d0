//! What comes of an event that its sender wants acknowledged (`delivery.md` b.1).

use std::time::Duration;

use crate::id::ConnectionId;
use crate::value::Payload;

/// How long, and through what, a sender waits for those who receive an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AckOptions {
    /// How long; 10 s by default.
    pub timeout: Duration,
    /// What becomes of a receiver whose link breaks meanwhile.
    pub on_disconnect: OnDisconnect,
}

impl AckOptions {
    /// Waits so long.
    #[must_use]
    pub fn within(timeout: Duration) -> Self {
        Self {
            timeout,
            ..Self::default()
        }
    }

    /// What becomes of a receiver whose link breaks meanwhile.
    #[must_use]
    pub fn on_disconnect(mut self, on_disconnect: OnDisconnect) -> Self {
        self.on_disconnect = on_disconnect;
        self
    }
}

impl Default for AckOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            on_disconnect: OnDisconnect::Keep,
        }
    }
}

/// What becomes of a receiver whose link breaks before it has acknowledged. To keep the event for it beyond the end of
/// its connection, queue it as well ([`Audience::and_queue`](crate::Audience::and_queue)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnDisconnect {
    /// It may come back and acknowledge: it gets the event again if it had not had it.
    #[default]
    Keep,
    /// It counts as gone at once, whether it comes back or not.
    Fail,
}

/// A receiver has the event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Acked {
    /// From the sending until the answer was heard.
    pub rtt: Duration,
    /// What its callback gave back. `None` as well where a client can't answer: a classic one has the event when its bytes
    /// have left, or with its next poll.
    pub value: Option<Payload>,
}

impl Acked {
    /// An answer after so long.
    #[must_use]
    pub const fn after(rtt: Duration, value: Option<Payload>) -> Self {
        Self { rtt, value }
    }
}

/// Why a receiver did not acknowledge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// It did not answer in time. It may have the event, or get it yet.
    #[error("no answer came in time")]
    TimedOut,
    /// Its callback failed, or it has none.
    #[error("the client's callback failed: {0}")]
    Failed(String),
    /// Its connection is over, or broke where that counts as over.
    #[error("the connection is gone")]
    Gone,
    /// It owes so many answers that this one was not asked for; the event was sent.
    #[error("the connection owes too many answers")]
    Overflow,
}

/// What came of an event, for each connection that was to get it.
pub type Acks = Vec<(ConnectionId, Result<Acked, AckError>)>;
