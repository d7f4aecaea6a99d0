//! [`Owners`]: which connection has which persistent id. A second one with the same id takes over (`delivery.md` a.5).

use std::collections::hash_map::Entry;
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
    /// The newest is the last; those before it are ending, and may have to write what their client has had.
    of: HashMap<PersistentId, Vec<Arc<Connection>>>,
    taken: HashSet<ConnectionId>,
    taken_in_order: VecDeque<ConnectionId>,
}

impl Owners {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the id to a connection; those that had it are to end, and are not all through with that.
    pub(crate) fn claim(
        &self,
        owner: &PersistentId,
        connection: &Arc<Connection>,
    ) -> Vec<Arc<Connection>> {
        let mut inner = self.lock();
        let all = inner.of.entry(owner.clone()).or_default();
        all.retain(|other| !Arc::ptr_eq(other, connection));
        let older = all.clone();
        all.push(connection.clone());
        // One that ended and comes back is the same to its client.
        let others = older.iter().filter(|other| other.id != connection.id);
        for other in others {
            inner.take(&other.id);
        }
        older
    }

    /// The connections that have an id: one, but for those that are ending.
    pub(crate) fn of(&self, owner: &PersistentId) -> Vec<Arc<Connection>> {
        self.lock().of.get(owner).cloned().unwrap_or_default()
    }

    /// Whether another connection took over from this one: it must not take over in return when it comes back.
    pub(crate) fn is_taken(&self, id: &ConnectionId) -> bool {
        self.lock().taken.contains(id)
    }

    /// The server goes, and its connections do not end.
    pub(crate) fn clear(&self) {
        self.lock().of.clear();
    }

    /// A connection has ended.
    pub(crate) fn release(&self, owner: &PersistentId, connection: &Arc<Connection>) {
        let mut inner = self.lock();
        if let Entry::Occupied(mut all) = inner.of.entry(owner.clone()) {
            all.get_mut()
                .retain(|other| !Arc::ptr_eq(other, connection));
            if all.get().is_empty() {
                all.remove();
            }
        }
    }
}

impl Inner {
    /// Remembers that this one was taken over.
    fn take(&mut self, id: &ConnectionId) {
        if !self.taken.insert(id.clone()) {
            return;
        }
        self.taken_in_order.push_back(id.clone());
        if self.taken_in_order.len() > MAX_TAKEN
            && let Some(oldest) = self.taken_in_order.pop_front()
        {
            self.taken.remove(&oldest);
        }
    }
}
