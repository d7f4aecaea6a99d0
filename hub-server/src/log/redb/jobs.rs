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

/// It works on them when so many of those that it waits for are there, one in as many parts.
const PARTS: usize = 4;

/// Nobody is woken for fewer.
const PART: usize = 8;

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
                // Whoever wakes wants the lock.
                drop(queue);
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

    /// Waits until so many more are there, or none comes in a while; gives what is there, no more than a transaction takes.
    fn wait(&self, count: usize, gathering: &Gathering<'_>) -> Vec<Job> {
        let mut queue = self.lock();
        while queue.waiting.len() < count && Instant::now() < gathering.end {
            let before = queue.waiting.len();
            queue.wanted = Some(count);
            let waited = self.enough.wait_timeout(queue, gathering.pause);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            queue.wanted = None;
            if queue.waiting.len() == before {
                break;
            }
        }
        // Whoever has nothing more to do stops here, before anything else can come.
        queue.busy = gathering.had > 0 || !queue.waiting.is_empty();
        let room = MAX_BATCH - gathering.had;
        let count = queue.waiting.len().min(room);
        queue.waiting.drain(..count).collect()
    }
}

/// A transaction waits for as many requests as the last one had, and works on those that are there meanwhile.
struct Gathering<'a> {
    jobs: &'a Jobs,
    wanted: usize,
    had: usize,
    end: Instant,
    pause: Duration,
    /// When it was over.
    closed: Instant,
}

impl<'a> Gathering<'a> {
    fn begin(jobs: &'a Jobs, last: usize, took: Duration) -> Self {
        let now = Instant::now();
        Self {
            jobs,
            wanted: last,
            had: 0,
            end: now + GATHER.min(took / 2),
            pause: PAUSE.min(took / 4),
            closed: now,
        }
    }

    /// The next of them; nothing once there are as many as are wanted, or no more come.
    fn more(&mut self) -> Vec<Job> {
        let left = self.wanted.saturating_sub(self.had);
        let jobs = if left == 0 && self.had > 0 {
            Vec::new()
        } else {
            let part = left.min(PART.max(self.wanted / PARTS));
            self.jobs.wait(part, self)
        };
        self.had += jobs.len();
        self.closed = Instant::now();
        jobs
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
            let mut gathering = Gathering::begin(&self.shared.jobs, last, took);
            let first = gathering.more();
            if first.is_empty() {
                self.done = true;
                return;
            }
            self.shared.process(first, || gathering.more());
            last = gathering.had;
            took = gathering.closed.elapsed();
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
