//! [`Jobs`]: what waits for the disk, and who works on it: one at a time, and as much as there is at once.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hub_core::{Append, Lease, LeaseKey, LogError, PersistentId, Receipt, Taken};
use tokio::sync::oneshot;

use super::Shared;
use super::entry::Draft;

/// How many requests one transaction takes at most.
const MAX_BATCH: usize = 256;

/// How long a transaction waits at most for as many requests as the last one had: half as long as that one took, and no
/// longer than this. Those who have a receipt ask again a moment later; without it every other transaction has the first
/// of them and nobody else.
const GATHER: Duration = Duration::from_millis(1);

/// How long it waits for the next of them: a quarter, and no longer than this.
const PAUSE: Duration = Duration::from_micros(200);

pub(super) type Reply<T> = oneshot::Sender<Result<T, LogError>>;

/// What waits for the disk.
#[derive(Debug)]
pub(super) enum Job {
    Append(Vec<Append>, Vec<Draft>, Reply<Vec<Receipt>>),
    Take(LeaseKey, Reply<Taken>),
    Put(LeaseKey, u64, Option<Lease>, bool, Reply<()>),
    Sweep(Reply<Vec<LeaseKey>>),
    Bind(PersistentId, Box<str>, Reply<bool>),
    Reserve(Reply<()>),
}

#[derive(Debug, Default)]
pub(super) struct Jobs {
    queue: Mutex<Queue>,
    /// As many wait as somebody wants.
    enough: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Job>,
    /// Whether somebody works on them.
    busy: bool,
    /// How many who works on them waits for.
    wanted: Option<usize>,
}

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one; gives the work to be done, unless somebody does it already.
    pub(super) fn add(&self, job: Job, shared: &Arc<Shared>) -> Option<Work> {
        let mut queue = self.lock();
        queue.waiting.push_back(job);
        if queue.busy {
            if queue
                .wanted
                .is_some_and(|wanted| queue.waiting.len() >= wanted)
            {
                queue.wanted = None;
                self.enough.notify_one();
            }
            return None;
        }
        queue.busy = true;
        Some(Work {
            shared: shared.clone(),
            done: false,
        })
    }

    /// The next transaction: as many as the last one had, if they come soon.
    fn next(&self, last: usize, took: Duration) -> Vec<Job> {
        let (end, pause) = (Instant::now() + GATHER.min(took / 2), PAUSE.min(took / 4));
        let mut queue = self.lock();
        while queue.waiting.len() < last {
            let before = queue.waiting.len();
            queue.wanted = Some(last);
            let waited = self.enough.wait_timeout(queue, pause);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            queue.wanted = None;
            if queue.waiting.len() == before || Instant::now() >= end {
                break;
            }
        }
        queue.busy = !queue.waiting.is_empty();
        let count = queue.waiting.len().min(MAX_BATCH);
        queue.waiting.drain(..count).collect()
    }
}

/// The right to work on what waits.
pub(super) struct Work {
    shared: Arc<Shared>,
    done: bool,
}

impl Work {
    pub(super) fn run(mut self) {
        let (mut last, mut took) = (0, Duration::ZERO);
        loop {
            let batch = self.shared.jobs.next(last, took);
            if batch.is_empty() {
                self.done = true;
                return;
            }
            last = batch.len();
            let start = Instant::now();
            self.shared.process(batch);
            took = start.elapsed();
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if !self.done {
            // The runtime goes, or it panicked: those who wait are told so.
            let mut queue = self.shared.jobs.lock();
            queue.busy = false;
            queue.waiting.clear();
        }
    }
}
