//! A queue with a backlog that is far larger than memory.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hub_server::{
    Append, Body, Cursor, Lease, LeaseKey, Leases, Limit, Log, LogOptions, Payload, PersistentId,
    RedbLog, Topic,
};

const DIR: &str = "HUB_BACKLOG";
/// What a page is.
const PAGE: Limit = Limit {
    entries: 256,
    upto: u64::MAX,
};
/// What a replay may take beyond what the process had.
const ROOM: u64 = 32 << 10;

fn options() -> LogOptions {
    LogOptions::default().queue(10_000_000, 1 << 40)
}

fn queue() -> Topic {
    Topic::Queue("chat".into(), "q".into())
}

fn key() -> LeaseKey {
    LeaseKey {
        hub: "chat".into(),
        owner: PersistentId::parse(&"a".repeat(32)).unwrap(),
    }
}

/// What this process has in memory, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

/// What it had at most.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

/// A client that is away, and so many messages of 200 bytes for it.
async fn fill(dir: &std::path::Path, count: u64) {
    let log = RedbLog::open_with(dir, options()).unwrap();
    let fence = log.take(&key()).await.unwrap().fence;
    let lease = Lease {
        queues: vec!["q".into()],
        ttl: Duration::from_secs(100_000),
        ..Lease::default()
    };
    log.put(&key(), fence, Some(lease), false).await.unwrap();
    let text = "x".repeat(180);
    for from in (0..count).step_by(1_000) {
        let said = |n: u64| {
            let body = Body::Value(Payload::of(&(n, &text)).unwrap());
            Append::new(queue(), body)
        };
        log.append((from..count.min(from + 1_000)).map(said).collect())
            .await
            .unwrap();
        while futures_util::FutureExt::now_or_never(log.next()).is_some() {}
    }
}

/// Opens the directory, reads all of the queue by pages, and lets it go: prints what that took.
#[tokio::test]
#[ignore = "runs as a child of another test"]
async fn the_child_that_replays() {
    let Ok(dir) = std::env::var(DIR) else {
        return;
    };
    let (dir, count) = dir.split_once('#').unwrap();
    let count: u64 = count.parse().unwrap();
    // What a first log sets up, and threads, are not counted.
    let other = PathBuf::from(format!("{dir}-other"));
    drop(RedbLog::open(&other).unwrap());
    std::fs::remove_dir_all(other).unwrap();
    let (before, start) = (resident(), Instant::now());
    let log = RedbLog::open_with(dir, options()).unwrap();
    let opened = start.elapsed();
    let topics = [queue()];
    let (mut after, mut expected) = (0, 0);
    loop {
        let page = log.read(&topics, Cursor::at(log.epoch(), after), PAGE);
        let page = page.await.unwrap();
        assert!(page.gaps.is_empty(), "{:?}", page.gaps);
        for entry in &page.entries {
            let Body::Value(value) = &entry.body else {
                panic!("not a value")
            };
            let (number, _) = value.read::<(u64, String)>().unwrap();
            assert_eq!(number, expected);
            expected += 1;
            after = entry.order;
        }
        if !page.more {
            break;
        }
    }
    assert_eq!(expected, count);
    let replayed = start.elapsed();
    // Nobody is owed it any more: it is let go.
    let fence = log.take(&key()).await.unwrap().fence;
    log.put(&key(), fence, None, false).await.unwrap();
    for _ in 0..3 {
        log.sweep().await.unwrap();
    }
    println!(
        "\ntook {} {} {} {}",
        peak().saturating_sub(before),
        opened.as_millis(),
        replayed.as_millis(),
        start.elapsed().as_millis()
    );
}

/// Replays a backlog of so many in a process of its own.
fn replay(count: u64) {
    let dir = std::env::temp_dir().join(format!("hub-backlog-{}", uuid::Uuid::new_v4()));
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(fill(&dir, count));
    drop(runtime);
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "the_child_that_replays",
            "--ignored",
            "--nocapture",
        ])
        .env(DIR, format!("{}#{count}", dir.display()))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    let said = String::from_utf8(child.stdout).unwrap();
    assert!(child.status.success(), "{said}");
    let took = said.lines().find_map(|line| line.strip_prefix("took "));
    let took: Vec<u64> = took
        .unwrap()
        .split(' ')
        .map(|n| n.parse().unwrap())
        .collect();
    println!(
        "{count} messages: {} KiB more at most, open after {} ms, replayed after {} ms, swept after {} ms",
        took[0], took[1], took[2], took[3]
    );
    assert!(took[0] <= ROOM, "{} KiB", took[0]);
    assert!(took[1] < 10_000, "{} ms", took[1]);
}

#[test]
fn a_long_backlog_is_replayed_in_order_without_being_in_memory() {
    replay(100_000);
}

#[test]
#[ignore = "takes a minute in a debug build"]
fn a_million_messages_are_replayed_in_order_without_being_in_memory() {
    replay(1_000_000);
}
