//! [`Indexes`]: live connections by a key of one of their items. An index follows the items themselves: it changes in the
//! moment in which a value is set, and forgets a connection when the registry does.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use hub_core::Follow;

use super::link::Connection;

/// The indexes that were declared.
#[derive(Clone, Default)]
pub(crate) struct Indexes(Arc<[Arc<dyn Index>]>);

/// Connections by a key.
pub(crate) trait Index: Send + Sync {
    /// Its types of item and key.
    fn id(&self) -> TypeId;

    /// What is to be done as the connection gets this value, if the index is of its type.
    fn look(self: Arc<Self>, value: &dyn Any, who: &Who) -> Option<Box<dyn FnOnce()>>;

    /// Forgets a connection.
    fn remove(&self, serial: u64);

    /// The connections with this key.
    fn find(&self, key: &dyn Any) -> Vec<Arc<Connection>>;
}

/// A connection that does not live longer for being in an index.
#[derive(Clone)]
pub(crate) struct Who {
    serial: u64,
    connection: Weak<Connection>,
}

impl Indexes {
    /// # Errors
    /// When two have the same types.
    pub(crate) fn new(all: Vec<Arc<dyn Index>>) -> Result<Self, &'static str> {
        for (n, index) in all.iter().enumerate() {
            if all.iter().skip(n + 1).any(|other| other.id() == index.id()) {
                return Err(
                    "two session indexes have the same types of item and key: give one key a type of its own",
                );
            }
        }
        Ok(Self(all.into()))
    }

    /// A connection is there, and its items count.
    pub(crate) fn follow(&self, connection: &Arc<Connection>) {
        if !self.0.is_empty() {
            let who = Who {
                serial: connection.serial,
                connection: Arc::downgrade(connection),
            };
            let indexes = self.clone();
            let follower = Arc::new(Follower { indexes, who });
            connection.items.follow(connection.serial, follower);
        }
    }

    /// The connections with this key, by the index of these types; `None` if there is no such index.
    pub(crate) fn find(&self, id: TypeId, key: &dyn Any) -> Option<Vec<Arc<Connection>>> {
        let index = self.0.iter().find(|index| index.id() == id)?;
        Some(index.find(key))
    }
}

/// One connection's items, as the indexes see them.
struct Follower {
    indexes: Indexes,
    who: Who,
}

impl Follow for Follower {
    fn look(&self, _: TypeId, value: &(dyn Any + Send + Sync)) -> Option<Box<dyn FnOnce()>> {
        let all = self.indexes.0.iter();
        let mut then: Vec<_> = all
            .filter_map(|index| index.clone().look(value, &self.who))
            .collect();
        match then.len() {
            0 | 1 => then.pop(),
            _ => Some(Box::new(move || then.into_iter().for_each(|then| then()))),
        }
    }

    fn leave(&self) {
        for index in &*self.indexes.0 {
            index.remove(self.who.serial);
        }
    }
}

/// An index of the item `T` by a key that is made of it.
pub(crate) struct Keyed<T, K> {
    key: Box<dyn Fn(&T) -> K + Send + Sync>,
    inner: Mutex<Inner<K>>,
}

struct Inner<K> {
    keys: HashMap<u64, Arc<K>>,
    members: HashMap<Arc<K>, HashMap<u64, Weak<Connection>>>,
}

impl<T, K: Eq + Hash> Keyed<T, K> {
    pub(crate) fn new(key: impl Fn(&T) -> K + Send + Sync + 'static) -> Self {
        Self {
            key: Box::new(key),
            inner: Mutex::new(Inner {
                keys: HashMap::new(),
                members: HashMap::new(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<K>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Inner<K> {
    fn put(&mut self, who: Who, key: Arc<K>) {
        if self.keys.get(&who.serial).is_some_and(|old| *old == key) {
            return;
        }
        self.remove(who.serial);
        let members = self.members.entry(key.clone()).or_default();
        members.insert(who.serial, who.connection);
        self.keys.insert(who.serial, key);
    }

    fn remove(&mut self, serial: u64) {
        let Some(key) = self.keys.remove(&serial) else {
            return;
        };
        if let Entry::Occupied(mut members) = self.members.entry(key) {
            members.get_mut().remove(&serial);
            if members.get().is_empty() {
                members.remove();
            }
        }
    }
}

impl<T: 'static, K: Eq + Hash + Send + Sync + 'static> Index for Keyed<T, K> {
    fn id(&self) -> TypeId {
        TypeId::of::<(T, K)>()
    }

    fn look(self: Arc<Self>, value: &dyn Any, who: &Who) -> Option<Box<dyn FnOnce()>> {
        let key = Arc::new((self.key)(value.downcast_ref()?));
        let who = who.clone();
        Some(Box::new(move || self.lock().put(who, key)))
    }

    fn remove(&self, serial: u64) {
        self.lock().remove(serial);
    }

    fn find(&self, key: &dyn Any) -> Vec<Arc<Connection>> {
        let Some(key) = key.downcast_ref::<K>() else {
            return Vec::new();
        };
        let inner = self.lock();
        let members = inner.members.get(key).into_iter().flatten();
        members.filter_map(|(_, it)| it.upgrade()).collect()
    }
}
