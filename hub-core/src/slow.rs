//! Clients that read slowly: what becomes of what is sent to them ([`WhenFull`]), and what their hub hears ([`Pressure`]).

use std::sync::Arc;

/// What becomes of an event for a client that does not take what waits for it ([`Audience::when_full`](crate::Audience::when_full)).
/// Nobody else notices any of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// It waits in the log, and the client gets it in its turn. If the log lets go of it before, or the client takes nothing
    /// for too long, its link ends: it comes back, goes on from its cursor, and a gap is told.
    #[default]
    Wait,
    /// Only the newest wait: of all such events of any sender that a slow client has not been sent yet it gets the last 64, and the
    /// gap is told to clients that can be told, counted, and told with
    /// [`Pressure::Relieved`]. The link goes on. A client that only was away gets what the log has, as ever.
    DropOldest,
    /// Of those that wait in the log under one key on one topic only the last is sent; that is no gap. They wait there for a client
    /// that comes back, and for one that does not take what it is sent: 16 frames wait in memory for it, or its socket is full.
    /// A client that keeps up gets each.
    Coalesce(Arc<str>),
}

/// What waits in memory for a client, as its hub hears of it (`on_pressure`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pressure {
    /// It reads slowly: half of what may wait in its outbox does, or what comes now waits in the log.
    Rises,
    /// Nothing waits any more, or its link has ended.
    Relieved {
        /// How many events it was not sent, as they were sent with [`WhenFull::DropOldest`].
        left_out: u64,
    },
}
