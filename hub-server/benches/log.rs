//! What the log in memory costs an entry: written and handed to the pump, and read by who comes back.
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};
use futures_util::FutureExt;
use hub_server::{
    Append, Body, Cursor, Event, GroupName, HubName, Interest, Limit, Log, LogOptions, MemoryLog,
    Payload, QueueName, Topic,
};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

fn group(number: usize) -> Topic {
    Topic::Group(HubName::new("bench"), GroupName::new(format!("g{number}")))
}

fn append(topic: Topic) -> Append {
    let event = Event {
        hub: HubName::new("bench"),
        method: "message".into(),
        args: Payload::of(&("x".repeat(100),)).unwrap(),
        state: None,
        tag: None,
    };
    Append::new(topic, Body::Event(event))
}

/// A log that listens to these groups.
fn listening(groups: usize) -> MemoryLog {
    let log = MemoryLog::with(&LogOptions::default());
    for number in 0..groups {
        log.watch(&group(number), Interest::Listen);
    }
    log
}

/// It never waits for anybody.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().unwrap()
}

/// What one call of `append` writes is taken off the tail again, as the pump does.
#[divan::bench(args = [1, 64])]
fn append_and_hand_on(bencher: Bencher<'_, '_>, entries: usize) {
    let log = listening(1);
    let entry = append(group(0));
    bencher
        .counter(ItemsCount::new(entries))
        .with_inputs(|| vec![entry.clone(); entries])
        .bench_local_values(|batch| {
            now(log.append(batch)).unwrap();
            for _ in 0..entries {
                black_box(now(log.next()).unwrap());
            }
        });
}

/// The same where there are many groups, each written to in turn.
#[divan::bench(args = [1, 100, 10_000])]
fn append_to_each_group(bencher: Bencher<'_, '_>, groups: usize) {
    let log = listening(groups);
    let entries: Vec<Append> = (0..groups).map(|number| append(group(number))).collect();
    let mut turns = entries.iter().cycle();
    bencher
        .with_inputs(|| turns.next().cloned().into_iter().collect::<Vec<_>>())
        .bench_local_values(|batch| {
            now(log.append(batch)).unwrap();
            black_box(now(log.next()).unwrap())
        });
}

/// A queue that is full lets its oldest entry go. Nobody listens, so the tail has nothing of it.
#[divan::bench(args = [1, 64])]
fn append_to_a_full_queue(bencher: Bencher<'_, '_>, entries: usize) {
    let log = MemoryLog::with(&LogOptions::default().queue(1_000, 1 << 20));
    let entry = append(Topic::Queue(HubName::new("bench"), QueueName::new("q")));
    now(log.append(vec![entry.clone(); 1_000])).unwrap();
    bencher
        .counter(ItemsCount::new(entries))
        .with_inputs(|| vec![entry.clone(); entries])
        .bench_local_values(|batch| now(log.append(batch)).unwrap());
}

/// A page of 1,000 entries, merged from so many groups.
#[divan::bench(args = [1, 10, 100])]
fn read_a_page(bencher: Bencher<'_, '_>, groups: usize) {
    const PAGE: usize = 1_000;
    let log = listening(groups);
    for number in 0..PAGE {
        now(log.append(vec![append(group(number % groups))])).unwrap();
        now(log.next()).unwrap();
    }
    let topics: Vec<Topic> = (0..groups).map(group).collect();
    let limit = Limit {
        entries: PAGE,
        upto: log.end(),
    };
    bencher.counter(ItemsCount::new(PAGE)).bench_local(|| {
        let page = now(log.read(&topics, Cursor::at(log.epoch(), 0), limit)).unwrap();
        assert_eq!(page.entries.len(), PAGE);
        page
    });
}
