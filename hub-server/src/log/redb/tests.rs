mod contents;
mod cuts;
mod damage;
mod disk;
mod failing;
mod gauges;
mod meanwhile;
mod parts;
mod reopening;
mod terms;

use std::sync::Arc;

use super::*;
use disk::Disk;
use hub_core::{Body, Event, GapCause, HubName, Payload, QueueName};
use std::time::Duration;

pub(super) const ALL: Limit = Limit {
    entries: usize::MAX - 1,
    upto: u64::MAX,
};

fn on(disk: &Disk) -> Result<RedbLog, OpenError> {
    on_with(disk, &LogOptions::default())
}

fn on_with(disk: &Disk, options: &LogOptions) -> Result<RedbLog, OpenError> {
    RedbLog::open_on(disk.opener(), Path::new("disk"), options, clock::wall())
}

/// Almost nothing is in memory: what is read is read from the file.
fn little() -> LogOptions {
    LogOptions::default().cache(2, 4_000, 8_000)
}

/// Opens what a power cut or damage left, which takes less than a second. One that takes longer has to do so again: others
/// use the machine, too.
fn opened(disk: &Disk, options: &LogOptions, what: &str) -> Result<RedbLog, OpenError> {
    let again = disk.clone().altered(|_| {});
    let slow = |start: std::time::Instant| start.elapsed() >= Duration::from_secs(1);
    let start = std::time::Instant::now();
    let opened = on_with(disk, options);
    if slow(start) {
        let start = std::time::Instant::now();
        drop(on_with(&again, options));
        assert!(!slow(start), "{what}: opening takes {:?}", start.elapsed());
    }
    opened
}

fn queue(name: &str) -> Topic {
    Topic::Queue(HubName::from("chat"), QueueName::new(name))
}

fn group(name: &str) -> Topic {
    Topic::Group(HubName::from("chat"), name.into())
}

fn said(topic: &Topic, number: u64) -> Append {
    // Long enough to lie in several sectors, now and then.
    let text = "x".repeat(if number.is_multiple_of(7) { 3_000 } else { 20 });
    let event = Event {
        hub: "chat".into(),
        method: "m".into(),
        args: Payload::of(&(number, text)).unwrap(),
        state: None,
        tag: None,
    };
    Append::new(topic.clone(), Body::Event(event))
}

/// The numbers that a queue has with their orders, and its gaps. A body that is not whole fails.
async fn heard(log: &RedbLog, topic: &Topic, after: u64) -> (Vec<(u64, u64)>, Vec<GapCause>) {
    let cursor = Cursor::at(log.epoch(), after);
    let page = log.read(std::slice::from_ref(topic), cursor, ALL).await;
    let page = page.unwrap();
    let number = |entry: &Arc<hub_core::Entry>| {
        let Body::Event(event) = &entry.body else {
            panic!("not an event")
        };
        let (number, text) = event.args.read::<(u64, String)>().unwrap();
        assert!(text.bytes().all(|b| b == b'x') && text.len() >= 20);
        assert_eq!(text.len() == 3_000, number % 7 == 0);
        (entry.order, number)
    };
    (
        page.entries.iter().map(number).collect(),
        page.gaps.iter().map(|gap| gap.why).collect(),
    )
}

fn key(owner: u64) -> LeaseKey {
    LeaseKey {
        hub: HubName::from("chat"),
        owner: PersistentId::parse(&format!("{owner:032x}")).unwrap(),
    }
}

fn lease(queues: &[&str], after: u64, seconds: u64) -> Lease {
    Lease {
        queues: queues.iter().map(QueueName::new).collect(),
        after,
        ttl: Duration::from_secs(seconds),
        ..Lease::default()
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(future)
}

/// How many seeds to try: the number of the environment, for long runs.
fn seeds(usual: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("HUB_LOG_SEEDS").ok();
    let count = asked.and_then(|count| count.parse().ok());
    let from = std::env::var("HUB_LOG_SEED").ok();
    let from = from.and_then(|from| from.parse().ok()).unwrap_or(0);
    from..from + count.unwrap_or(usual)
}
