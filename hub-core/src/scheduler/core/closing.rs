//! Ends: of one queue, of all of them by a deadline, and of those who wait for that.

use std::sync::Arc;
use std::task::Waker;

use super::{After, Core};
use crate::scheduler::error::TicketError;
use crate::scheduler::inside::Inside;
use crate::scheduler::{Closing, Key, Leftover};

impl<K: Key> Core<K> {
    /// Takes nothing more into a queue; gives which queue that is, and the runner to spawn for it.
    pub(in crate::scheduler) fn close(
        &mut self,
        key: &K,
        how: Closing,
    ) -> (Option<u64>, Option<Arc<Inside<K>>>, After) {
        let mut after = After::default();
        let Some(queue) = self.queues.get_mut(key) else {
            return (None, None, after);
        };
        queue.closing = true;
        queue.paused = false;
        if how == Closing::Discard {
            self.total -= queue.discard(&TicketError::Closed, &mut after);
        }
        let (made, runner) = (queue.made, queue.run(key));
        self.settle(key, &mut after);
        (Some(made), runner, after)
    }

    /// Whether a queue has ended; otherwise who asks is woken then.
    pub(in crate::scheduler) fn has_ended(
        &mut self,
        key: &K,
        made: u64,
        number: u64,
        waker: &Waker,
    ) -> bool {
        match self.queues.get_mut(key) {
            Some(queue) if queue.made == made => {
                queue.for_end.wait(number, waker);
                false
            }
            _ => true,
        }
    }

    /// Forgets somebody who waited for a queue's end.
    pub(in crate::scheduler) fn forget(&mut self, key: &K, made: u64, number: u64) {
        let queue = self.queues.get_mut(key);
        if let Some(queue) = queue.filter(|queue| queue.made == made) {
            queue.for_end.leave(number);
        }
    }

    /// Takes nothing more at all; gives the runners to spawn for what was paused.
    pub(in crate::scheduler) fn stop(&mut self) -> (Vec<Arc<Inside<K>>>, After) {
        let mut after = After::default();
        self.closed = true;
        self.for_queue.empty(&mut after.wake);
        self.for_total.empty(&mut after.wake);
        let mut runners = Vec::new();
        for (key, queue) in &mut self.queues {
            queue.closing = true;
            queue.paused = false;
            queue.room.empty(&mut after.wake);
            runners.extend(queue.run(key));
        }
        let idle = self.queues.extract_if(|_, queue| queue.is_idle());
        for (_, mut queue) in idle {
            queue.for_end.empty(&mut after.wake);
        }
        (runners, after)
    }

    /// The same, and ends what has not started.
    pub(in crate::scheduler) fn drop_all(&mut self) -> After {
        let (_, after) = self.end_all(&TicketError::Closed, false);
        after
    }

    /// Ends everything, that which runs included.
    pub(in crate::scheduler) fn cut(&mut self) -> (Leftover, After) {
        self.end_all(&TicketError::Deadline, true)
    }

    fn end_all(&mut self, why: &TicketError, cut: bool) -> (Leftover, After) {
        let mut left = Leftover::default();
        self.closed = true;
        let mut after = After::default();
        self.for_queue.empty(&mut after.wake);
        self.for_total.empty(&mut after.wake);
        for queue in self.queues.values_mut() {
            queue.closing = true;
            queue.paused = false;
            queue.room.empty(&mut after.wake);
            left.discarded += queue.discard(why, &mut after);
            if cut && let Some(fate) = &queue.now {
                after.settled.push((fate.clone(), why.clone()));
                after
                    .wake
                    .extend(queue.runner.as_ref().and_then(|it| it.cut()));
                left.cut += 1;
            }
        }
        self.total -= left.discarded;
        let idle = self.queues.extract_if(|_, queue| queue.is_idle());
        for (_, mut queue) in idle {
            queue.for_end.empty(&mut after.wake);
        }
        if self.total == 0 {
            self.for_end.empty(&mut after.wake);
        }
        (left, after)
    }

    /// Whether nothing is left; otherwise who asks is woken then.
    pub(in crate::scheduler) fn is_over(&mut self, number: u64, waker: &Waker) -> bool {
        if self.total > 0 {
            self.for_end.wait(number, waker);
        }
        self.total == 0
    }

    /// Forgets somebody who waited for the end of everything.
    pub(in crate::scheduler) fn forget_end(&mut self, number: u64) {
        self.for_end.leave(number);
    }
}
