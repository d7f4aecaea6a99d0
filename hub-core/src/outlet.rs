//! [`Outlet`]: the only door from hub code to the running server.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::ack::{AckOptions, Acks};
use crate::context::Peer;
use crate::cursor::{Body, Cursor, Epoch};
use crate::error::DeliveryError;
use crate::history::History;
use crate::id::{ConnectionId, GroupName, HubName, QueueName};
use crate::lease::Properties;
use crate::live::{LiveSession, Which};
use crate::log::Gap;
use crate::message::{Event, Item};
use crate::presence::Roll;
use crate::target::Address;
use crate::value::Payload;

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

    /// Sends an event and waits until everybody who was to get it has acknowledged it, or has not in time.
    ///
    /// # Errors
    /// As for [`deliver`](Self::deliver); that somebody did not acknowledge is no error.
    async fn ask(&self, to: Address, event: Event, how: AckOptions) -> Result<Acks, DeliveryError>;

    /// Everything up to here has been handed to those who listen.
    fn position(&self) -> Cursor;

    /// What the log has of a target after a position that a client brings, and at most so many of the newest.
    ///
    /// # Errors
    /// When a name is empty, or the log can't be read.
    async fn history(
        &self,
        of: Address,
        after: Option<&str>,
        limit: usize,
    ) -> Result<History, DeliveryError>;

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

    /// What a hub keeps for a client.
    ///
    /// # Errors
    /// As for [`offline`](Self::offline).
    async fn properties(&self, who: &Peer, hub: &HubName) -> Result<Properties, DeliveryError>;

    /// The sessions of a hub that are on this node. Unless the outlet knows of any, there are none.
    fn sessions(self: Arc<Self>, _hub: &HubName, _which: Which<'_>) -> Vec<LiveSession> {
        Vec::new()
    }

    /// The same by the key of an index, which bears the type of item and key; `None` if there is no such index.
    fn indexed(
        self: Arc<Self>,
        _hub: &HubName,
        _index: TypeId,
        _key: &dyn Any,
    ) -> Option<Vec<LiveSession>> {
        None
    }

    /// Who is on a hub on this node; `None` if the hub has no presence.
    fn presence(self: Arc<Self>, _hub: &HubName) -> Option<Arc<dyn Roll>> {
        None
    }
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
    /// Whether it was there already: it had been sent once under the same name.
    pub duplicate: bool,
    /// How many connections of this node were there to get it at once.
    pub live: u32,
    /// How many leases of clients that are away owe it.
    pub waiting: u32,
}

/// `<epoch>:<offset>`, the epoch in upper-case hex.
impl fmt::Display for Queued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}:{}", self.epoch.0, self.offset)
    }
}

/// How queues keep for a client that is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OfflineOptions {
    /// For how long; 30 s by default, and 30 days at most.
    pub ttl: Duration,
    /// From where on.
    pub start: OfflineStart,
}

/// From where on queues keep for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OfflineStart {
    /// From what it is known to have had, which may be before it was noticed to be gone.
    #[default]
    AfterAcked,
    /// From when it is noticed to be gone: what was on its way is not kept.
    Now,
}

impl Default for OfflineOptions {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(30),
            start: OfflineStart::default(),
        }
    }
}

impl OfflineOptions {
    /// The longest time that anything is kept.
    pub const MAX_TTL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

    /// From where on they keep.
    #[must_use]
    pub fn start(mut self, start: OfflineStart) -> Self {
        self.start = start;
        self
    }
}

/// For so long.
impl From<Duration> for OfflineOptions {
    fn from(ttl: Duration) -> Self {
        Self {
            ttl: ttl.min(Self::MAX_TTL),
            ..Self::default()
        }
    }
}

/// A change of what a client is owed while it is away.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Offline {
    /// These queues, too.
    Subscribe(Vec<QueueName>, OfflineOptions),
    /// These no more.
    Unsubscribe(Vec<QueueName>),
    /// The hub keeps a value for the client under this name; `None` removes it.
    Property(String, Option<Payload>),
    /// The hub keeps no value any more.
    Clear,
    /// What the client has subscribed to has changed.
    Topics,
}

/// What a client that came back finds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replay {
    /// Whether it was away with queues that kept for it, and its time was not over.
    pub reopened: bool,
    /// What should have been kept and was not.
    pub gaps: Vec<Gap>,
    /// How many messages were left out because their own time was over.
    pub expired: u64,
}

impl Replay {
    /// What such a client finds.
    #[must_use]
    pub const fn of(reopened: bool, gaps: Vec<Gap>, expired: u64) -> Self {
        Self {
            reopened,
            gaps,
            expired,
        }
    }
}
