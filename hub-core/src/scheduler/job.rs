//! [`Job`]: a task without its type, as it waits, and [`Running`], as it runs.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Key;
use super::error::TicketError;
use super::sync::quietly;
use super::ticket::{Fate, Slot};

/// A task that waits.
pub(super) trait Job: Any + Send {
    fn start(self: Box<Self>) -> Box<dyn Running>;
    /// It will not run.
    fn end(self: Box<Self>, why: TicketError);
    fn fate(&self) -> Arc<dyn Fate>;
}

/// A task that runs.
pub(super) trait Running: Send {
    /// Ready when it has returned or panicked; then it is dropped already, and only its value is left.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;
    /// Tells its ticket.
    fn finish(self: Box<Self>);
}

/// A task and where its end is put down.
pub(super) struct Work<K: Key, F: Future> {
    pub(super) slot: Arc<Slot<K, F::Output>>,
    pub(super) task: F,
}

impl<K, F> Job for Work<K, F>
where
    K: Key,
    F: Future<Output: Send> + Send + 'static,
{
    fn start(self: Box<Self>) -> Box<dyn Running> {
        let Self { slot, task } = *self;
        Box::new(Started {
            slot,
            task: Some(Box::pin(task)),
            outcome: None,
        })
    }

    fn end(self: Box<Self>, why: TicketError) {
        let Self { slot, task } = *self;
        quietly(|| drop(task));
        quietly(|| slot.end(why));
    }

    fn fate(&self) -> Arc<dyn Fate> {
        self.slot.clone()
    }
}

struct Started<K: Key, F: Future> {
    slot: Arc<Slot<K, F::Output>>,
    task: Option<Pin<Box<F>>>,
    outcome: Option<Result<F::Output, TicketError>>,
}

impl<K, F> Running for Started<K, F>
where
    K: Key,
    F: Future<Output: Send> + Send + 'static,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(task) = &mut self.task else {
            return Poll::Ready(());
        };
        let outcome = match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(value)) => Ok(value),
            Err(panic) => {
                let text = text(&*panic);
                quietly(|| drop(panic));
                Err(TicketError::Panicked(text))
            }
        };
        self.outcome = Some(outcome);
        // Before another one of the queue starts: its end is part of it.
        let task = self.task.take();
        quietly(|| drop(task));
        Poll::Ready(())
    }

    fn finish(self: Box<Self>) {
        let Self { slot, outcome, .. } = *self;
        if let Some(outcome) = outcome {
            slot.settle(outcome);
        }
    }
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("(no text)").to_owned()
}
