//! [`Lease`]: what a client that is away is owed, and since when (`delivery.md` a.2).

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use crate::id::{HubName, PersistentId, QueueName};
use crate::log::LogError;
use crate::value::Payload;

/// Whose lease it is: one client on one hub.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LeaseKey {
    /// The hub.
    pub hub: HubName,
    /// The client.
    pub owner: PersistentId,
}

/// Values that a hub keeps for a client, by name.
pub type Properties = BTreeMap<String, Payload>;

/// An offline subscription: what a client is owed, and what is kept of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lease {
    /// The queues.
    pub queues: Vec<QueueName>,
    /// The last order that the client has had; what was queued after it is waiting.
    pub after: u64,
    /// How long it lasts once the client is away.
    pub ttl: Duration,
    /// What the hub keeps for the client.
    pub properties: Properties,
}

/// A lease, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    /// The client.
    pub owner: PersistentId,
    /// The user that it is bound to.
    pub user: Option<Box<str>>,
    /// What it is owed.
    pub lease: Lease,
    /// Whether it is connected.
    pub held: bool,
}

impl Subscriber {
    /// What the hub keeps for the client under this name, if it is a `T`.
    #[must_use]
    pub fn property<T: serde::de::DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.lease.properties.get(name)?.read().ok()
    }
}

/// A lease that somebody took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Proves that it was taken last: writes with an older number are refused.
    pub fence: u64,
    /// What was there, if anything was and its time was not over.
    pub lease: Option<Lease>,
    /// Whether something was there and its time was over: the next sweep tells of it.
    pub over: bool,
    /// The oldest of what it is owed, if that is more than a lease may have unread: it has lost them.
    pub lost: Option<Lost>,
}

/// What a lease has lost because too much was unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The order of the last entry that it has lost. What came after it is waiting.
    pub upto: u64,
    /// The queues that they were in.
    pub queues: Vec<QueueName>,
}

/// The leases of a log. A lease is *held* while its client is connected, and runs out only while it is not.
///
/// # Contract
/// * Whoever takes a lease becomes its holder; every write by an earlier one is [`LogError::Fenced`].
/// * A lease that a holder has put and not let go is kept when the holder's process dies, and runs out as if it had been
///   let go when the log was opened again.
/// * What a lease is owed stays in its queues, within their limits, for as long as the lease exists: each entry that was
///   queued after [`Lease::after`] waits, has expired, or is missing, which a read after it tells as a gap.
/// * Its time begins when it is let go (`held` is false), and again with every `put` that lets it go; `take` stops it. It is
///   over exactly [`Lease::ttl`] later: from then on `take` finds nothing and says so ([`Taken::over`]), and the next
///   `sweep` tells of it, once, whoever noticed first. It is never there in part.
/// * `take` of what was never there is no error: it gives a fence, and `put` makes the lease. Fences of one key rise,
///   whatever became of the lease, also after the log was opened again.
/// * A `put` that fails changes nothing, as far as anybody sees.
///
/// # Limits
/// * Too many queues in a lease: [`LogError::TooMany`], and what was there stays. Who is fenced hears of that first.
/// * One more lease of a user than there may be on a hub ends the user's lease that is away for longest, and the next
///   `sweep` tells of it; where none is away, or the hub is full and the user has none that is, it is
///   [`LogError::TooMany`].
/// * A time to live beyond the longest is cut to it.
/// * A lease has so many unread entries; others' ([`Terms::only`](crate::Terms::only)), and those whose own time is over, do
///   not count. With more than that, `take` says which it has lost, the oldest of all its queues, in [`Taken::lost`]; to
///   other leases they are there still. The lease stays as it was until it is put: who takes it again hears of the loss again.
#[async_trait]
pub trait Leases: Send + Sync + 'static {
    /// Takes the lease of this key, whoever held it.
    ///
    /// # Errors
    /// When the store is unavailable or closed.
    async fn take(&self, key: &LeaseKey) -> Result<Taken, LogError>;

    /// Writes the lease; `held` while its client is connected. `None` ends it.
    ///
    /// # Errors
    /// [`LogError::Fenced`] if somebody took it since; otherwise as for [`take`](Self::take).
    async fn put(
        &self,
        key: &LeaseKey,
        fence: u64,
        lease: Option<Lease>,
        held: bool,
    ) -> Result<(), LogError>;

    /// Ends the leases whose time is over; each is told once.
    ///
    /// # Errors
    /// As for [`take`](Self::take).
    async fn sweep(&self) -> Result<Vec<LeaseKey>, LogError>;

    /// The leases on a hub, in no order; one whose time is over may be among them until it was swept.
    ///
    /// # Errors
    /// As for [`take`](Self::take).
    async fn leases(&self, hub: &HubName) -> Result<Vec<Subscriber>, LogError>;

    /// Ties a client to the first user who brought its id; whether it is this one.
    ///
    /// # Errors
    /// As for [`take`](Self::take).
    async fn bind(&self, owner: &PersistentId, user: Option<&str>) -> Result<bool, LogError>;
}
