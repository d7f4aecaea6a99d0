//! Queues that are closed, schedulers that are dropped or shut down, executors that drop their tasks: against whoever
//! runs and submits meanwhile.

use std::task::Poll;

use loom::future::block_on;
use loom::thread;

use super::{Later, Threads, model, settings, submit};
use crate::scheduler::{Closing, Priority, Refusal, TicketError};

#[test]
fn who_closes_a_queue_waits_for_its_end_and_every_task_has_one() {
    for how in [Closing::Drain, Closing::Discard] {
        model(move || {
            let scheduler = settings().build(Threads);
            let other = scheduler.clone();
            scheduler.pause(&1).unwrap();
            let first = submit(&scheduler, async { 1 });
            let there =
                thread::spawn(
                    move || match other.try_submit(1, Priority::High, async { 2 }) {
                        Ok(ticket) => block_on(ticket),
                        Err(refused) => {
                            assert_eq!(refused.why, Refusal::Closed);
                            block_on(async { Ok(refused.task.await) })
                        }
                    },
                );
            block_on(scheduler.close_queue(&1, how)).unwrap();
            // The queue that the other one may have made since is another one.
            let first = block_on(first);
            match how {
                Closing::Drain => assert_eq!(first, Ok(1)),
                Closing::Discard => assert_eq!(first, Err(TicketError::Closed)),
            }
            let second = there.join().unwrap();
            assert!(
                matches!(second, Ok(2) | Err(TicketError::Closed)),
                "{second:?}"
            );
        });
    }
}

#[test]
fn a_queue_that_ends_refuses_who_waits_for_room_in_it() {
    model(|| {
        let later = Later::new();
        let scheduler = settings().per_queue(1).build(later.clone());
        let first = submit(&scheduler, async { 1 });
        let other = scheduler.clone();
        let waiting = thread::spawn(move || {
            let submitted = block_on(other.submit(1, Priority::Normal, async { 2 }));
            submitted.map_err(|refused| refused.why)
        });
        let run = later.clone();
        let running = thread::spawn(move || run.run());
        block_on(async {
            let close = scheduler.close_queue(&1, Closing::Discard);
            let mut close = std::pin::pin!(close);
            std::future::poll_fn(|cx| {
                let _ = close.as_mut().poll(cx);
                Poll::Ready(())
            })
            .await;
        });
        running.join().unwrap();
        later.run();
        let second = waiting.join().unwrap();
        later.run();
        assert!(matches!(block_on(first), Ok(1) | Err(TicketError::Closed)));
        // It came into the queue before that was closed, after its end, or not at all.
        match second {
            Ok(ticket) => {
                let outcome = block_on(ticket);
                assert!(outcome == Ok(2) || outcome == Err(TicketError::Closed));
            }
            Err(why) => assert_eq!(why, Refusal::Closed),
        }
        assert_eq!((scheduler.total(), scheduler.queues()), (0, 0));
    });
}

#[test]
fn the_last_handle_races_with_a_runner_and_the_ticket_ends() {
    model(|| {
        let scheduler = settings().build(Threads);
        let first = submit(&scheduler, async { 1 });
        let second = submit(&scheduler, async { 2 });
        let there = thread::spawn(move || drop(scheduler));
        for (ticket, value) in [(first, 1), (second, 2)] {
            let outcome = block_on(ticket);
            assert!(outcome == Ok(value) || outcome == Err(TicketError::Closed));
        }
        there.join().unwrap();
    });
}

#[test]
fn a_deadline_that_races_with_a_task_ends_its_ticket_once() {
    model(|| {
        let scheduler = settings().build(Threads);
        let ended = submit(&scheduler, async { 1 });
        let endless = submit(&scheduler, std::future::pending::<()>());
        let left = block_on(scheduler.shutdown(std::future::ready(())));
        let first = block_on(ended);
        assert_eq!(block_on(endless), Err(TicketError::Deadline));
        assert!(left.cut + left.discarded >= 1);
        assert!(first == Ok(1) || first == Err(TicketError::Deadline));
    });
}

#[test]
fn an_executor_that_drops_a_queue_races_with_who_submits() {
    model(|| {
        let later = Later::new();
        let scheduler = settings().build(later.clone());
        let first = submit(&scheduler, async { 1 });
        let other = later.clone();
        let there = thread::spawn(move || drop(other.take()));
        let second = submit(&scheduler, async { 2 });
        there.join().unwrap();
        // The queue is as new, if nobody runs the old one.
        later.run();
        for (ticket, value) in [(first, 1), (second, 2)] {
            let outcome = block_on(ticket);
            assert!(outcome == Ok(value) || outcome == Err(TicketError::Stopped));
        }
        assert_eq!((scheduler.total(), scheduler.queues()), (0, 0));
    });
}
