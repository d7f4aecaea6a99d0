//! [`Core`]: the queues, and who waits for room in them. A plain value behind one short lock. Nothing of anybody else's is
//! polled, woken or dropped under it: what is to be done afterwards is handed on as [`After`].

mod admission;
mod closing;
#[cfg(test)]
mod tests;
mod waits;

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Waker;

use super::Key;
use super::error::TicketError;
use super::inside::Inside;
use super::job::Job;
use super::lanes::{Lanes, Priority};
use super::room::Room;
use super::sync::quietly;
use super::ticket::Fate;
pub(super) use admission::Place;
use waits::Waits;

/// How much there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) queues: usize,
    pub(super) per_queue: usize,
    pub(super) total: usize,
    pub(super) high_burst: u32,
}

/// A table for so many queues is kept.
const SMALL: usize = 64;

pub(super) struct Core<K> {
    limits: Limits,
    /// Apart from their keys, so that places in the table that are free are small.
    queues: HashMap<K, Box<Queue<K>>>,
    /// Tasks that have not ended.
    total: usize,
    /// Whether nothing is taken any more.
    closed: bool,
    for_queue: Room,
    for_total: Room,
    /// Those who wait for the end of everything.
    for_end: Room,
    /// Queues that there have been.
    made: u64,
}

/// What waits and runs under one key. There is one as long as something does, or it is paused.
struct Queue<K> {
    lanes: Lanes<Box<dyn Job>>,
    /// The ticket of the task that runs.
    now: Option<Arc<dyn Fate>>,
    /// What the task that runs waits for.
    waits: Waits<K>,
    /// The one who runs its tasks, from before it is spawned until it has nothing to do.
    runner: Option<Arc<Inside<K>>>,
    paused: bool,
    closing: bool,
    room: Room,
    /// Those who wait for its end.
    for_end: Room,
    /// Tells it from earlier queues of the same key.
    made: u64,
}

/// What a runner does next.
pub(super) enum Step {
    Run(Box<dyn Job>),
    /// There is more to do, after others.
    Yield,
    /// There is nothing more to do, and the runner is forgotten.
    Over,
}

/// What is done when the lock is free again.
#[must_use]
#[derive(Default)]
pub(super) struct After {
    pub(super) wake: Vec<Waker>,
    pub(super) ended: Vec<(Box<dyn Job>, TicketError)>,
    pub(super) settled: Vec<(Arc<dyn Fate>, TicketError)>,
}

impl After {
    pub(super) fn run(self) {
        for (job, why) in self.ended {
            job.end(why);
        }
        for (fate, why) in self.settled {
            quietly(|| fate.end(why));
        }
        for waker in self.wake {
            quietly(|| waker.wake());
        }
    }
}

impl<K: Key> Core<K> {
    pub(super) fn new(limits: Limits) -> Self {
        let [for_queue, for_total, for_end] = Default::default();
        Self {
            limits,
            queues: HashMap::new(),
            total: 0,
            closed: false,
            for_queue,
            for_total,
            for_end,
            made: 0,
        }
    }

    /// Tasks of this key that have not ended.
    pub(super) fn len(&self, key: &K) -> usize {
        self.queues.get(key).map_or(0, |queue| queue.len())
    }

    pub(super) const fn total(&self) -> usize {
        self.total
    }

    pub(super) fn queues(&self) -> usize {
        self.queues.len()
    }

    /// A runner's next step, when its task has ended or before its first one. It takes another one only if it `may`.
    pub(super) fn advance(&mut self, key: &K, ended: bool, may: bool) -> (Step, After, Waits<K>) {
        let mut after = After::default();
        let mut waited = Waits::default();
        let Some(queue) = self.queues.get_mut(key) else {
            return (Step::Over, after, waited);
        };
        if ended && let Some(fate) = queue.now.take() {
            fate.leave();
            // The runner holds the same ticket: it is not dropped here.
            waited = std::mem::take(&mut queue.waits);
            self.total -= 1;
        }
        let step = if queue.paused || queue.lanes.len() == 0 {
            Step::Over
        } else if may {
            let next = queue.lanes.pop(self.limits.high_burst);
            next.map_or(Step::Over, |(_, job)| {
                queue.now = Some(job.fate());
                Step::Run(job)
            })
        } else {
            Step::Yield
        };
        if matches!(step, Step::Over) {
            queue.runner = None;
        }
        self.settle(key, &mut after);
        (step, after, waited)
    }

    /// The executor has dropped a runner: what it ran or would have run ends.
    pub(super) fn abandon(&mut self, key: &K) -> (After, Waits<K>) {
        let mut after = After::default();
        let mut waited = Waits::default();
        if let Some(queue) = self.queues.get_mut(key) {
            queue.runner = None;
            waited = std::mem::take(&mut queue.waits);
            if let Some(fate) = queue.now.take() {
                fate.leave();
                after.settled.push((fate, TicketError::Stopped));
                self.total -= 1;
            }
            self.total -= queue.discard(&TicketError::Stopped, &mut after);
            self.settle(key, &mut after);
        }
        (after, waited)
    }

    /// Takes a task out that has not started.
    pub(super) fn withdraw(
        &mut self,
        key: &K,
        priority: Priority,
        number: u64,
    ) -> (Option<Box<dyn Job>>, After) {
        let mut after = After::default();
        let queue = self.queues.get_mut(key);
        let job = queue.and_then(|queue| queue.lanes.remove(priority, number));
        if let Some(job) = &job {
            job.fate().leave();
            self.total -= 1;
            self.settle(key, &mut after);
        }
        (job, after)
    }

    /// Starts no more tasks of this key. Gives `false` if there is no queue, and none may be made.
    pub(super) fn pause(&mut self, key: &K) -> bool {
        if self.closed {
            return true;
        }
        let is_new = !self.queues.contains_key(key);
        if is_new && (self.queues.len() >= self.limits.queues || !self.for_queue.is_empty()) {
            return false;
        }
        let queue = self.queue(key);
        // One that is closed runs to its end.
        queue.paused = !queue.closing;
        true
    }

    /// Starts tasks of this key again; gives the runner to spawn for that.
    pub(super) fn resume(&mut self, key: &K) -> (Option<Arc<Inside<K>>>, After) {
        let mut after = After::default();
        let queue = self.queues.get_mut(key);
        let runner = queue.and_then(|queue| {
            queue.paused = false;
            queue.run(key)
        });
        self.settle(key, &mut after);
        (runner, after)
    }

    /// The queue of a key, made if there is none.
    fn queue(&mut self, key: &K) -> &mut Queue<K> {
        self.queues.entry(key.clone()).or_insert_with(|| {
            self.made += 1;
            Box::new(Queue::new(self.made))
        })
    }

    /// Puts everything in order after a change to a queue: one that nothing needs is forgotten, and who waits for what
    /// there is room for is called.
    fn settle(&mut self, key: &K, after: &mut After) {
        if let Some(queue) = self.queues.get_mut(key) {
            if queue.closing {
                queue.room.empty(&mut after.wake);
            } else if queue.len() < self.limits.per_queue {
                queue.room.call(&mut after.wake);
            }
            if queue.is_idle()
                && let Some(mut queue) = self.queues.remove(key)
            {
                queue.for_end.empty(&mut after.wake);
                self.shrink();
            }
        }
        if self.queues.len() < self.limits.queues {
            self.for_queue.call(&mut after.wake);
        }
        if self.total < self.limits.total {
            self.for_total.call(&mut after.wake);
        }
        if self.total == 0 {
            self.for_end.empty(&mut after.wake);
        }
    }

    /// Gives back what a table takes that was far larger: a peak is not paid for ever.
    fn shrink(&mut self) {
        if self.queues.capacity() > SMALL && self.queues.len() < self.queues.capacity() / 8 {
            self.queues.shrink_to(self.queues.capacity() / 4);
        }
    }
}

impl<K: Key> Queue<K> {
    fn new(made: u64) -> Self {
        Self {
            lanes: Lanes::new(),
            now: None,
            waits: Waits::default(),
            runner: None,
            paused: false,
            closing: false,
            room: Room::default(),
            for_end: Room::default(),
            made,
        }
    }

    fn len(&self) -> usize {
        self.lanes.len() + usize::from(self.now.is_some())
    }

    /// Whether it may be forgotten.
    fn is_idle(&self) -> bool {
        self.len() == 0 && self.runner.is_none() && !self.paused && self.room.is_empty()
    }

    /// Makes the runner that it needs and does not have.
    fn run(&mut self, key: &K) -> Option<Arc<Inside<K>>> {
        if self.runner.is_some() || self.paused || self.lanes.len() == 0 {
            return None;
        }
        let runner = Arc::new(Inside::new(key.clone()));
        self.runner = Some(runner.clone());
        Some(runner)
    }

    /// Ends what has not started; gives how many those were.
    fn discard(&mut self, why: &TicketError, after: &mut After) -> usize {
        let before = after.ended.len();
        let jobs = self.lanes.drain();
        after.ended.extend(jobs.map(|job| (job, why.clone())));
        let discarded = after.ended.get(before..).unwrap_or_default();
        for (job, _) in discarded {
            job.fate().leave();
        }
        discarded.len()
    }
}
