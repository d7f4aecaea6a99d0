//! What is full, who waits for room, and in what order they get it.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use hub_core::scheduler::{Bound, Closing, Priority, Refusal, SubmitError, Ticket};

use crate::executor::{ByHand, Keyed, put, settings};

const NORMAL: Priority = Priority::Normal;

type Submitting<'a> = Pin<Box<dyn Future<Output = Result<Ticket<u32>, Refusal>> + 'a>>;

fn submitting<'a>(scheduler: &'a Keyed, key: &'static str, value: u32) -> Submitting<'a> {
    Box::pin(async move {
        let submitted = scheduler.submit(key, NORMAL, async move { value }).await;
        submitted.map_err(|refused| refused.why)
    })
}

fn is_ready(submitting: &mut Submitting<'_>) -> bool {
    poll(submitting).is_some()
}

fn poll(submitting: &mut Submitting<'_>) -> Option<Result<Ticket<u32>, Refusal>> {
    match submitting
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(submitted) => Some(submitted),
        Poll::Pending => None,
    }
}

fn refused<F: Future>(
    submitted: Result<Ticket<F::Output>, SubmitError<F>>,
) -> (Refusal, F::Output) {
    let refused = submitted.unwrap_err();
    (refused.why, pollster::block_on(refused.task))
}

#[test]
fn what_is_full_is_said_and_the_task_given_back() {
    let executor = ByHand::default();
    let settings = settings().per_queue(2).max_queues(2).total(3);
    let scheduler: Keyed = settings.build(executor.clone());
    drop(put(&scheduler, "a", async {}));
    drop(put(&scheduler, "a", async {}));
    let full = |key, value| refused(scheduler.try_submit(key, NORMAL, async move { value }));
    assert_eq!(full("a", 1), (Refusal::Full(Bound::Queue), 1));
    drop(put(&scheduler, "b", async {}));
    assert_eq!(full("b", 2), (Refusal::Full(Bound::Total), 2));
    assert_eq!(full("c", 3), (Refusal::Full(Bound::Queues), 3));
    assert_eq!(scheduler.pause(&"c"), Err(Refusal::Full(Bound::Queues)));
    executor.run();
    assert_eq!((scheduler.total(), scheduler.queues()), (0, 0));
    drop(put(&scheduler, "c", async {}));
    assert_eq!(scheduler.pause(&"c"), Ok(()));
}

#[test]
fn room_is_given_in_the_order_in_which_it_was_asked_for() {
    let executor = ByHand::default();
    let scheduler: Keyed = settings().per_queue(1).build(executor.clone());
    drop(put(&scheduler, "a", async {}));
    let [mut first, mut second, mut third] = [1, 2, 3].map(|n| submitting(&scheduler, "a", n));
    assert!(!is_ready(&mut first) && !is_ready(&mut second) && !is_ready(&mut third));
    executor.run();
    // There is room, for the first of them alone.
    let late = refused(scheduler.try_submit("a", NORMAL, async { 4 }));
    assert_eq!(late, (Refusal::Full(Bound::Queue), 4));
    assert!(!is_ready(&mut second) && !is_ready(&mut third));
    drop(first);
    assert!(!is_ready(&mut third));
    let second = poll(&mut second).unwrap().unwrap();
    assert!(!is_ready(&mut third));
    executor.run();
    let third = poll(&mut third).unwrap().unwrap();
    executor.run();
    assert_eq!(pollster::block_on(second), Ok(2));
    assert_eq!(pollster::block_on(third), Ok(3));
    assert_eq!(scheduler.queues(), 0);
}

#[test]
fn who_waits_for_one_thing_may_have_to_wait_for_another() {
    let executor = ByHand::default();
    let settings = settings().per_queue(1).max_queues(2).total(2);
    let scheduler: Keyed = settings.build(executor.clone());
    let a = put(&scheduler, "a", async {});
    let b = put(&scheduler, "b", async {});
    let mut for_queues = submitting(&scheduler, "c", 1);
    let mut for_queue = submitting(&scheduler, "a", 2);
    assert!(!is_ready(&mut for_queues) && !is_ready(&mut for_queue));
    // The queue `a` is kept for who waits in it: there is no room for a third one yet.
    assert!(a.cancel());
    assert!(!is_ready(&mut for_queues));
    assert!(is_ready(&mut for_queue));
    let mut again = submitting(&scheduler, "a", 3);
    assert!(!is_ready(&mut again) && !is_ready(&mut for_queues));
    // And now the one who came first has its queue, and who came later has not.
    let mut fourth = submitting(&scheduler, "d", 4);
    assert!(!is_ready(&mut fourth));
    assert!(b.cancel());
    executor.run();
    assert!(!is_ready(&mut fourth));
    assert!(is_ready(&mut for_queues));
    assert!(!is_ready(&mut fourth));
    assert!(is_ready(&mut again));
    executor.run();
    assert!(is_ready(&mut fourth));
    executor.run();
    assert_eq!((scheduler.total(), scheduler.queues()), (0, 0));
}

#[test]
fn a_busy_queue_does_not_keep_the_room_of_all_for_itself() {
    let executor = ByHand::default();
    let scheduler: Keyed = settings().per_queue(1).total(1).build(executor.clone());
    drop(put(&scheduler, "a", async {}));
    let mut other = submitting(&scheduler, "b", 1);
    let mut same = submitting(&scheduler, "a", 2);
    assert!(!is_ready(&mut other) && !is_ready(&mut same));
    executor.run();
    assert!(!is_ready(&mut same));
    assert!(is_ready(&mut other));
    executor.run();
    assert!(is_ready(&mut same));
}

#[test]
fn who_waits_hears_of_the_end() {
    let executor = ByHand::default();
    let scheduler: Keyed = settings().per_queue(1).total(2).build(executor.clone());
    drop(put(&scheduler, "a", async {}));
    let mut in_queue = submitting(&scheduler, "a", 1);
    assert!(!is_ready(&mut in_queue));
    let close = scheduler.close_queue(&"a", Closing::Discard);
    let mut close = std::pin::pin!(close);
    let _ = close.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    executor.run();
    pollster::block_on(close).unwrap();
    // There is another queue by now, and that is not the one that it waits for.
    let another = put(&scheduler, "a", async {});
    assert!(another.cancel());
    assert_eq!(
        poll(&mut in_queue).map(Result::err),
        Some(Some(Refusal::Closed))
    );
    executor.run();

    drop(put(&scheduler, "b", async {}));
    drop(put(&scheduler, "c", async {}));
    let mut in_all = submitting(&scheduler, "d", 1);
    assert!(!is_ready(&mut in_all));
    let shutdown = scheduler.shutdown(std::future::pending());
    let mut shutdown = std::pin::pin!(shutdown);
    let _ = shutdown
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(
        poll(&mut in_all).map(Result::err),
        Some(Some(Refusal::Closed))
    );
    executor.run();
    assert_eq!(pollster::block_on(shutdown), Default::default());
}
