//! What may go wrong, for each audience: who submits a task, and who waits for it.

use std::fmt;

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Bound {
    /// [`per_queue`](super::SchedulerBuilder::per_queue): the key's own queue is full.
    #[error("the queue is full")]
    Queue,
    /// [`max_queues`](super::SchedulerBuilder::max_queues): a key without a queue can't get one.
    #[error("there are too many queues")]
    Queues,
    /// [`total`](super::SchedulerBuilder::total): all queues together are full.
    #[error("the scheduler is full")]
    Total,
}

/// Why something that was asked for is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no room.
    #[error("{0}")]
    Full(Bound),
    /// The queue is being closed, or the scheduler is.
    #[error("closed")]
    Closed,
    /// A task would wait for something that can't come before it ends itself.
    #[error("a task can't wait for its own queue")]
    WouldDeadlock,
    /// The executor takes no tasks.
    #[error("the executor takes no tasks")]
    Stopped,
}

/// A task that was not taken.
pub struct SubmitError<F> {
    /// Why.
    pub why: Refusal,
    /// The task, as it was given: it was not polled.
    pub task: F,
}

impl<F> fmt::Debug for SubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitError")
            .field("why", &self.why)
            .finish_non_exhaustive()
    }
}

impl<F> fmt::Display for SubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl<F> std::error::Error for SubmitError<F> {}

/// Why a ticket gives no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// The task panicked, with this text.
    #[error("the task panicked: {0}")]
    Panicked(String),
    /// [`Ticket::cancel`](super::Ticket::cancel): it never started.
    #[error("the task was cancelled")]
    Cancelled,
    /// Its queue was closed, or the scheduler dropped, before it started.
    #[error("the queue was closed before the task started")]
    Closed,
    /// The scheduler was shut down, and the deadline came before the task ended: it never started, or was dropped where it
    /// waited.
    #[error("the deadline came before the task ended")]
    Deadline,
    /// The ticket is awaited by a task that it has to wait for. The task itself stands where it was, and will run.
    #[error("a task can't wait for one that waits for it")]
    WouldDeadlock,
    /// The executor refused to run the queue, or was stopped and has dropped it.
    #[error("the executor takes no tasks")]
    Stopped,
    /// The ticket has given its value already.
    #[error("the value was taken before")]
    Taken,
}
