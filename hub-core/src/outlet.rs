//! [`Outlet`]: the only door from hub code to the running server.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::context::Peer;
use crate::cursor::{Body, Epoch};
use crate::error::DeliveryError;
use crate::id::{ConnectionId, GroupName, HubName, QueueName};
use crate::log::Gap;
use crate::message::Item;
use crate::target::Address;

/// What the server does for hub code. Implemented by the server; hub authors use [`Clients`](crate::Clients) and
/// [`Groups`](crate::Groups), tests may implement it to see what a hub sends.
#[async_trait]
pub trait Outlet: Send + Sync + 'static {
    /// Sends an event or a value. Returns when it is in the log and in the outboxes of this node's connections, so that an answer
    /// written afterwards does not overtake it.
    ///
    /// # Errors
    /// When a name is empty or the log did not take it.
    async fn deliver(&self, to: Address, body: Body) -> Result<Option<Queued>, DeliveryError>;

    /// Sends a report of progress to a connection.
    ///
    /// # Errors
    /// When the log did not take it.
    async fn report(&self, to: &ConnectionId, item: Item) -> Result<(), DeliveryError>;

    /// Makes a connection a member of a group. Returns when the connection's receive loop has applied it, so that an
    /// event sent to the group afterwards reaches it.
    ///
    /// # Errors
    /// [`DeliveryError::TimedOut`] when no such connection has acknowledged within 30 s.
    async fn join(
        &self,
        who: &ConnectionId,
        hub: &HubName,
        group: &GroupName,
    ) -> Result<(), DeliveryError>;

    /// Ends a membership; otherwise as [`join`](Self::join).
    ///
    /// # Errors
    /// As for [`join`](Self::join).
    async fn leave(
        &self,
        who: &ConnectionId,
        hub: &HubName,
        group: &GroupName,
    ) -> Result<(), DeliveryError>;

    /// Ends a connection as its client's abort would.
    ///
    /// # Errors
    /// When the log did not take the command.
    async fn abort(&self, who: &ConnectionId) -> Result<(), DeliveryError>;

    /// Changes which queues of a hub keep for a client while it is away.
    ///
    /// # Errors
    /// [`DeliveryError::NoPersistentId`] for a client that can't be known again; or when the log did not take it.
    async fn offline(
        &self,
        who: &Peer,
        hub: &HubName,
        change: Offline,
    ) -> Result<(), DeliveryError>;

    /// Begins to send a client what was kept for it.
    ///
    /// # Errors
    /// As for [`offline`](Self::offline).
    async fn replay(&self, who: &Peer, hub: &HubName) -> Result<Replay, DeliveryError>;
}

/// Where a queue keeps a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queued {
    /// The log's epoch.
    pub epoch: Epoch,
    /// The place in the queue, from 1, without holes.
    pub offset: u64,
    /// The place among everything in the log.
    pub order: u64,
}

/// `<epoch>:<offset>`, the epoch in upper-case hex.
impl fmt::Display for Queued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}:{}", self.epoch.0, self.offset)
    }
}

/// A change of what a client is owed while it is away.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Offline {
    /// These queues, too, and for so long.
    Subscribe(Vec<QueueName>, Duration),
    /// These no more.
    Unsubscribe(Vec<QueueName>),
}

/// What a client that came back finds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replay {
    /// Whether it was away with queues that kept for it, and its time was not over.
    pub reopened: bool,
    /// What should have been kept and was not.
    pub gaps: Vec<Gap>,
}

impl Replay {
    /// What such a client finds.
    #[must_use]
    pub const fn of(reopened: bool, gaps: Vec<Gap>) -> Self {
        Self { reopened, gaps }
    }
}
