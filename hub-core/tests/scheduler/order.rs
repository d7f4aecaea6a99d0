//! In what order tasks run, inside a queue and between them.

use hub_core::scheduler::{Priority, TURN};

use crate::executor::{ByHand, Diary, Gate, Keyed, by_hand, put, settings, yield_now};

fn noting(scheduler: &Keyed, diary: &Diary, key: &'static str, lane: Priority, what: String) {
    let diary = diary.clone();
    let task = async move { diary.note(what) };
    drop(scheduler.try_submit(key, lane, task).unwrap());
}

/// Puts tasks into one queue by a word, `h` for a high one and `n` for a normal one; gives the word in which they ran.
fn ran(word: &str, burst: u32) -> String {
    let executor = ByHand::default();
    let scheduler = settings().high_burst(burst).build(executor.clone());
    let diary = Diary::default();
    for (place, letter) in word.chars().enumerate() {
        let lane = if letter == 'h' {
            Priority::High
        } else {
            Priority::Normal
        };
        noting(&scheduler, &diary, "a", lane, format!("{letter}{place}"));
    }
    executor.run();
    let notes = diary.take();
    for lane in ["h", "n"] {
        let of_lane = notes.iter().filter_map(|note| note.strip_prefix(lane));
        let places: Vec<usize> = of_lane.map(|place| place.parse().unwrap()).collect();
        assert!(places.is_sorted(), "{notes:?}");
    }
    notes.iter().map(|note| &note[..1]).collect()
}

#[test]
fn high_goes_first_but_not_for_ever() {
    assert_eq!(ran("nnn", 2), "nnn");
    assert_eq!(ran("nhnhh", 2), "hhnhn");
    assert_eq!(ran("nnhhhhh", 2), "hhnhhnh");
    assert_eq!(ran("nnhhhhh", 0), "hhhhhnn");
    assert_eq!(ran("nnhhhhh", 1), "hnhnhhh");
}

#[test]
fn a_task_that_waits_is_not_overtaken() {
    let (scheduler, executor) = by_hand();
    let diary = Diary::default();
    let gate = Gate::default();
    let (wait, note) = (gate.clone(), diary.clone());
    drop(put(&scheduler, "a", async move {
        note.note("began");
        wait.pass().await;
        note.note("ended");
    }));
    executor.run();
    noting(&scheduler, &diary, "a", Priority::High, "high".into());
    noting(&scheduler, &diary, "b", Priority::Normal, "other".into());
    executor.run();
    gate.open();
    executor.run();
    assert_eq!(diary.take(), ["began", "other", "ended", "high"]);
}

#[test]
fn what_a_task_leaves_behind_is_dropped_before_the_next_one_starts() {
    let (scheduler, executor) = by_hand();
    let diary = Diary::default();
    for _ in 0..2 {
        let (held, note) = (
            crate::executor::Dropped(diary.clone(), "dropped"),
            diary.clone(),
        );
        drop(put(&scheduler, "a", async move {
            let _held = held;
            note.note("began");
            yield_now().await;
        }));
    }
    executor.run();
    assert_eq!(diary.take(), ["began", "dropped", "began", "dropped"]);
}

#[test]
fn queues_take_turns() {
    let (scheduler, executor) = by_hand();
    let diary = Diary::default();
    let turn = TURN as usize;
    for key in ["a", "b"] {
        for _ in 0..turn + 3 {
            noting(&scheduler, &diary, key, Priority::Normal, key.into());
        }
    }
    executor.run();
    let expected = [("a", turn), ("b", turn), ("a", 3), ("b", 3)];
    let expected = expected.map(|(key, times)| key.repeat(times));
    assert_eq!(diary.take().concat(), expected.concat());
}

#[test]
fn a_queue_has_one_task_of_the_executor_and_without_tasks_none() {
    let (scheduler, executor) = by_hand();
    for round in 1..4 {
        for _ in 0..10 {
            drop(put(&scheduler, "a", yield_now()));
        }
        assert_eq!((scheduler.queues(), scheduler.len(&"a")), (1, 10));
        executor.run();
        assert_eq!((scheduler.queues(), scheduler.total()), (0, 0));
        assert!(scheduler.is_empty(&"a"));
        let spawned = executor.spawned.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(spawned, round);
        // The executor has nothing left that would hold anything.
        assert!(!executor.turn());
    }
}

#[test]
fn a_paused_queue_starts_nothing_and_the_others_run() {
    let (scheduler, executor) = by_hand();
    let diary = Diary::default();
    let gate = Gate::default();
    let wait = gate.clone();
    drop(put(&scheduler, "a", wait.pass()));
    executor.run();
    noting(&scheduler, &diary, "a", Priority::Normal, "a".into());
    scheduler.pause(&"a").unwrap();
    scheduler.pause(&"c").unwrap();
    // What runs goes on.
    gate.open();
    noting(&scheduler, &diary, "b", Priority::Normal, "b".into());
    noting(&scheduler, &diary, "c", Priority::Normal, "c".into());
    executor.run();
    assert_eq!(diary.take(), ["b"]);
    assert_eq!((scheduler.len(&"a"), scheduler.len(&"c")), (1, 1));
    scheduler.resume(&"c");
    scheduler.resume(&"a");
    executor.run();
    assert_eq!(diary.take(), ["c", "a"]);
    assert_eq!(scheduler.queues(), 0);
    // One that is paused without a task is one until it is resumed.
    scheduler.pause(&"d").unwrap();
    assert_eq!(scheduler.queues(), 1);
    scheduler.resume(&"d");
    assert_eq!(scheduler.queues(), 0);
}
