//! A log that several nodes in one process share: one store, and for each node a tail of its own that has only what the
//! node listens to. As strict as the contract of [`Log`] lets a log be, so that a server relies on nothing more.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use hub_server::{
    Append, Body, Command, Cursor, Epoch, HubName, Interest, Lease, LeaseKey, Leases, Limit, Log,
    LogError, MemoryLog, Notice, Page, PersistentId, Receipt, Subscriber, Taken, Topic,
};
use tokio::sync::{Notify, watch};

/// What one node has of the log.
pub struct SharedLog {
    store: Arc<Store>,
    /// Which tail is this node's.
    node: usize,
}

struct Store {
    kept: MemoryLog,
    tails: Mutex<Vec<Tail>>,
    appended: Notify,
    /// Whether claims take their time.
    claims_held: watch::Sender<bool>,
}

#[derive(Default)]
struct Tail {
    topics: HashSet<Topic>,
    notices: VecDeque<Notice>,
    /// Nothing comes out of it for now: the node is slow, or far away.
    held: bool,
    /// The last order that the node has heard of.
    known: u64,
}

impl SharedLog {
    /// One log for so many nodes.
    pub fn of(nodes: usize) -> Vec<Arc<Self>> {
        let kept = MemoryLog::new(10_000, 16 << 20, Duration::from_secs(100));
        Self::over(kept, nodes)
    }

    /// The same, with a store that keeps so much.
    pub fn over(kept: MemoryLog, nodes: usize) -> Vec<Arc<Self>> {
        let store = Arc::new(Store {
            kept,
            tails: Mutex::new((0..nodes).map(|_| Tail::default()).collect()),
            appended: Notify::new(),
            claims_held: watch::Sender::new(false),
        });
        let node = |node| {
            let store = store.clone();
            Arc::new(Self { store, node })
        };
        (0..nodes).map(node).collect()
    }

    /// Holds the node's tail back, or lets it go on.
    pub fn hold(&self, held: bool) {
        self.tail(|tail| tail.held = held);
        self.store.appended.notify_waiters();
    }

    /// Holds claims of connections back, of whatever node, or lets them go.
    pub fn hold_claims(&self, held: bool) {
        self.store.claims_held.send_replace(held);
    }

    /// The topics that the node listens to.
    pub fn topics(&self) -> HashSet<Topic> {
        self.tail(|tail| tail.topics.clone())
    }

    fn tail<T>(&self, with: impl FnOnce(&mut Tail) -> T) -> T {
        with(&mut self.store.tails.lock().unwrap()[self.node])
    }
}

impl Tail {
    fn next(&mut self) -> Option<Notice> {
        if self.held {
            return None;
        }
        let notice = self.notices.pop_front()?;
        let order = match &notice {
            Notice::Appended(entry) => entry.order,
            Notice::Passed(order) => *order,
            _ => 0,
        };
        self.known = self.known.max(order);
        Some(notice)
    }
}

#[async_trait]
impl Log for SharedLog {
    fn epoch(&self) -> Epoch {
        self.store.kept.epoch()
    }

    fn end(&self) -> u64 {
        self.tail(|tail| tail.known)
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn append(&self, entries: Vec<Append>) -> Result<Vec<Receipt>, LogError> {
        let claims = |entry: &Append| matches!(entry.body, Body::Command(Command::Claim(_)));
        if entries.iter().any(claims) {
            let mut held = self.store.claims_held.subscribe();
            let _ = held.wait_for(|held| !held).await;
        }
        // One lock round all of it: every tail has the store's order.
        let mut tails = self.store.tails.lock().unwrap();
        let kept = &self.store.kept;
        let receipts = kept.append(entries).now_or_never().unwrap()?;
        while let Some(Ok(Notice::Appended(entry))) = kept.next().now_or_never() {
            for tail in tails.iter_mut() {
                let mut topics = std::iter::once(&entry.topic).chain(&entry.also);
                if topics.any(|topic| tail.topics.contains(topic)) {
                    tail.notices.push_back(Notice::Appended(entry.clone()));
                }
            }
        }
        let own = &mut tails[self.node];
        own.known = kept.end();
        if let Some(last) = receipts.iter().rev().find(|receipt| receipt.offset > 0) {
            own.notices.push_back(Notice::Passed(last.order));
        }
        self.store.appended.notify_waiters();
        Ok(receipts)
    }

    async fn read(&self, topics: &[Topic], after: Cursor, limit: Limit) -> Result<Page, LogError> {
        self.store.kept.read(topics, after, limit).await
    }

    fn watch(&self, topic: &Topic, change: Interest) -> u64 {
        let mut tails = self.store.tails.lock().unwrap();
        self.store.kept.watch(topic, change);
        let topics = &mut tails[self.node].topics;
        match change {
            Interest::Listen => assert!(topics.insert(topic.clone()), "twice: {topic:?}"),
            _ => assert!(topics.remove(topic), "not listened to: {topic:?}"),
        }
        self.store.kept.end()
    }

    async fn next(&self) -> Result<Notice, LogError> {
        loop {
            let mut appended = std::pin::pin!(self.store.appended.notified());
            appended.as_mut().enable();
            if let Some(notice) = self.tail(Tail::next) {
                return Ok(notice);
            }
            appended.await;
        }
    }
}

#[async_trait]
impl Leases for SharedLog {
    async fn take(&self, key: &LeaseKey) -> Result<Taken, LogError> {
        self.store.kept.take(key).await
    }

    async fn put(
        &self,
        key: &LeaseKey,
        fence: u64,
        lease: Option<Lease>,
        held: bool,
    ) -> Result<(), LogError> {
        self.store.kept.put(key, fence, lease, held).await
    }

    async fn sweep(&self) -> Result<Vec<LeaseKey>, LogError> {
        self.store.kept.sweep().await
    }

    async fn leases(&self, hub: &HubName) -> Result<Vec<Subscriber>, LogError> {
        self.store.kept.leases(hub).await
    }

    async fn bind(&self, owner: &PersistentId, user: Option<&str>) -> Result<bool, LogError> {
        self.store.kept.bind(owner, user).await
    }
}
