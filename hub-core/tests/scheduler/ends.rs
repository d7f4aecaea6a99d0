//! Queues that are closed, schedulers that are shut down or dropped, executors that take nothing.

use std::future::{Future, pending, ready};
use std::task::{Context, Waker};

use hub_core::scheduler::{Closing, Leftover, Priority, Refusal, Spawn, Task, TicketError};

use crate::executor::{ByHand, Diary, Dropped, Gate, Keyed, by_hand, put, settings};

fn is_ready<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
    future
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}

#[test]
fn drained_a_queue_runs_to_its_end_and_takes_nothing_more() {
    let (scheduler, executor) = by_hand();
    let first = put(&scheduler, "a", async { 1 });
    // Paused or not.
    scheduler.pause(&"a").unwrap();
    executor.run();
    let close = scheduler.close_queue(&"a", Closing::Drain);
    let mut close = std::pin::pin!(close);
    assert!(!is_ready(close.as_mut()));
    let refused = scheduler.try_submit("a", Priority::High, async { 2 });
    assert_eq!(refused.unwrap_err().why, Refusal::Closed);
    // It does not become one that stands still, either.
    scheduler.pause(&"a").unwrap();
    let other = put(&scheduler, "b", async { 3 });
    executor.run();
    assert!(is_ready(close.as_mut()));
    assert_eq!(pollster::block_on(first), Ok(1));
    assert_eq!(pollster::block_on(other), Ok(3));
    // The key is as new.
    let again = put(&scheduler, "a", async { 4 });
    executor.run();
    assert_eq!(pollster::block_on(again), Ok(4));
    assert_eq!(scheduler.queues(), 0);
}

#[test]
fn discarded_a_queue_ends_with_the_task_that_runs() {
    let (scheduler, executor) = by_hand();
    let gate = Gate::default();
    let running = put(&scheduler, "a", gate.clone().pass());
    let waiting = put(&scheduler, "a", async {});
    executor.run();
    let (close, drain) = (
        scheduler.close_queue(&"a", Closing::Discard),
        scheduler.close_queue(&"a", Closing::Drain),
    );
    let (mut close, mut drain) = (std::pin::pin!(close), std::pin::pin!(drain));
    assert!(!is_ready(drain.as_mut()));
    assert!(!is_ready(close.as_mut()));
    assert_eq!(pollster::block_on(waiting), Err(TicketError::Closed));
    gate.open();
    executor.run();
    assert!(is_ready(close.as_mut()) && is_ready(drain.as_mut()));
    assert_eq!(pollster::block_on(running), Ok(()));
    // What is not there is closed at once, paused or not.
    pollster::block_on(scheduler.close_queue(&"a", Closing::Drain)).unwrap();
    scheduler.pause(&"a").unwrap();
    pollster::block_on(scheduler.close_queue(&"a", Closing::Discard)).unwrap();
    assert_eq!(scheduler.queues(), 0);
}

#[test]
fn shut_down_it_lets_everything_run_to_its_end() {
    let (scheduler, executor) = by_hand();
    scheduler.pause(&"b").unwrap();
    let tickets = ["a", "a", "b"].map(|key| put(&scheduler, key, async move { key }));
    let shutdown = scheduler.shutdown(pending());
    let mut shutdown = std::pin::pin!(shutdown);
    assert!(!is_ready(shutdown.as_mut()));
    let refused = scheduler.try_submit("c", Priority::High, async {});
    assert_eq!(refused.unwrap_err().why, Refusal::Closed);
    executor.run();
    assert_eq!(pollster::block_on(shutdown), Leftover::default());
    for (ticket, key) in tickets.into_iter().zip(["a", "a", "b"]) {
        assert_eq!(pollster::block_on(ticket), Ok(key));
    }
    assert_eq!(scheduler.queues(), 0);
    // And nothing that is left behind can be made to stand.
    scheduler.pause(&"a").unwrap();
    assert_eq!(scheduler.queues(), 0);
    assert_eq!(
        pollster::block_on(scheduler.shutdown(pending())),
        Leftover::default()
    );
}

#[test]
fn at_the_deadline_what_has_not_ended_ends() {
    let (scheduler, executor) = by_hand();
    let diary = Diary::default();
    let held = Dropped(diary.clone(), "dropped");
    let endless = put(&scheduler, "a", async move {
        let _held = held;
        pending::<()>().await;
    });
    let behind = put(&scheduler, "a", async {});
    executor.run();
    let (scheduled, gate) = (put(&scheduler, "b", async {}), Gate::default());
    let shutdown = scheduler.shutdown(gate.clone().pass());
    let mut shutdown = std::pin::pin!(shutdown);
    assert!(!is_ready(shutdown.as_mut()));
    gate.open();
    let left = pollster::block_on(shutdown);
    assert_eq!((left.discarded, left.cut), (2, 1));
    for ticket in [endless, behind, scheduled] {
        assert_eq!(pollster::block_on(ticket), Err(TicketError::Deadline));
    }
    // The executor comes round to dropping it.
    executor.run();
    assert_eq!(diary.take(), ["dropped"]);
    assert_eq!((scheduler.total(), scheduler.queues()), (0, 0));
}

#[test]
fn without_handles_what_has_not_started_ends_and_what_runs_goes_on() {
    let (scheduler, executor) = by_hand();
    let gate = Gate::default();
    let running = put(&scheduler, "a", gate.clone().pass());
    executor.run();
    let waiting = put(&scheduler, "a", async {});
    scheduler.pause(&"b").unwrap();
    let paused = put(&scheduler, "b", async {});
    let clone = scheduler.clone();
    drop(scheduler);
    assert!(!paused.is_ended() && !waiting.is_ended());
    drop(clone);
    assert_eq!(pollster::block_on(waiting), Err(TicketError::Closed));
    assert_eq!(pollster::block_on(paused), Err(TicketError::Closed));
    gate.open();
    executor.run();
    assert_eq!(pollster::block_on(running), Ok(()));
}

/// Takes nothing.
struct Refuses;

impl Spawn for Refuses {
    fn spawn(&self, task: Task) -> Result<(), Task> {
        Err(task)
    }
}

/// Takes everything and does nothing, as a runtime that is being stopped.
struct Drops;

impl Spawn for Drops {
    fn spawn(&self, task: Task) -> Result<(), Task> {
        drop(task);
        Ok(())
    }
}

#[test]
fn an_executor_that_refuses_gives_the_task_back() {
    let scheduler: Keyed = settings().build(Refuses);
    for round in 0..2 {
        let refused = scheduler.try_submit("a", Priority::Normal, async move { round });
        let refused = refused.unwrap_err();
        assert_eq!(refused.why, Refusal::Stopped);
        assert_eq!(pollster::block_on(refused.task), round);
        assert_eq!((scheduler.total(), scheduler.queues()), (0, 0));
    }
    let submitted = pollster::block_on(scheduler.submit("a", Priority::High, async {}));
    assert_eq!(submitted.unwrap_err().why, Refusal::Stopped);
    // Where there is nobody to give it back to, the ticket says so.
    scheduler.pause(&"a").unwrap();
    let ticket = put(&scheduler, "a", async {});
    scheduler.resume(&"a");
    assert_eq!(pollster::block_on(ticket), Err(TicketError::Stopped));
    scheduler.pause(&"a").unwrap();
    let ticket = put(&scheduler, "a", async {});
    assert_eq!(
        pollster::block_on(scheduler.shutdown(pending())),
        Leftover::default()
    );
    assert_eq!(pollster::block_on(ticket), Err(TicketError::Stopped));
}

#[test]
fn an_executor_that_drops_its_tasks_ends_their_tickets() {
    let scheduler: Keyed = settings().build(Drops);
    for _ in 0..2 {
        let ticket = put(&scheduler, "a", async {});
        assert_eq!(pollster::block_on(ticket), Err(TicketError::Stopped));
    }
    let executor = ByHand::default();
    let scheduler: Keyed = settings().build(executor.clone());
    let (diary, gate) = (Diary::default(), Gate::default());
    let (held, wait) = (Dropped(diary.clone(), "dropped"), gate.clone());
    let running = put(&scheduler, "a", async move {
        let _held = held;
        wait.pass().await;
    });
    let waiting = put(&scheduler, "a", async {});
    executor.run();
    gate.open();
    executor.clear();
    assert_eq!(diary.take(), ["dropped"]);
    assert_eq!(pollster::block_on(running), Err(TicketError::Stopped));
    assert_eq!(pollster::block_on(waiting), Err(TicketError::Stopped));
    // The key is as new.
    let again = put(&scheduler, "a", async { 1 });
    executor.run();
    assert_eq!(pollster::block_on(again), Ok(1));
}

#[test]
fn a_deadline_that_has_passed_is_one() {
    let (scheduler, _executor) = by_hand();
    let ticket = put(&scheduler, "a", async {});
    let left = pollster::block_on(scheduler.shutdown(ready(())));
    assert_eq!((left.discarded, left.cut), (1, 0));
    assert_eq!(pollster::block_on(ticket), Err(TicketError::Deadline));
}
