//! Who is let into a queue, and who waits for room: whoever came first.

use std::sync::Arc;
use std::task::Waker;

use super::{After, Core};
use crate::scheduler::Key;
use crate::scheduler::error::{Bound, Refusal};
use crate::scheduler::inside::Inside;
use crate::scheduler::job::Job;
use crate::scheduler::lanes::Priority;

/// Where somebody waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scheduler) enum Place {
    /// For room in the queue of its key that was made as this one.
    Queue(u64),
    Queues,
    Total,
}

impl<K: Key> Core<K> {
    /// Whether a task with this number may go into the queue. Who waits in it is refused when that queue ends.
    ///
    /// # Errors
    /// Why not.
    pub(in crate::scheduler) fn admit(
        &self,
        key: &K,
        number: u64,
        waits: Option<Place>,
    ) -> Result<(), Refusal> {
        if self.closed {
            return Err(Refusal::Closed);
        }
        let full = match self.queues.get(key) {
            Some(queue) if queue.closing => return Err(Refusal::Closed),
            Some(queue) if !of(waits, queue.made) => return Err(Refusal::Closed),
            None if matches!(waits, Some(Place::Queue(_))) => return Err(Refusal::Closed),
            Some(queue) => (queue.len() >= self.limits.per_queue || queue.room.is_before(number))
                .then_some(Bound::Queue),
            None => (self.queues.len() >= self.limits.queues || self.for_queue.is_before(number))
                .then_some(Bound::Queues),
        };
        let over = || self.total >= self.limits.total || self.for_total.is_before(number);
        match full.or_else(|| over().then_some(Bound::Total)) {
            Some(bound) => Err(Refusal::Full(bound)),
            None => Ok(()),
        }
    }

    /// Takes a task that was admitted; gives the runner to spawn for it.
    pub(in crate::scheduler) fn push(
        &mut self,
        key: &K,
        priority: Priority,
        number: u64,
        job: Box<dyn Job>,
    ) -> Option<Arc<Inside<K>>> {
        self.total += 1;
        let queue = self.queue(key);
        queue.lanes.push(priority, number, job);
        queue.run(key)
    }

    /// Puts somebody where it waits for what there was no room for.
    pub(in crate::scheduler) fn wait(
        &mut self,
        bound: Bound,
        key: &K,
        number: u64,
        waker: &Waker,
    ) -> Place {
        match bound {
            Bound::Queue => {
                let queue = self.queue(key);
                queue.room.wait(number, waker);
                Place::Queue(queue.made)
            }
            Bound::Queues => {
                self.for_queue.wait(number, waker);
                Place::Queues
            }
            Bound::Total => {
                self.for_total.wait(number, waker);
                Place::Total
            }
        }
    }

    /// Takes somebody from where it waits; who is behind may be let in now.
    pub(in crate::scheduler) fn leave(&mut self, key: &K, number: u64, place: Place) -> After {
        let mut after = After::default();
        match place {
            Place::Queue(made) => {
                let queue = self.queues.get_mut(key);
                if let Some(queue) = queue.filter(|queue| queue.made == made) {
                    queue.room.leave(number);
                }
            }
            Place::Queues => self.for_queue.leave(number),
            Place::Total => self.for_total.leave(number),
        }
        self.settle(key, &mut after);
        after
    }
}

fn of(waits: Option<Place>, made: u64) -> bool {
    match waits {
        Some(Place::Queue(its)) => its == made,
        _ => true,
    }
}
