//! [`Owners`]: which connection has which persistent id. A second one with the same id takes over (`delivery.md` a.5).

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hub_core::{ConnectionId, PersistentId};

use super::link::Connection;

/// So many connections that were taken over are remembered, the newest: their clients want to come back for a while.
const MAX_TAKEN: usize = 10_000;

#[derive(Default)]
pub(crate) struct Owners(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    current: HashMap<PersistentId, Arc<Connection>>,
    taken: HashSet<ConnectionId>,
    taken_in_order: VecDeque<ConnectionId>,
}

impl Owners {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the id to a connection; the one that had it is to end.
    pub(crate) fn claim(
        &self,
        owner: &PersistentId,
        connection: &Arc<Connection>,
    ) -> Option<Arc<Connection>> {
        let mut inner = self.lock();
        let older = inner.current.insert(owner.clone(), connection.clone());
        let older = older.filter(|older| older.id != connection.id)?;
        inner.taken.insert(older.id.clone());
        inner.taken_in_order.push_back(older.id.clone());
        if inner.taken_in_order.len() > MAX_TAKEN
            && let Some(oldest) = inner.taken_in_order.pop_front()
        {
            inner.taken.remove(&oldest);
        }
        Some(older)
    }

    /// Whether another connection took over from this one: it must not take over in return when it comes back.
    pub(crate) fn is_taken(&self, id: &ConnectionId) -> bool {
        self.lock().taken.contains(id)
    }

    /// The server goes, and its connections do not end.
    pub(crate) fn clear(&self) {
        self.lock().current.clear();
    }

    /// A connection has ended.
    pub(crate) fn release(&self, owner: &PersistentId, connection: &Arc<Connection>) {
        let mut inner = self.lock();
        let current = inner.current.get(owner);
        if current.is_some_and(|current| Arc::ptr_eq(current, connection)) {
            inner.current.remove(owner);
        }
    }
}
