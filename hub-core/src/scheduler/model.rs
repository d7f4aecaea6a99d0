//! The scheduler under `loom`: every interleaving of a few threads, as far as the threads of one are cut in two places at
//! most. What must hold whatever happens first: one task of a key at a time, in order; each ticket ends, once; nobody
//! who waits is forgotten; nothing is left behind.

mod ends;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use loom::future::block_on;
use loom::model::Builder;
use loom::thread;

use super::sync::{Mutex, lock};
use super::{
    Bound, KeyedScheduler, Priority, Refusal, SchedulerBuilder, Spawn, Task, Ticket, TicketError,
};

/// Runs each queue on a thread of its own.
struct Threads;

impl Spawn for Threads {
    fn spawn(&self, task: Task) -> Result<(), Task> {
        thread::spawn(move || block_on(task));
        Ok(())
    }
}

/// Keeps tasks for whoever runs them.
#[derive(Clone)]
struct Later(Arc<Mutex<Vec<Task>>>);

impl Later {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Vec::new())))
    }

    fn take(&self) -> Vec<Task> {
        std::mem::take(&mut lock(&self.0))
    }

    /// Runs what there is, and what comes of it.
    fn run(&self) {
        loop {
            let tasks = self.take();
            if tasks.is_empty() {
                return;
            }
            tasks.into_iter().for_each(block_on);
        }
    }
}

impl Spawn for Later {
    fn spawn(&self, task: Task) -> Result<(), Task> {
        lock(&self.0).push(task);
        Ok(())
    }
}

fn model(check: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(check);
}

fn settings() -> SchedulerBuilder {
    KeyedScheduler::builder()
}

/// Tasks of one key: whether two ever met, and the order in which they ran.
#[derive(Clone, Default)]
struct Book {
    inside: Arc<AtomicBool>,
    seen: Arc<std::sync::Mutex<Vec<usize>>>,
}

impl Book {
    async fn task(self, number: usize) -> usize {
        assert!(!self.inside.swap(true, Ordering::SeqCst), "two at once");
        thread::yield_now();
        self.seen.lock().unwrap().push(number);
        assert!(self.inside.swap(false, Ordering::SeqCst), "two at once");
        number
    }

    fn seen(&self) -> Vec<usize> {
        self.seen.lock().unwrap().clone()
    }
}

fn submit<T: Send + 'static>(
    scheduler: &KeyedScheduler<u8>,
    task: impl Future<Output = T> + Send + 'static,
) -> Ticket<T> {
    scheduler.try_submit(1, Priority::Normal, task).unwrap()
}

#[test]
fn two_who_submit_meet_in_one_queue_and_each_keeps_its_order() {
    model(|| {
        let book = Book::default();
        let scheduler = settings().build(Threads);
        let (other, its) = (scheduler.clone(), book.clone());
        let there = thread::spawn(move || {
            let first = submit(&other, its.clone().task(10));
            let second = submit(&other, its.task(11));
            (block_on(first), block_on(second))
        });
        let ticket = submit(&scheduler, book.clone().task(0));
        assert_eq!(block_on(ticket), Ok(0));
        assert_eq!(there.join().unwrap(), (Ok(10), Ok(11)));
        let seen = book.seen();
        let place = |number| seen.iter().position(|its| *its == number);
        assert!(place(10) < place(11), "{seen:?}");
        assert_eq!(seen.len(), 3);
        assert_eq!((scheduler.total(), scheduler.len(&1)), (0, 0));
    });
}

/// Is inside from when it is first polled until it is dropped.
struct Held(Book, bool);

impl Future for Held {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        assert!(!self.0.inside.swap(true, Ordering::SeqCst), "two at once");
        self.1 = true;
        Poll::Ready(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.1 {
            thread::yield_now();
            self.0.inside.store(false, Ordering::SeqCst);
        }
    }
}

#[test]
fn what_a_task_leaves_behind_is_gone_before_another_runner_begins() {
    model(|| {
        let book = Book::default();
        let scheduler = settings().build(Threads);
        let (other, its) = (scheduler.clone(), book.clone());
        let there = thread::spawn(move || block_on(submit(&other, Held(its, false))));
        let ticket = submit(&scheduler, Held(book.clone(), false));
        assert_eq!(block_on(ticket), Ok(()));
        assert_eq!(there.join().unwrap(), Ok(()));
    });
}

#[test]
fn a_task_runs_or_is_cancelled_and_never_both() {
    model(|| {
        let ran = Arc::new(AtomicUsize::new(0));
        let scheduler = settings().build(Threads);
        let runs = ran.clone();
        let ticket = submit(
            &scheduler,
            async move { runs.fetch_add(1, Ordering::SeqCst) },
        );
        let cancelled = ticket.cancel();
        let outcome = block_on(ticket);
        if cancelled {
            assert_eq!(outcome, Err(TicketError::Cancelled));
            assert_eq!(ran.load(Ordering::SeqCst), 0);
        } else {
            assert_eq!(outcome, Ok(0));
            assert_eq!(ran.load(Ordering::SeqCst), 1);
        }
        assert_eq!(scheduler.total(), 0);
    });
}

#[test]
fn who_waits_for_room_gets_it_whoever_makes_it() {
    model(|| {
        let later = Later::new();
        let scheduler = settings().per_queue(1).build(later.clone());
        let first = submit(&scheduler, async { 1 });
        let other = scheduler.clone();
        let waiting = thread::spawn(move || {
            let ticket = block_on(other.submit(1, Priority::Normal, async { 2 }));
            ticket.unwrap()
        });
        // Either of the two makes room, or both: that it is made must not be missed.
        let cancelled = first.cancel();
        later.run();
        let second = waiting.join().unwrap();
        later.run();
        assert_eq!(
            block_on(first),
            if cancelled {
                Err(TicketError::Cancelled)
            } else {
                Ok(1)
            }
        );
        assert_eq!(block_on(second), Ok(2));
        assert_eq!((scheduler.total(), scheduler.queues()), (0, 0));
    });
}

#[test]
fn room_goes_on_to_the_next_if_who_was_called_is_gone() {
    model(|| {
        let later = Later::new();
        let scheduler = settings().total(1).build(later.clone());
        let first = submit(&scheduler, async { 1 });
        let (a, b) = (scheduler.clone(), scheduler.clone());
        // This one gives up at once: if it was called before, the other one must be.
        let gone = thread::spawn(move || {
            block_on(async {
                let mut submission = Box::pin(a.submit(2, Priority::Normal, async {}));
                std::future::poll_fn(|cx| Poll::Ready(submission.as_mut().poll(cx).is_ready()))
                    .await
            })
        });
        let waiting = thread::spawn(move || {
            let ticket = block_on(b.submit(3, Priority::Normal, async { 3 }));
            ticket.unwrap()
        });
        later.run();
        assert_eq!(block_on(first), Ok(1));
        gone.join().unwrap();
        // What the first of them may have put in.
        later.run();
        let third = waiting.join().unwrap();
        later.run();
        assert_eq!(block_on(third), Ok(3));
    });
}

#[test]
fn a_pause_that_races_with_a_resume_and_a_task_leaves_nothing_standing() {
    model(|| {
        let scheduler = settings().build(Threads);
        let other = scheduler.clone();
        let there = thread::spawn(move || {
            other.pause(&1).unwrap();
            other.resume(&1);
        });
        let ticket = submit(&scheduler, async { 1 });
        assert_eq!(block_on(ticket), Ok(1));
        there.join().unwrap();
        assert_eq!(scheduler.total(), 0);
    });
}

#[test]
fn two_tasks_that_would_wait_for_each_other_do_not() {
    model(|| {
        let scheduler = settings().build(Threads);
        let slots: [Arc<std::sync::Mutex<Option<Ticket<()>>>>; 2] = Default::default();
        // Behind each task there is one more, and each waits for the one behind the other.
        for key in [1, 2] {
            scheduler.pause(&key).unwrap();
        }
        let waits = |slot: Arc<std::sync::Mutex<Option<Ticket<()>>>>| async move {
            let ticket = slot.lock().unwrap().take().unwrap();
            ticket.await
        };
        let normal = Priority::Normal;
        let a = scheduler
            .try_submit(1, normal, waits(slots[1].clone()))
            .unwrap();
        let b = scheduler
            .try_submit(2, normal, waits(slots[0].clone()))
            .unwrap();
        for (slot, key) in slots.iter().zip([1, 2]) {
            let behind = scheduler.try_submit(key, normal, async {}).unwrap();
            *slot.lock().unwrap() = Some(behind);
        }
        scheduler.resume(&1);
        scheduler.resume(&2);
        let (a, b) = (block_on(a).unwrap(), block_on(b).unwrap());
        let deadlock = Err(TicketError::WouldDeadlock);
        // One of the two is told, and the other one goes on for it.
        assert!((a == Ok(()) && b == deadlock) || (b == Ok(()) && a == deadlock));
    });
}

#[test]
fn a_full_scheduler_says_so_while_somebody_waits() {
    model(|| {
        let later = Later::new();
        let scheduler = settings().total(1).build(later.clone());
        let first = submit(&scheduler, async { 1 });
        let refused = scheduler.try_submit(2, Priority::Normal, async {});
        assert_eq!(refused.unwrap_err().why, Refusal::Full(Bound::Total));
        later.run();
        assert_eq!(block_on(first), Ok(1));
    });
}
