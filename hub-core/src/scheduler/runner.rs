//! [`Runner`]: the one task of the executor's that runs what a queue has, until it has nothing.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::core::Step;
use super::inside::Inside;
use super::job::Running;
use super::sync::{lock, quietly};
use super::{Key, Shared};
use crate::hub::BoxFuture;

/// How many tasks of one queue run before those of others get their turn.
pub const TURN: u32 = 32;

/// An executor: whatever polls futures to their end.
pub trait Spawn: Send + Sync + 'static {
    /// Has the task polled until it is ready, on any thread. Called once for each time that a queue gets something to do.
    ///
    /// Queues run side by side as far as the executor runs tasks side by side, and take turns as fairly as it polls those
    /// that woke themselves. A task that is dropped before it is ready takes its queue with it: tickets end with
    /// [`TicketError::Stopped`](super::TicketError::Stopped).
    ///
    /// # Errors
    /// The task, if the executor takes none: what was submitted is then given back.
    fn spawn(&self, task: Task) -> Result<(), Task>;
}

/// What an executor is asked to run. It does not panic, and polls the tasks of one queue.
#[must_use = "dropped, it ends its queue"]
pub struct Task(BoxFuture<'static, ()>);

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}

impl<K: Key> Shared<K> {
    /// Spawns a runner. One that was refused is given back; dropped, it ends what its queue has.
    pub(super) fn run(self: &Arc<Self>, inside: Arc<Inside<K>>) -> Result<(), Task> {
        self.spawn.spawn(Task(Box::pin(Runner {
            shared: self.clone(),
            inside,
            now: None,
            ran: 0,
            over: false,
        })))
    }
}

struct Runner<K: Key> {
    shared: Arc<Shared<K>>,
    inside: Arc<Inside<K>>,
    now: Option<Box<dyn Running>>,
    /// Tasks in this turn.
    ran: u32,
    over: bool,
}

impl<K: Key> Future for Runner<K> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self {
            shared,
            inside,
            now,
            ran,
            over,
        } = self.get_mut();
        if *over {
            return Poll::Ready(());
        }
        inside.park(cx.waker());
        loop {
            let ended = now.is_some();
            if inside.is_cut() {
                // Its ticket has ended.
                let task = now.take();
                quietly(|| drop(task));
            } else if let Some(task) = now
                && inside.during(shared, || task.poll(cx)).is_pending()
            {
                return Poll::Pending;
            }
            let (step, after, waited) = {
                let mut core = lock(&shared.core);
                core.advance(&inside.key, ended, *ran < TURN)
            };
            drop(waited);
            if let Some(task) = now.take() {
                quietly(|| task.finish());
            }
            after.run();
            match step {
                Step::Run(job) => {
                    *ran += 1;
                    *now = Some(job.start());
                }
                Step::Yield => {
                    *ran = 0;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Step::Over => {
                    *over = true;
                    return Poll::Ready(());
                }
            }
        }
    }
}

impl<K: Key> Drop for Runner<K> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let task = self.now.take();
        quietly(|| drop(task));
        let (after, waited) = lock(&self.shared.core).abandon(&self.inside.key);
        drop(waited);
        after.run();
    }
}
