//! A keyed sequential scheduler: any number of ordered queues, each of which runs one task at a time.
//!
//! ```
//! use hub_core::scheduler::{KeyedScheduler, Priority, Spawn, Task};
//!
//! /// A thread for each queue that has something to do. `hub_server::scheduler::OnTokio` is the one for tokio.
//! struct Threads;
//!
//! impl Spawn for Threads {
//!     fn spawn(&self, task: Task) -> Result<(), Task> {
//!         std::thread::spawn(move || pollster::block_on(task));
//!         Ok(())
//!     }
//! }
//!
//! # pollster::block_on(async {
//! let scheduler = KeyedScheduler::builder().per_queue(1_024).build(Threads);
//! let ticket = scheduler.submit("Q01", Priority::High, async { 42 }).await?;
//! assert_eq!(ticket.await?, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! Of one key never two tasks run at once; they start first in, first out, those with [`Priority::High`] before the others,
//! and none is interrupted for another. Keys run side by side and take turns: after [`TURN`] tasks a queue lets others of its
//! executor run. What waits and runs is bounded, and whatever is refused is given back with the reason. A queue without
//! tasks is nothing: no memory, no task of the executor's.
//!
//! A [`Ticket`] tells how a task ended: with its value, or why with none. Each does so exactly once, whatever is closed,
//! paused, cancelled or dropped meanwhile.
//!
//! There is no clock here: the deadline of [`KeyedScheduler::shutdown`] is any future.

mod builder;
mod core;
mod error;
mod inside;
mod job;
mod lanes;
#[cfg(test)]
mod model;
mod room;
mod runner;
mod submission;
mod sync;
mod ticket;

use std::fmt;
use std::future::poll_fn;
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};

use self::core::Core;
pub use builder::SchedulerBuilder;
pub use error::{Bound, Refusal, SubmitError, TicketError};
pub use lanes::Priority;
pub use runner::{Spawn, TURN, Task};
use submission::Submission;
use sync::{Mutex, lock};
pub use ticket::Ticket;

/// What queues are told apart by. Whatever can be, is one.
pub trait Key: Eq + Hash + Clone + Send + Sync + 'static {}
impl<K: Eq + Hash + Clone + Send + Sync + 'static> Key for K {}

/// Queues of tasks by key: see the [module](self). Clones are handles of the same queues.
///
/// When the last handle is dropped, what has not started ends with [`TicketError::Closed`], and what runs goes on;
/// [`shutdown`](Self::shutdown) lets both come to their end.
pub struct KeyedScheduler<K: Key> {
    handle: Arc<Handle<K>>,
}

struct Handle<K: Key>(Arc<Shared<K>>);

/// What handles, runners and tickets share.
struct Shared<K: Key> {
    core: Mutex<Core<K>>,
    spawn: Box<dyn Spawn>,
    /// Numbers that were given, to tasks and to those who wait.
    numbers: AtomicU64,
}

/// How a queue is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Closing {
    /// What waits still runs, also if the queue was paused.
    Drain,
    /// What has not started ends with [`TicketError::Closed`].
    Discard,
}

/// What a [`shutdown`](KeyedScheduler::shutdown) could not let come to its end before the deadline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leftover {
    /// Tasks that never started.
    pub discarded: usize,
    /// Tasks that were dropped where they waited.
    pub cut: usize,
}

impl KeyedScheduler<()> {
    /// Settings for a scheduler, of any key.
    pub fn builder() -> SchedulerBuilder {
        SchedulerBuilder::new()
    }
}

impl<K: Key> KeyedScheduler<K> {
    /// Puts a task into the queue of this key as soon as there is room; those who wait for it are let in in the order in
    /// which they came.
    ///
    /// A task may submit to its own queue. It is not kept waiting for room there, which only its own end could make.
    ///
    /// # Errors
    /// [`Refusal::Closed`], [`Refusal::WouldDeadlock`] or [`Refusal::Stopped`], with the task.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it has put nothing into the queue.
    pub async fn submit<F>(
        &self,
        key: K,
        priority: Priority,
        task: F,
    ) -> Result<Ticket<F::Output>, SubmitError<F>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let mut submission = Submission::new(&self.handle.0, key, priority);
        submission.task = Some(task);
        poll_fn(|cx| submission.poll(cx)).await
    }

    /// Puts a task into the queue of this key, if there is room and nobody waits for it.
    ///
    /// # Errors
    /// [`Refusal::Full`], [`Refusal::Closed`] or [`Refusal::Stopped`], with the task.
    pub fn try_submit<F>(
        &self,
        key: K,
        priority: Priority,
        task: F,
    ) -> Result<Ticket<F::Output>, SubmitError<F>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Submission::new(&self.handle.0, key, priority).attempt(task, None)
    }

    /// Lets no more tasks of this key start; one that runs goes on. A key that has no tasks is paused, too, and counts as a
    /// queue until it is resumed or closed. On a queue that is being closed it does nothing.
    ///
    /// # Errors
    /// [`Refusal::Full`] where that would be one queue too many.
    pub fn pause(&self, key: &K) -> Result<(), Refusal> {
        if lock(&self.handle.0.core).pause(key) {
            Ok(())
        } else {
            Err(Refusal::Full(Bound::Queues))
        }
    }

    /// Lets tasks of this key start again.
    pub fn resume(&self, key: &K) {
        let (runner, after) = lock(&self.handle.0.core).resume(key);
        after.run();
        if let Some(runner) = runner {
            drop(self.handle.0.run(runner));
        }
    }

    /// Closes the queue of this key: from the first poll on it takes nothing more, and once its last task has ended, this is
    /// ready and the key is as new. If several close it, discarding counts.
    ///
    /// # Errors
    /// [`Refusal::WouldDeadlock`] in a task of the same queue, which is closed all the same.
    ///
    /// # Cancel safety
    /// Dropped, it does not wait; the queue is closed all the same.
    pub async fn close_queue(&self, key: &K, how: Closing) -> Result<(), Refusal> {
        let shared = &self.handle.0;
        let (made, runner, after) = lock(&shared.core).close(key, how);
        after.run();
        if let Some(runner) = runner {
            drop(shared.run(runner));
        }
        let Some(made) = made else {
            return Ok(());
        };
        if shared.is_inside(key) {
            return Err(Refusal::WouldDeadlock);
        }
        let number = shared.number();
        let _forget = Forget(|| lock(&shared.core).forget(key, made, number));
        let ended = |waker: &Waker| lock(&shared.core).has_ended(key, made, number, waker);
        poll_fn(|cx| ready(ended(cx.waker()))).await;
        Ok(())
    }

    /// Takes nothing more, lets everything run to its end, paused queues too, and is ready then, or when `deadline` is:
    /// then what has not started, and what has not ended, ends with [`TicketError::Deadline`]. A task that runs is dropped where
    /// it waits; one that does not wait can't be stopped, and is not waited for either.
    ///
    /// # Cancel safety
    /// Dropped, it does not wait and has no deadline; nothing more is taken all the same.
    pub async fn shutdown(&self, deadline: impl Future<Output = ()>) -> Leftover {
        let shared = &self.handle.0;
        let (runners, after) = lock(&shared.core).stop();
        after.run();
        for runner in runners {
            drop(shared.run(runner));
        }
        let number = shared.number();
        let _forget = Forget(|| lock(&shared.core).forget_end(number));
        let mut deadline = pin!(deadline);
        let over = |waker: &Waker| lock(&shared.core).is_over(number, waker);
        let cut = poll_fn(|cx| {
            if over(cx.waker()) {
                return Poll::Ready(false);
            }
            deadline.as_mut().poll(cx).map(|()| true)
        });
        if !cut.await {
            return Leftover::default();
        }
        let (left, after) = lock(&shared.core).cut();
        after.run();
        left
    }

    /// Tasks of this key that have not ended, the one that runs included.
    #[must_use]
    pub fn len(&self, key: &K) -> usize {
        lock(&self.handle.0.core).len(key)
    }

    /// Whether this key has no task that has not ended.
    #[must_use]
    pub fn is_empty(&self, key: &K) -> bool {
        self.len(key) == 0
    }

    /// Tasks of all keys that have not ended.
    #[must_use]
    pub fn total(&self) -> usize {
        lock(&self.handle.0.core).total()
    }

    /// Keys that have tasks, are paused, or are about to be forgotten.
    #[must_use]
    pub fn queues(&self) -> usize {
        lock(&self.handle.0.core).queues()
    }
}

impl<K: Key> Shared<K> {
    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether a task of this queue is asking.
    fn is_inside(self: &Arc<Self>, key: &K) -> bool {
        inside::of(self).is_some_and(|inside| inside.key == *key)
    }
}

impl<K: Key> Clone for KeyedScheduler<K> {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
        }
    }
}

impl<K: Key> Drop for Handle<K> {
    fn drop(&mut self) {
        let after = lock(&self.0.core).drop_all();
        after.run();
    }
}

impl<K: Key> fmt::Debug for KeyedScheduler<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedScheduler")
            .field("queues", &self.queues())
            .field("total", &self.total())
            .finish_non_exhaustive()
    }
}

/// Takes back what was left with the queues for a future that is dropped.
struct Forget<C: FnMut()>(C);

impl<C: FnMut()> Drop for Forget<C> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn ready(is: bool) -> Poll<()> {
    if is { Poll::Ready(()) } else { Poll::Pending }
}
