//! [`Checked`]: a log under test, and what every case says to it.

use std::sync::Arc;

use hub_core::{
    Append, Body, Cursor, Entry, Event, GapCause, HubName, Interest, Lease, LeaseKey, Limit, Log,
    LogError, NodeId, Notice, Page, Payload, PersistentId, QueueName, Receipt, Topic,
};
use tokio::time::Duration;

/// A log under test.
#[derive(Clone)]
pub(super) struct Checked(pub(super) Arc<dyn Log>);

/// Everything that there is.
pub(super) const ALL: Limit = Limit {
    entries: 100_000,
    upto: u64::MAX,
};

impl Checked {
    pub(super) fn new(log: Arc<dyn Log>) -> Self {
        Self(log)
    }

    pub(super) fn listen(&self, topics: &[Topic]) {
        for topic in topics {
            self.0.watch(topic, Interest::Listen);
        }
    }

    pub(super) fn leave(&self, topic: &Topic) {
        self.0.watch(topic, Interest::Leave);
    }

    pub(super) async fn append(&self, entries: Vec<Append>) -> Vec<Receipt> {
        let count = entries.len();
        let receipts = self.0.append(entries).await.unwrap();
        assert_eq!(receipts.len(), count, "a receipt for each entry");
        for pair in receipts.windows(2) {
            assert_eq!(pair[1].order, pair[0].order + 1, "one append is contiguous");
        }
        receipts
    }

    /// Appends one entry that says a number.
    pub(super) async fn say(&self, topic: &Topic, number: u64) -> Receipt {
        self.append(vec![said(topic, number)]).await[0]
    }

    pub(super) async fn read(&self, topics: &[Topic], after: u64, limit: Limit) -> Page {
        let cursor = Cursor::at(self.0.epoch(), after);
        let page = self.0.read(topics, cursor, limit).await.unwrap();
        let orders: Vec<u64> = page.entries.iter().map(|entry| entry.order).collect();
        assert!(orders.is_sorted_by(|a, b| a < b), "in order: {orders:?}");
        assert!(orders.iter().all(|&order| order > after), "{orders:?}");
        assert!(
            orders.iter().all(|&order| order <= limit.upto),
            "{orders:?}"
        );
        assert!(orders.len() <= limit.entries, "{orders:?}");
        page
    }

    /// The numbers that were said after an order, and the gaps.
    pub(super) async fn heard(&self, topics: &[Topic], after: u64) -> (Vec<u64>, Vec<GapCause>) {
        let page = self.read(topics, after, ALL).await;
        assert!(!page.more, "everything was asked for");
        (
            numbers(&page.entries),
            page.gaps.iter().map(|gap| gap.why).collect(),
        )
    }

    /// What the tail has up to an order, which it reaches.
    pub(super) async fn tail(&self, upto: u64) -> Vec<Arc<Entry>> {
        let (mut entries, mut last) = (Vec::<Arc<Entry>>::new(), 0);
        while last < upto {
            match self.0.next().await.unwrap() {
                Notice::Appended(entry) => {
                    assert!(entry.order > last, "the tail is in order");
                    last = entry.order;
                    entries.push(entry);
                }
                Notice::Passed(order) => {
                    assert!(order >= last, "the tail is in order");
                    last = order;
                }
                _ => {}
            }
        }
        entries
    }

    pub(super) async fn take(&self, key: &LeaseKey) -> (u64, Option<Lease>) {
        let taken = self.0.take(key).await.unwrap();
        assert!(
            !taken.over || taken.lease.is_none(),
            "what is over is not there"
        );
        (taken.fence, taken.lease)
    }

    /// Takes a lease that may be over.
    pub(super) async fn is_over(&self, key: &LeaseKey) -> bool {
        self.0.take(key).await.unwrap().over
    }

    pub(super) async fn put(&self, key: &LeaseKey, fence: u64, lease: Option<Lease>, held: bool) {
        self.0.put(key, fence, lease, held).await.unwrap();
    }

    pub(super) async fn fenced(&self, key: &LeaseKey, fence: u64, lease: Option<Lease>) {
        let refused = self.0.put(key, fence, lease, true).await;
        assert!(matches!(refused, Err(LogError::Fenced)), "{refused:?}");
    }

    pub(super) async fn sweep(&self) -> Vec<LeaseKey> {
        self.0.sweep().await.unwrap()
    }

    /// Lets time pass, and sweeps every few seconds as a server does.
    pub(super) async fn wait(&self, seconds: u64) -> Vec<LeaseKey> {
        let mut over = Vec::new();
        for _ in 0..seconds.div_ceil(5) {
            tokio::time::advance(Duration::from_secs(5)).await;
            over.extend(self.sweep().await);
        }
        over
    }
}

pub(super) fn hub() -> HubName {
    HubName::from("chat")
}

pub(super) fn group(name: &str) -> Topic {
    Topic::Group(hub(), name.into())
}

pub(super) fn queue(name: &str) -> Topic {
    Topic::Queue(hub(), name.into())
}

/// A topic of each kind.
pub(super) fn kinds(name: &str) -> [(&'static str, Topic); 7] {
    [
        ("all", Topic::All(HubName::from(name))),
        ("a group", group(name)),
        ("a user", Topic::User(hub(), name.into())),
        ("a connection", Topic::Connection(hub(), name.into())),
        ("control", Topic::Control(name.into())),
        ("a node", Topic::Node(NodeId(name.len() as u64))),
        ("a queue", queue(name)),
    ]
}

pub(super) fn event(payload: Payload) -> Body {
    Body::Event(Event {
        hub: hub(),
        method: "m".into(),
        args: payload,
        state: None,
        tag: None,
    })
}

/// An entry that says a number.
pub(super) fn said(topic: &Topic, number: u64) -> Append {
    Append::new(topic.clone(), event(Payload::of(&[number]).unwrap()))
}

/// An entry that is found elsewhere, too.
pub(super) fn said_also(topic: &Topic, also: &[Topic], number: u64) -> Append {
    Append {
        also: also.into(),
        ..said(topic, number)
    }
}

pub(super) fn numbers(entries: &[Arc<Entry>]) -> Vec<u64> {
    entries.iter().map(number).collect()
}

fn number(entry: &Arc<Entry>) -> u64 {
    let Body::Event(event) = &entry.body else {
        panic!("not an event: {:?}", entry.body)
    };
    event.args.read::<[u64; 1]>().unwrap()[0]
}

pub(super) fn key(owner: u32) -> LeaseKey {
    LeaseKey {
        hub: hub(),
        owner: owner_id(owner),
    }
}

pub(super) fn owner_id(owner: u32) -> PersistentId {
    PersistentId::parse(&format!("{owner:032x}")).unwrap()
}

/// A lease on queues, for so many seconds.
pub(super) fn lease(queues: &[&str], after: u64, seconds: u64) -> Lease {
    Lease {
        queues: queues.iter().map(QueueName::new).collect(),
        after,
        ttl: Duration::from_secs(seconds),
        ..Lease::default()
    }
}
