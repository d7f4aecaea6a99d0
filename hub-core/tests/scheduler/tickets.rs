//! How tickets end.

use std::panic::resume_unwind;

use hub_core::scheduler::TicketError;

use crate::executor::{Diary, Dropped, Gate, by_hand, poll, put};

#[test]
fn a_panic_fails_its_own_ticket_and_nothing_else() {
    let (scheduler, executor) = by_hand();
    let before = put(&scheduler, "a", async { 1 });
    let owned = put(&scheduler, "a", async {
        resume_unwind(Box::new("told".to_owned()))
    });
    let borrowed = put(&scheduler, "a", async { resume_unwind(Box::new("told")) });
    let silent = put(&scheduler, "a", async { resume_unwind(Box::new(7)) });
    let after = put(&scheduler, "a", async { 2 });
    executor.run();
    let told = |text: &str| Err::<(), _>(TicketError::Panicked(text.into()));
    assert_eq!(pollster::block_on(before), Ok(1));
    assert_eq!(pollster::block_on(owned), told("told"));
    assert_eq!(pollster::block_on(borrowed), told("told"));
    assert_eq!(pollster::block_on(silent), told("(no text)"));
    assert_eq!(pollster::block_on(after), Ok(2));
}

/// Panics as it is dropped.
struct Grudge;

impl Drop for Grudge {
    fn drop(&mut self) {
        resume_unwind(Box::new("a grudge"));
    }
}

#[test]
fn a_panic_of_what_is_dropped_stops_nobody() {
    let (scheduler, executor) = by_hand();
    let (held, unused) = (Grudge, Grudge);
    let holding = put(&scheduler, "a", async move {
        std::mem::forget(held);
    });
    // A value that nobody takes, and tasks that never start.
    drop(put(&scheduler, "a", async { Grudge }));
    let cancelled = put(&scheduler, "a", async move { drop(unused) });
    let next = put(&scheduler, "a", async { 3 });
    assert!(cancelled.cancel());
    executor.run();
    assert_eq!(pollster::block_on(holding), Ok(()));
    assert_eq!(pollster::block_on(cancelled), Err(TicketError::Cancelled));
    assert_eq!(pollster::block_on(next), Ok(3));
    assert_eq!(scheduler.queues(), 0);
}

#[test]
fn a_dropped_ticket_cancels_nothing() {
    let (scheduler, executor) = by_hand();
    let diary = Diary::default();
    let note = diary.clone();
    drop(put(&scheduler, "a", async move { note.note("ran") }));
    executor.run();
    assert_eq!(diary.take(), ["ran"]);
}

#[test]
fn who_is_cancelled_in_time_never_starts_and_makes_room() {
    let (scheduler, executor) = by_hand();
    let (diary, gate) = (Diary::default(), Gate::default());
    let running = put(&scheduler, "a", gate.clone().pass());
    let held = Dropped(diary.clone(), "dropped");
    let note = diary.clone();
    let waiting = put(&scheduler, "a", async move {
        let _held = held;
        note.note("ran");
    });
    executor.run();
    assert!(!waiting.is_ended());
    assert!(waiting.cancel());
    assert!(waiting.is_ended());
    assert_eq!(
        (scheduler.len(&"a"), diary.take()),
        (1, vec!["dropped".to_owned()])
    );
    // Twice is once, and what runs is not stopped.
    assert!(!waiting.cancel());
    assert!(!running.cancel());
    gate.open();
    executor.run();
    assert_eq!(pollster::block_on(waiting), Err(TicketError::Cancelled));
    assert!(!running.cancel());
    assert_eq!(pollster::block_on(running), Ok(()));
    assert_eq!(diary.take(), Vec::<String>::new());
}

#[test]
fn a_value_is_taken_once() {
    let (scheduler, executor) = by_hand();
    let mut ticket = put(&scheduler, "a", async { "value" });
    assert_eq!(poll(&mut ticket), None);
    executor.run();
    assert_eq!(poll(&mut ticket), Some(Ok("value")));
    assert_eq!(poll(&mut ticket), Some(Err(TicketError::Taken)));
}
