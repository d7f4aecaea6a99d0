//! The keyed scheduler on tokio: tasks of the runtime's, its clock for deadlines, its end. All else about it is in
//! `hub-core/tests/scheduler`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hub_server::scheduler::{
    Closing, KeyedScheduler, Leftover, OnTokio, Priority, Refusal, TicketError,
};
use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep, timeout};

const NORMAL: Priority = Priority::Normal;

fn scheduler() -> KeyedScheduler<usize> {
    KeyedScheduler::builder().build(OnTokio::current())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn keys_run_side_by_side_and_each_in_order() {
    let scheduler = scheduler();
    let last: Arc<[AtomicUsize; 50]> = Arc::new([const { AtomicUsize::new(0) }; 50]);
    let mut tickets = Vec::new();
    for n in 1..=200 {
        for key in 0..50 {
            let last = last.clone();
            let task = async move {
                let before = last[key].load(Ordering::SeqCst);
                tokio::task::yield_now().await;
                last[key].store(n, Ordering::SeqCst);
                before
            };
            tickets.push((n, scheduler.submit(key, NORMAL, task).await.unwrap()));
        }
    }
    for (n, ticket) in tickets {
        assert_eq!(ticket.await, Ok(n - 1));
    }
    assert_eq!((scheduler.total(), scheduler.queues()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_is_over_by_its_deadline_though_a_task_never_ends() {
    let scheduler = scheduler();
    let begun = Instant::now();
    let endless = scheduler
        .submit(1, NORMAL, std::future::pending::<()>())
        .await;
    let behind = scheduler.submit(1, NORMAL, async {}).await.unwrap();
    let slow = scheduler.submit(2, NORMAL, sleep(Duration::from_secs(3)));
    let slow = slow.await.unwrap();
    let left = scheduler.shutdown(sleep(Duration::from_secs(5))).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(5));
    assert_eq!((left.discarded, left.cut), (1, 1));
    assert_eq!(endless.unwrap().await, Err(TicketError::Deadline));
    assert_eq!(behind.await, Err(TicketError::Deadline));
    assert_eq!(slow.await, Ok(()));
    while scheduler.queues() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_ends_in_time_is_waited_for_and_no_longer() {
    let scheduler = scheduler();
    let begun = Instant::now();
    for key in 0..3 {
        let nap = sleep(Duration::from_secs(key + 1));
        drop(scheduler.submit(key as usize, NORMAL, nap).await.unwrap());
    }
    let left = scheduler.shutdown(sleep(Duration::from_secs(60))).await;
    assert_eq!(
        (left, begun.elapsed()),
        (Leftover::default(), Duration::from_secs(3))
    );
}

#[tokio::test]
async fn a_wait_for_oneself_is_found_inside_of_what_tokio_makes_of_it() {
    let scheduler = scheduler();
    let own = scheduler.clone();
    let outer = scheduler.submit(1, NORMAL, async move {
        let inner = own.submit(1, NORMAL, async { 1 }).await.unwrap();
        let told = timeout(Duration::from_secs(600), inner).await.unwrap();
        let inner = own.submit(1, NORMAL, async { 2 }).await.unwrap();
        let selected = tokio::select! {
            told = inner => told,
            () = sleep(Duration::from_secs(600)) => Ok(0),
        };
        let closed = own.close_queue(&1, Closing::Drain).await;
        (told, selected, closed)
    });
    let deadlock = || Err(TicketError::WouldDeadlock);
    let expected = (deadlock(), deadlock(), Err(Refusal::WouldDeadlock));
    assert_eq!(outer.await.unwrap().await, Ok(expected));
}

#[test]
fn outside_of_a_runtime_tasks_are_refused() {
    let scheduler = scheduler();
    let refused = scheduler.try_submit(1, NORMAL, async {}).unwrap_err();
    assert_eq!(refused.why, Refusal::Stopped);
    let runtime = Runtime::new().unwrap();
    let scheduler = KeyedScheduler::builder().build(OnTokio::of(runtime.handle().clone()));
    let ticket = scheduler.try_submit(1, NORMAL, async { 3 }).unwrap();
    assert_eq!(runtime.block_on(ticket), Ok(3));
}

#[test]
fn a_runtime_that_ends_ends_the_tickets() {
    let runtime = Runtime::new().unwrap();
    let scheduler = KeyedScheduler::builder().build(OnTokio::of(runtime.handle().clone()));
    let running = scheduler.try_submit(1, NORMAL, std::future::pending::<()>());
    let waiting = scheduler.try_submit(1, NORMAL, async {}).unwrap();
    drop(runtime);
    let late = scheduler.try_submit(2, NORMAL, async {}).unwrap();
    let other = Runtime::new().unwrap();
    for ticket in [running.unwrap(), waiting, late] {
        assert_eq!(other.block_on(ticket), Err(TicketError::Stopped));
    }
    assert_eq!((scheduler.total(), scheduler.queues()), (0, 0));
}
