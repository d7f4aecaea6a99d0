//! What it costs that a queued entry is on the disk before it has its receipt. The file is in the folder for temporary ones
//! (`TMPDIR`), which should not be one in memory.
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::fs;
use std::path::PathBuf;

use divan::Bencher;
use divan::counter::ItemsCount;
use hub_server::{
    Append, Body, Cursor, Event, HubName, Limit, Log, LogOptions, Payload, QueueName, RedbLog,
    Topic,
};
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

/// A log in a folder of its own, which goes with it.
struct Stored {
    log: RedbLog,
    dir: PathBuf,
    runtime: Runtime,
}

impl Stored {
    fn new(options: LogOptions) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let dir = std::env::temp_dir().join(format!("hub-queue-{}", uuid::Uuid::new_v4()));
        let log = {
            let _inside = runtime.enter();
            RedbLog::open_with(&dir, options).unwrap()
        };
        Self { log, dir, runtime }
    }

    fn append(&self, batch: Vec<Append>) {
        let receipts = self.runtime.block_on(self.log.append(batch)).unwrap();
        assert!(!receipts.is_empty());
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.log.close();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn queue() -> Topic {
    Topic::Queue(HubName::new("bench"), QueueName::new("q"))
}

fn entry() -> Append {
    let event = Event {
        hub: HubName::new("bench"),
        method: "message".into(),
        args: Payload::of(&("x".repeat(252),)).unwrap(),
        state: None,
        tag: None,
    };
    Append::new(queue(), Body::Event(event))
}

/// So many entries in one transaction. The queue keeps 10,000, so that later ones push others out.
#[divan::bench(args = [1, 64, 512], sample_count = 20, sample_size = 10)]
fn append(bencher: Bencher<'_, '_>, entries: usize) {
    let stored = Stored::new(LogOptions::default());
    let entry = entry();
    bencher
        .counter(ItemsCount::new(entries))
        .with_inputs(|| vec![entry.clone(); entries])
        .bench_local_values(|batch| stored.append(batch));
}

/// A page of 1,000 entries: the newest, which are in memory, too, and the oldest, which are in the file alone.
#[divan::bench(args = ["memory", "file"], sample_count = 20, sample_size = 5)]
fn read_a_page(bencher: Bencher<'_, '_>, from: &str) {
    const PAGE: usize = 1_000;
    let cached = if from == "memory" { 10 * PAGE } else { 0 };
    let stored = Stored::new(LogOptions::default().cache(cached, 1 << 30, 1 << 30));
    for _ in 0..4 {
        stored.append(vec![entry(); PAGE]);
    }
    let limit = Limit {
        entries: PAGE,
        upto: stored.log.end(),
    };
    let topics = [queue()];
    bencher.counter(ItemsCount::new(PAGE)).bench_local(|| {
        let begin = Cursor::at(stored.log.epoch(), 0);
        let page = stored
            .runtime
            .block_on(stored.log.read(&topics, begin, limit));
        let page = page.unwrap();
        assert_eq!(page.entries.len(), PAGE);
        page
    });
}
