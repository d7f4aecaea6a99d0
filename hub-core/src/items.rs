//! [`Items`]: values that hubs keep for one connection, one of each type.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Value = Arc<dyn Any + Send + Sync>;

/// Values that a hub keeps for one connection, one of each type, for as long as the connection lives: the properties of its
/// session.
#[derive(Default)]
pub struct Items(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    values: HashMap<TypeId, Value>,
    follower: Option<Followed>,
    /// Who had this number, or one before it, follows no more.
    over: u64,
}

#[derive(Clone)]
struct Followed {
    serial: u64,
    follower: Arc<dyn Follow>,
}

/// Follows the items of a connection; for the server's indexes.
#[doc(hidden)]
pub trait Follow: Send + Sync {
    /// A value is about to be set: gives what is to be done in that moment, if anything is. This runs code of the hub, and no
    /// lock is held; what it gives runs under the items' lock, and none of the hub's code may run there.
    fn look(&self, item: TypeId, value: &(dyn Any + Send + Sync)) -> Option<Box<dyn FnOnce()>>;

    /// It follows no more.
    fn leave(&self);
}

impl Items {
    /// Keeps a value in place of any other of its type.
    pub fn set<T: Clone + Send + Sync + 'static>(&self, value: T) {
        self.place(TypeId::of::<T>(), Arc::new(value), |_| true);
    }

    /// A copy of the value of this type, made now if there is none.
    pub fn get_or_default<T: Clone + Default + Send + Sync + 'static>(&self) -> T {
        self.get().unwrap_or_else(|| {
            let made = Arc::new(T::default());
            let kept = self.place(TypeId::of::<T>(), made, |there| there.is_none());
            kept.downcast_ref::<T>().cloned().unwrap_or_default()
        })
    }

    /// A copy of the value of this type.
    #[must_use]
    pub fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.with(T::clone)
    }

    /// Looks at the value of this type without copying it; `None` if there is none. No lock is held meanwhile: the value is
    /// the one that was there as this was called.
    pub fn with<T: Send + Sync + 'static, R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        let value = self.lock().values.get(&TypeId::of::<T>()).cloned()?;
        value.downcast_ref::<T>().map(look)
    }

    /// From now on every value is shown to `follower`, those that are there first; of two, the one with the higher number
    /// stays.
    #[doc(hidden)]
    pub fn follow(&self, serial: u64, follower: Arc<dyn Follow>) {
        let values = {
            let mut inner = self.lock();
            if serial <= inner.over {
                return;
            }
            inner.over = serial - 1;
            if let Some(older) = inner.follower.replace(Followed { serial, follower }) {
                older.follower.leave();
            }
            inner.values.clone()
        };
        for (id, value) in values {
            let same = |there: Option<&Value>| there.is_some_and(|it| Arc::ptr_eq(it, &value));
            self.place(id, value.clone(), same);
        }
    }

    /// Whoever follows under this number, or is about to, does so no more.
    #[doc(hidden)]
    pub fn unfollow(&self, serial: u64) {
        let mut inner = self.lock();
        inner.over = inner.over.max(serial);
        let over = inner.over;
        if let Some(followed) = inner.follower.take_if(|it| it.serial <= over) {
            followed.follower.leave();
        }
    }

    /// Sets a value if that may be done over what is there; gives what is there then.
    fn place(&self, id: TypeId, value: Value, may: impl Fn(Option<&Value>) -> bool) -> Value {
        let mut followed = self.lock().follower.clone();
        loop {
            let looked = followed.as_ref();
            let then = looked.and_then(|followed| followed.follower.look(id, &*value));
            let mut inner = self.lock();
            let serial = |followed: &Option<Followed>| followed.as_ref().map(|it| it.serial);
            if serial(&inner.follower) != serial(&followed) {
                followed = inner.follower.clone();
                continue;
            }
            let there = inner.values.get(&id);
            if let Some(there) = there.filter(|there| !may(Some(there))) {
                return there.clone();
            }
            if there.is_none() && !may(None) {
                return value;
            }
            // What was there is dropped when the lock is given back: its own code may look at the items.
            let before = inner.values.insert(id, value.clone());
            if let Some(then) = then {
                then();
            }
            drop(inner);
            drop(before);
            return value;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Items {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Items")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Watch(Mutex<Vec<u32>>);

    impl Follow for Arc<Watch> {
        fn look(&self, _: TypeId, value: &(dyn Any + Send + Sync)) -> Option<Box<dyn FnOnce()>> {
            let (n, seen) = (*value.downcast_ref::<u32>()?, self.clone());
            Some(Box::new(move || seen.0.lock().unwrap().push(n)))
        }

        fn leave(&self) {
            self.0.lock().unwrap().push(0);
        }
    }

    #[test]
    fn there_is_one_value_of_each_type() {
        let items = Items::default();
        assert_eq!(items.get::<u32>(), None);
        items.set(1_u32);
        items.set("one");
        items.set(2_u32);
        assert_eq!((items.get(), items.get()), (Some(2_u32), Some("one")));
        assert_eq!(items.with(|n: &u32| n + 1), Some(3));
        assert_eq!(items.with(|n: &u64| n + 1), None);
        assert_eq!((items.get_or_default(), items.get()), (0_u64, Some(0_u64)));
    }

    #[test]
    fn a_look_may_set_values() {
        let items = Items::default();
        items.set(1_u32);
        items.with(|n: &u32| items.set(n + 1));
        assert_eq!(items.get(), Some(2_u32));
    }

    #[test]
    fn who_follows_sees_every_value_until_it_leaves() {
        let (items, watch) = (Items::default(), Arc::new(Watch::default()));
        items.set(1_u32);
        items.follow(5, Arc::new(watch.clone()));
        items.set(2_u32);
        items.set("two");
        items.unfollow(4);
        items.set(3_u32);
        items.unfollow(5);
        items.set(4_u32);
        // It comes too late.
        items.follow(5, Arc::new(watch.clone()));
        assert_eq!(*watch.0.lock().unwrap(), [1, 2, 3, 0]);
    }
}
