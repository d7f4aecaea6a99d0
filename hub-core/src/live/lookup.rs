//! [`Sessions`]: the clients that are on a hub on this node, to be looked up.

use std::any::TypeId;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use super::LiveSession;
use crate::context::Peer;
use crate::error::DeliveryError;
use crate::id::{ConnectionId, GroupName, HubName, PersistentId, UserId};
use crate::outlet::Outlet;

/// The clients that are on a hub on this node. What it gives are snapshots: no lock is held while they are looked at.
///
/// A client is there from when its connection listens to the hub, which is shortly before the hub hears of it, and also
/// between two of its requests.
#[derive(Clone)]
pub struct Sessions {
    outlet: Arc<dyn Outlet>,
    hub: HubName,
}

/// Which sessions are meant.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Which<'a> {
    /// All of the hub.
    All,
    /// Those of a user.
    User(&'a UserId),
    /// The members of a group.
    Group(&'a GroupName),
    /// Those of a client that is known again.
    Owner(&'a PersistentId),
    /// One connection.
    Connection(&'a ConnectionId),
}

impl Sessions {
    /// The sessions of `hub`, reached through `outlet`.
    pub fn new(outlet: Arc<dyn Outlet>, hub: HubName) -> Self {
        Self { outlet, hub }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<LiveSession> {
        self.find(Which::All)
    }

    /// Those for whom this holds. All are asked; an index is faster ([`by`](Self::by)).
    #[must_use]
    pub fn matching(&self, holds: impl Fn(&Peer) -> bool) -> Vec<LiveSession> {
        let mut all = self.all();
        all.retain(|session| holds(&session.peer));
        all
    }

    /// Those of a user.
    #[must_use]
    pub fn by_user(&self, id: &UserId) -> Vec<LiveSession> {
        self.find(Which::User(id))
    }

    /// The members of a group. A client that reads more slowly than is sent may be one still for a moment after it has left.
    #[must_use]
    pub fn by_group(&self, name: &GroupName) -> Vec<LiveSession> {
        self.find(Which::Group(name))
    }

    /// Those of a client that is known again: one, unless it is changing its connection.
    #[must_use]
    pub fn by_persistent_id(&self, id: &PersistentId) -> Vec<LiveSession> {
        self.find(Which::Owner(id))
    }

    /// The session of a connection.
    #[must_use]
    pub fn get(&self, id: &ConnectionId) -> Option<LiveSession> {
        self.find(Which::Connection(id)).pop()
    }

    /// Those whose item `T` has this key, by an index that was declared with `session_index` on the server's builder.
    ///
    /// # Errors
    /// [`DeliveryError::NoIndex`] if none was.
    pub fn by<T: 'static, K: Eq + Hash + 'static>(
        &self,
        key: &K,
    ) -> Result<Vec<LiveSession>, DeliveryError> {
        let index = TypeId::of::<(T, K)>();
        let found = self.outlet.clone().indexed(&self.hub, index, key);
        found.ok_or(DeliveryError::NoIndex)
    }

    fn find(&self, which: Which<'_>) -> Vec<LiveSession> {
        self.outlet.clone().sessions(&self.hub, which)
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sessions").field(&self.hub).finish()
    }
}
