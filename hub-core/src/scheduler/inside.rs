//! [`Inside`]: which task is being polled on this thread, so that one that would wait for itself is told so.

use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use super::sync::{Mutex, lock, thread_local};
use super::ticket::Fate;
use super::{Key, Shared};

thread_local! {
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro takes no `const` block")]
    static CURRENT: RefCell<Option<Current>> = RefCell::new(None);
}

/// A queue whose task is being polled, and the scheduler it is of.
#[derive(Clone)]
struct Current {
    scheduler: usize,
    inside: Arc<dyn Any + Send + Sync>,
}

/// One runner of a queue: what the rest of the scheduler knows of it.
pub(super) struct Inside<K> {
    pub(super) key: K,
    /// Whether the running task is to be dropped.
    cut: AtomicBool,
    /// Whether the running task was seen to wait for tickets since it was last polled.
    waits: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

/// The task of this scheduler that is being polled here.
pub(super) fn of<K: Key>(shared: &Arc<Shared<K>>) -> Option<Arc<Inside<K>>> {
    let current = CURRENT.with(|current| current.borrow().clone())?;
    if current.scheduler != address(shared) {
        return None;
    }
    current.inside.downcast().ok()
}

impl<K: Key> Inside<K> {
    pub(super) fn new(key: K) -> Self {
        Self {
            key,
            cut: AtomicBool::new(false),
            waits: AtomicBool::new(false),
            waker: Mutex::new(None),
        }
    }

    /// Polls the running task: whatever it polls knows for whom.
    pub(super) fn during<R>(
        self: &Arc<Self>,
        shared: &Arc<Shared<K>>,
        poll: impl FnOnce() -> R,
    ) -> R {
        if self.waits.swap(false, Ordering::AcqRel) {
            // What it waited for it says again, if it still does.
            let waited = lock(&shared.core).waits_no_more(&self.key);
            drop(waited);
        }
        let current = Current {
            scheduler: address(shared),
            inside: self.clone(),
        };
        let _back = Back(CURRENT.with(|slot| slot.replace(Some(current))));
        poll()
    }

    /// Notes that the running task waits for one of a queue; gives whether that one waits for it.
    pub(super) fn would_deadlock(
        &self,
        shared: &Arc<Shared<K>>,
        key: &K,
        number: u64,
        fate: Arc<dyn Fate>,
    ) -> bool {
        let would = lock(&shared.core).waits(&self.key, key, number, fate);
        if !would {
            self.waits.store(true, Ordering::Release);
        }
        would
    }

    /// Where the runner is woken.
    pub(super) fn park(&self, waker: &Waker) {
        let mut parked = lock(&self.waker);
        if !parked.as_ref().is_some_and(|its| its.will_wake(waker)) {
            *parked = Some(waker.clone());
        }
    }

    /// Has the running task dropped as soon as it waits; gives who is to be woken for that.
    pub(super) fn cut(&self) -> Option<Waker> {
        self.cut.store(true, Ordering::Release);
        lock(&self.waker).take()
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }
}

/// Sets back what was current before: a task may run others in place.
struct Back(Option<Current>);

impl Drop for Back {
    fn drop(&mut self) {
        let before = self.0.take();
        CURRENT.with(|slot| drop(slot.replace(before)));
    }
}

/// Tells schedulers apart, as long as they live; who asks holds one.
fn address<K: Key>(shared: &Arc<Shared<K>>) -> usize {
    Arc::as_ptr(shared).addr()
}
