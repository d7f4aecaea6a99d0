//! Tasks that wait for others: those that would for ever are told, and no others.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use hub_core::scheduler::{Closing, Priority, Refusal, Ticket, TicketError};

use crate::executor::{ByHand, Gate, Keyed, by_hand, poll, put, settings, yield_now};

/// A ticket on its way to a task that was there before it.
type Later<T> = Arc<Mutex<Option<Ticket<T>>>>;

fn later<T>() -> Later<T> {
    Arc::default()
}

async fn awaits<T>(ticket: Later<T>) -> Result<T, TicketError> {
    let ticket = ticket.lock().unwrap().take().unwrap();
    ticket.await
}

/// Both at once.
async fn join<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    let (mut a, mut b) = (Box::pin(a), Box::pin(b));
    let (mut first, mut second) = (None, None);
    poll_fn(|cx| {
        if first.is_none() {
            first = ready(a.as_mut().poll(cx));
        }
        if second.is_none() {
            second = ready(b.as_mut().poll(cx));
        }
        match (first.take(), second.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            both => {
                (first, second) = both;
                Poll::Pending
            }
        }
    })
    .await
}

fn ready<T>(polled: Poll<T>) -> Option<T> {
    match polled {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

fn run<T>(executor: &ByHand, mut ticket: Ticket<T>) -> Option<Result<T, TicketError>> {
    executor.run();
    poll(&mut ticket)
}

#[test]
fn a_task_may_submit_to_its_own_queue_and_not_wait_for_it() {
    let (scheduler, executor) = by_hand();
    let own = scheduler.clone();
    let outer = put(&scheduler, "a", async move {
        let normal = Priority::Normal;
        let mut inner = own.submit("a", normal, async { 7 }).await.unwrap();
        let told = (&mut inner).await;
        yield_now().await;
        // Also through a clone, later, and as part of something larger.
        let more = own.clone().submit("a", normal, async {}).await.unwrap();
        let (more, ()) = join(more, yield_now()).await;
        (told, more, inner)
    });
    let (told, more, inner) = run(&executor, outer).unwrap().unwrap();
    assert_eq!(told, Err(TicketError::WouldDeadlock));
    assert_eq!(more, Err(TicketError::WouldDeadlock));
    // It has run since, and outside the ticket is as good as ever.
    assert_eq!(pollster::block_on(inner), Ok(7));
}

#[test]
fn a_task_may_wait_for_another_queue_and_another_scheduler() {
    let (scheduler, executor) = by_hand();
    let (other, its) = by_hand();
    let (own, far) = (scheduler.clone(), other.clone());
    let outer = put(&scheduler, "a", async move {
        let near = put(&own, "b", async { 1 }).await;
        (near, put(&far, "a", async { 2 }).await)
    });
    executor.run();
    its.run();
    assert_eq!(run(&executor, outer), Some(Ok((Ok(1), Ok(2)))));
}

#[test]
fn a_ring_is_found_where_it_closes() {
    for keys in [&["a", "b"][..], &["a", "b", "c", "d"]] {
        let (scheduler, executor) = by_hand();
        let slots: Vec<Later<()>> = keys.iter().map(|_| later()).collect();
        let next = |place: usize| slots[(place + 1) % keys.len()].clone();
        let places = 0..keys.len();
        let waiting: Vec<_> = places
            .map(|place| put(&scheduler, keys[place], awaits(next(place))))
            .collect();
        for (slot, key) in slots.iter().zip(keys) {
            *slot.lock().unwrap() = Some(put(&scheduler, key, async {}));
        }
        executor.run();
        let outcomes: Vec<_> = waiting.into_iter().map(pollster::block_on).collect();
        let (last, others) = outcomes.split_last().unwrap();
        assert_eq!(*last, Ok(Err(TicketError::WouldDeadlock)));
        assert!(
            others.iter().all(|outcome| *outcome == Ok(Ok(()))),
            "{outcomes:?}"
        );
        assert_eq!(scheduler.queues(), 0);
    }
}

#[test]
fn a_task_waits_for_itself_no_more_than_for_its_queue() {
    let (scheduler, executor) = by_hand();
    let own = later();
    let ticket = put(&scheduler, "a", awaits(own.clone()));
    let (told, tells) = (later(), own);
    let outer = put(&scheduler, "b", awaits(told.clone()));
    *told.lock().unwrap() = Some(put(&scheduler, "c", async {}));
    // Its own ticket, of another type only by what it is wrapped in.
    *tells.lock().unwrap() = Some(put(&scheduler, "a", async {}));
    executor.run();
    assert_eq!(
        pollster::block_on(ticket),
        Ok(Err(TicketError::WouldDeadlock))
    );
    assert_eq!(pollster::block_on(outer), Ok(Ok(())));
}

#[test]
fn a_wait_that_is_over_makes_no_ring() {
    let (scheduler, executor) = by_hand();
    let (gate, hold) = (Gate::default(), Gate::default());
    let first = put(&scheduler, "b", gate.clone().pass());
    let wait = hold.clone();
    let waiting = put(&scheduler, "a", async move {
        first.await.unwrap();
        wait.pass().await;
    });
    executor.run();
    // Behind what waits on `a`, and waited for by what follows on `b`, which runs before `a` hears of the first one's end.
    let behind = later();
    *behind.lock().unwrap() = Some(put(&scheduler, "a", async { 5 }));
    let second = put(&scheduler, "b", awaits(behind));
    gate.open();
    executor.run();
    hold.open();
    executor.run();
    assert_eq!(pollster::block_on(waiting), Ok(()));
    assert_eq!(pollster::block_on(second), Ok(Ok(5)));
}

#[test]
fn a_wait_that_was_given_up_makes_no_ring() {
    let (scheduler, executor) = by_hand();
    let (gate, hold) = (Gate::default(), Gate::default());
    let behind = later();
    let (wait, ticket) = (gate.clone(), behind.clone());
    let first = put(&scheduler, "b", async move {
        wait.pass().await;
        awaits(ticket).await
    });
    let mut second = put(&scheduler, "b", async {});
    let wait = hold.clone();
    let waiting = put(&scheduler, "a", async move {
        // Looks once, and then only holds the ticket.
        poll_fn(|cx| {
            assert!(std::pin::pin!(&mut second).poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        yield_now().await;
        wait.pass().await;
        (second,)
    });
    executor.run();
    *behind.lock().unwrap() = Some(put(&scheduler, "a", async { 5 }));
    gate.open();
    executor.run();
    hold.open();
    executor.run();
    let (second,) = pollster::block_on(waiting).unwrap();
    assert_eq!(pollster::block_on(first), Ok(Ok(5)));
    assert_eq!(pollster::block_on(second), Ok(()));
}

#[test]
fn a_task_is_not_kept_waiting_for_room_in_its_own_queue() {
    let executor = ByHand::default();
    let scheduler: Keyed = settings().per_queue(1).build(executor.clone());
    let own = scheduler.clone();
    let outer = put(&scheduler, "a", async move {
        let refused = own
            .submit("a", Priority::Normal, async { 1 })
            .await
            .unwrap_err();
        (refused.why, refused.task.await)
    });
    assert_eq!(run(&executor, outer), Some(Ok((Refusal::WouldDeadlock, 1))));
}

#[test]
fn a_task_that_closes_its_own_queue_does_not_wait_for_that() {
    let (scheduler, executor) = by_hand();
    let own = scheduler.clone();
    let outer = put(&scheduler, "a", async move {
        let closed = own.close_queue(&"a", Closing::Discard).await;
        let refused = own.try_submit("a", Priority::Normal, async {}).unwrap_err();
        (closed, refused.why)
    });
    let behind = put(&scheduler, "a", async {});
    let told = run(&executor, outer);
    assert_eq!(
        told,
        Some(Ok((Err(Refusal::WouldDeadlock), Refusal::Closed)))
    );
    assert_eq!(pollster::block_on(behind), Err(TicketError::Closed));
    assert_eq!(pollster::block_on(async { scheduler.queues() }), 0);
}
