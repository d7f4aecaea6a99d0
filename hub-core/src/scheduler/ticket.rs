//! [`Ticket`]: the end of a task, as whoever submitted it sees it, and [`Slot`], where the two meet.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use super::error::TicketError;
use super::inside;
use super::lanes::Priority;
use super::sync::{Mutex, lock};
use super::{Key, Shared};

/// A task that was submitted. Awaited, it gives what the task returned; dropped, it cancels nothing.
///
/// A panic of the task is an error here, and nothing else is touched by it. Inside of a task, awaiting a ticket of the same
/// queue, or of one whose task waits for this one, is [`TicketError::WouldDeadlock`] at once; the ticket is still good
/// elsewhere. That is found where the task polls the ticket itself: not through a task of the executor's that it
/// spawned and waits for, nor through anything else that waits for a ticket on its behalf.
#[must_use = "a ticket is how a task's failure is heard of"]
pub struct Ticket<T> {
    pub(super) slot: Arc<dyn Held<T>>,
}

impl<T> Ticket<T> {
    /// Takes the task out of its queue, if it has not started; gives whether it was there. The ticket then ends with
    /// [`TicketError::Cancelled`].
    pub fn cancel(&self) -> bool {
        self.slot.cancel()
    }

    /// Whether the task has ended, one way or another.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.slot.is_ended()
    }
}

impl<T> Future for Ticket<T> {
    type Output = Result<T, TicketError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Arc::clone(&self.slot).poll(cx)
    }
}

impl<T> fmt::Debug for Ticket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("is_ended", &self.is_ended())
            .finish_non_exhaustive()
    }
}

/// A slot as its ticket sees it.
pub(super) trait Held<T>: Send + Sync {
    fn poll(self: Arc<Self>, cx: &mut Context<'_>) -> Poll<Result<T, TicketError>>;
    fn cancel(&self) -> bool;
    fn is_ended(&self) -> bool;
}

/// A slot as the queue sees it.
pub(super) trait Fate: Send + Sync {
    /// Ends the ticket, unless it has ended.
    fn end(&self, why: TicketError);
    /// The task is in its queue no longer: nothing waits for it there. Said under the scheduler's lock.
    fn leave(&self);
    fn has_left(&self) -> bool;
}

/// Where a task's end is put down.
pub(super) struct Slot<K: Key, T> {
    pub(super) shared: Arc<Shared<K>>,
    pub(super) key: K,
    pub(super) priority: Priority,
    pub(super) number: u64,
    left: AtomicBool,
    state: Mutex<State<T>>,
}

enum State<T> {
    Open(Option<Waker>),
    Ended(Result<T, TicketError>),
    Taken,
}

impl<K: Key, T> Slot<K, T> {
    pub(super) fn new(shared: Arc<Shared<K>>, key: K, priority: Priority, number: u64) -> Self {
        Self {
            shared,
            key,
            priority,
            number,
            left: AtomicBool::new(false),
            state: Mutex::new(State::Open(None)),
        }
    }

    /// Puts down how the task ended; what was put down first counts.
    pub(super) fn settle(&self, outcome: Result<T, TicketError>) {
        let waker = {
            let mut state = lock(&self.state);
            let State::Open(waker) = &mut *state else {
                // Out of the lock: what is dropped here is somebody's value.
                drop(state);
                drop(outcome);
                return;
            };
            let waker = waker.take();
            *state = State::Ended(outcome);
            waker
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<K: Key, T: Send> Fate for Slot<K, T> {
    fn end(&self, why: TicketError) {
        self.settle(Err(why));
    }

    fn leave(&self) {
        self.left.store(true, Ordering::Release);
    }

    fn has_left(&self) -> bool {
        self.left.load(Ordering::Acquire)
    }
}

impl<K: Key, T: Send + 'static> Held<T> for Slot<K, T> {
    fn poll(self: Arc<Self>, cx: &mut Context<'_>) -> Poll<Result<T, TicketError>> {
        let mut state = lock(&self.state);
        match &mut *state {
            State::Open(waker) => *waker = Some(cx.waker().clone()),
            State::Ended(_) => {
                let ended = std::mem::replace(&mut *state, State::Taken);
                drop(state);
                return Poll::Ready(match ended {
                    State::Ended(outcome) => outcome,
                    State::Open(_) | State::Taken => Err(TicketError::Taken),
                });
            }
            State::Taken => return Poll::Ready(Err(TicketError::Taken)),
        }
        drop(state);
        if let Some(task) = inside::of(&self.shared) {
            let fate: Arc<dyn Fate> = self.clone();
            if task.would_deadlock(&self.shared, &self.key, self.number, fate) {
                return Poll::Ready(Err(TicketError::WouldDeadlock));
            }
        }
        Poll::Pending
    }

    fn cancel(&self) -> bool {
        let (job, after) = {
            let mut core = lock(&self.shared.core);
            core.withdraw(&self.key, self.priority, self.number)
        };
        let was_there = job.is_some();
        if let Some(job) = job {
            job.end(TicketError::Cancelled);
        }
        after.run();
        was_there
    }

    fn is_ended(&self) -> bool {
        !matches!(*lock(&self.state), State::Open(_))
    }
}
