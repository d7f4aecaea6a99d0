//! [`SchedulerBuilder`]: limits, each with its default.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::core::{Core, Limits};
use super::runner::Spawn;
use super::sync::Mutex;
use super::{Handle, Key, KeyedScheduler, Shared};

/// Settings of a [`KeyedScheduler`].
#[derive(Debug, Clone)]
#[must_use]
pub struct SchedulerBuilder {
    limits: Limits,
}

impl SchedulerBuilder {
    pub(super) const fn new() -> Self {
        Self {
            limits: Limits {
                queues: 1_000_000,
                per_queue: 1_024,
                total: 1_000_000,
                high_burst: 32,
            },
        }
    }

    /// How many keys may have tasks, or be paused, at once; 1,000,000 by default, at least 1.
    pub fn max_queues(mut self, queues: usize) -> Self {
        self.limits.queues = queues.max(1);
        self
    }

    /// How many tasks of one key may not have ended, the one that runs included; 1,024 by default, at least 1.
    pub fn per_queue(mut self, tasks: usize) -> Self {
        self.limits.per_queue = tasks.max(1);
        self
    }

    /// The same of all keys together; 1,000,000 by default, at least 1.
    pub fn total(mut self, tasks: usize) -> Self {
        self.limits.total = tasks.max(1);
        self
    }

    /// How many tasks with [`Priority::High`](super::Priority::High) go in a row while one with
    /// [`Priority::Normal`](super::Priority::Normal) waits in the same queue; 32 by default, 0 for any number.
    pub fn high_burst(mut self, tasks: u32) -> Self {
        self.limits.high_burst = tasks;
        self
    }

    /// Makes the scheduler, without a queue and without a task.
    pub fn build<K: Key>(self, spawn: impl Spawn) -> KeyedScheduler<K> {
        KeyedScheduler {
            handle: Arc::new(Handle(Arc::new(Shared {
                core: Mutex::new(Core::new(self.limits)),
                spawn: Box::new(spawn),
                numbers: AtomicU64::new(0),
            }))),
        }
    }
}
