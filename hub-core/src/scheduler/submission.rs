//! [`Submission`]: a task on its way into a queue, which may have to wait for room.

use std::any::Any;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::core::{After, Place};
use super::error::{Bound, Refusal, SubmitError};
use super::job::Work;
use super::lanes::Priority;
use super::sync::lock;
use super::ticket::{Slot, Ticket};
use super::{Key, Shared};

pub(super) struct Submission<'a, K: Key, F: Future> {
    shared: &'a Arc<Shared<K>>,
    slot: Arc<Slot<K, F::Output>>,
    /// Before it is in its queue.
    pub(super) task: Option<F>,
    waits: Option<Place>,
}

type Submitted<F> = Result<Ticket<<F as Future>::Output>, SubmitError<F>>;

impl<'a, K, F> Submission<'a, K, F>
where
    K: Key,
    F: Future<Output: Send> + Send + 'static,
{
    pub(super) fn new(shared: &'a Arc<Shared<K>>, key: K, priority: Priority) -> Self {
        let number = shared.number();
        let slot = Slot::new(shared.clone(), key, priority, number);
        Self {
            shared,
            slot: Arc::new(slot),
            task: None,
            waits: None,
        }
    }
    /// Ready when there is room, or never will be.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Submitted<F>> {
        let Some(task) = self.task.take() else {
            // It was ready before.
            return Poll::Pending;
        };
        match self.attempt(task, Some(cx.waker())) {
            Err(SubmitError {
                why: Refusal::Full(_),
                task,
            }) => {
                self.task = Some(task);
                Poll::Pending
            }
            submitted => Poll::Ready(submitted),
        }
    }

    /// Puts the task into its queue, or gives it back; who gives a waker is put where there is none, to be called.
    pub(super) fn attempt(&mut self, task: F, waker: Option<&Waker>) -> Submitted<F> {
        let slot = &self.slot;
        let own = self.shared.is_inside(&slot.key);
        let before = self.waits.take();
        let mut after = After::default();
        let admitted = {
            let mut core = lock(&self.shared.core);
            let admitted = match core.admit(&slot.key, slot.number, before) {
                Ok(()) => {
                    let job = Box::new(Work {
                        slot: slot.clone(),
                        task,
                    });
                    Ok(core.push(&slot.key, slot.priority, slot.number, job))
                }
                // Nobody else can make room there.
                Err(Refusal::Full(Bound::Queue)) if own && waker.is_some() => Err(SubmitError {
                    why: Refusal::WouldDeadlock,
                    task,
                }),
                Err(why @ Refusal::Full(bound)) => {
                    self.waits = waker.map(|waker| core.wait(bound, &slot.key, slot.number, waker));
                    Err(SubmitError { why, task })
                }
                Err(why) => Err(SubmitError { why, task }),
            };
            if let Some(place) = before.filter(|_| before != self.waits) {
                after = core.leave(&slot.key, slot.number, place);
            }
            admitted
        };
        after.run();
        if let Some(runner) = admitted?
            && let Err(refused) = self.shared.run(runner)
        {
            let taken_back = self.take_back();
            // Ends whatever others have put there meanwhile.
            drop(refused);
            if let Some(task) = taken_back {
                return Err(SubmitError {
                    why: Refusal::Stopped,
                    task,
                });
            }
        }
        Ok(Ticket {
            slot: self.slot.clone(),
        })
    }

    fn take_back(&self) -> Option<F> {
        let Slot {
            key,
            priority,
            number,
            ..
        } = &*self.slot;
        let (job, after) = lock(&self.shared.core).withdraw(key, *priority, *number);
        after.run();
        let job: Box<dyn Any> = job?;
        job.downcast::<Work<K, F>>().ok().map(|work| work.task)
    }
}

impl<K: Key, F: Future> Drop for Submission<'_, K, F> {
    fn drop(&mut self) {
        if let Some(place) = self.waits.take() {
            let mut core = lock(&self.shared.core);
            let after = core.leave(&self.slot.key, self.slot.number, place);
            drop(core);
            after.run();
        }
    }
}
