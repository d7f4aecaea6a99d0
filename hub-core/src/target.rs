//! [`Target`]: who is meant.

use std::fmt;
use std::sync::Arc;

use crate::context::Peer;
use crate::cursor::Topic;
use crate::id::{ConnectionId, GroupName, HubName, QueueName, UserId};
use crate::lease::Subscriber;
use crate::slow::WhenFull;
use crate::terms::Terms;

/// Who is meant on a hub (`classic-signalr.md` 11.2).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// No connection: what is queued only is for those who are away.
    Nobody,
    /// Every connection of the hub.
    All,
    /// One connection.
    Connection(ConnectionId),
    /// Several connections.
    Connections(Vec<ConnectionId>),
    /// The members of a group.
    Group(GroupName),
    /// The members of several groups; a member of two gets the event twice.
    Groups(Vec<GroupName>),
    /// All connections of a user.
    User(UserId),
    /// All connections of several users.
    Users(Vec<UserId>),
}

impl Target {
    /// The topics to write to.
    #[must_use]
    pub fn topics(&self, hub: &HubName) -> Vec<Topic> {
        let hub = || hub.clone();
        match self {
            Self::Nobody => Vec::new(),
            Self::All => vec![Topic::All(hub())],
            Self::Connection(id) => vec![Topic::Connection(hub(), id.clone())],
            Self::Connections(ids) => ids
                .iter()
                .map(|id| Topic::Connection(hub(), id.clone()))
                .collect(),
            Self::Group(name) => vec![Topic::Group(hub(), name.clone())],
            Self::Groups(names) => names
                .iter()
                .map(|name| Topic::Group(hub(), name.clone()))
                .collect(),
            Self::User(id) => vec![Topic::User(hub(), id.clone())],
            Self::Users(ids) => ids
                .iter()
                .map(|id| Topic::User(hub(), id.clone()))
                .collect(),
        }
    }

    /// What is wrong with it: an empty name.
    #[must_use]
    pub fn empty_name(&self) -> Option<&'static str> {
        let connection = |id: &ConnectionId| id.as_str().is_empty().then_some("connectionId");
        let group = |name: &GroupName| name.as_str().is_empty().then_some("groupName");
        let user = |id: &UserId| id.as_str().is_empty().then_some("userId");
        match self {
            Self::Nobody | Self::All => None,
            Self::Connection(id) => connection(id),
            Self::Connections(ids) => ids.iter().find_map(connection),
            Self::Group(name) => group(name),
            Self::Groups(names) => names.iter().find_map(group),
            Self::User(id) => user(id),
            Self::Users(ids) => ids.iter().find_map(user),
        }
    }
}

/// Where an event goes: a target on a hub, and who is left out.
#[derive(Clone)]
pub struct Address {
    /// The hub that speaks.
    pub hub: HubName,
    /// Who is meant.
    pub target: Target,
    /// Who is left out, whatever the target says.
    pub except: Arc<[ConnectionId]>,
    /// The queue that keeps it for those who are away.
    pub queue: Option<Keeping>,
    /// Of those who are meant, only who is on this node and for whom this holds as it is sent.
    pub matching: Option<Arc<PeerMatching>>,
    /// What becomes of it for those of them who read slowly.
    pub when_full: WhenFull,
}

/// A question about a client that is there.
pub type PeerMatching = dyn Fn(&Peer) -> bool + Send + Sync;

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("hub", &self.hub)
            .field("target", &self.target)
            .field("except", &self.except)
            .field("queue", &self.queue)
            .field("matches", &self.matching.is_some())
            .field("when_full", &self.when_full)
            .finish()
    }
}

/// How what is sent is kept for those who are away.
#[derive(Clone)]
pub struct Keeping {
    /// The queue.
    pub name: QueueName,
    /// For whom, and how long.
    pub terms: Terms,
    /// Says, of those who have subscribed as it is sent, whom it is for, beside those whom the terms name.
    pub matching: Option<Arc<Matching>>,
}

/// A question about somebody who has subscribed to a queue.
pub type Matching = dyn Fn(&Subscriber) -> bool + Send + Sync;

impl Keeping {
    /// For whoever has subscribed.
    pub fn of(name: impl Into<QueueName>) -> Self {
        Self {
            name: name.into(),
            terms: Terms::default(),
            matching: None,
        }
    }
}

impl fmt::Debug for Keeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeping")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
