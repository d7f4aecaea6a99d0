//! A log whose reading of queues takes as long as a test wants: what was read is handed on later.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hub_server::{
    Append, Cursor, Epoch, HubName, Interest, Lease, LeaseKey, Leases, Limit, Log, LogError,
    MemoryLog, Notice, Page, PersistentId, Receipt, Subscriber, Taken, Topic,
};
use tokio::sync::watch;

pub struct SlowLog {
    kept: MemoryLog,
    held: watch::Sender<bool>,
    /// Whether receipts are held back.
    owing: watch::Sender<bool>,
    /// How many pages were read while it was held.
    read: watch::Sender<usize>,
}

impl SlowLog {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            kept: MemoryLog::new(10_000, 16 << 20, Duration::from_secs(100)),
            held: watch::Sender::new(false),
            owing: watch::Sender::new(false),
            read: watch::Sender::new(0),
        })
    }

    /// Holds pages of queues back, or lets them go.
    pub fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// Holds receipts back, of what is written all the same, or lets them go.
    pub fn hold_receipts(&self, held: bool) {
        self.owing.send_replace(held);
    }

    /// Waits until a page is held.
    pub async fn holds(&self) {
        let mut read = self.read.subscribe();
        super::within(read.wait_for(|read| *read > 0))
            .await
            .unwrap();
    }
}

#[async_trait]
impl Log for SlowLog {
    fn epoch(&self) -> Epoch {
        self.kept.epoch()
    }

    fn end(&self) -> u64 {
        self.kept.end()
    }

    fn is_shared(&self) -> bool {
        false
    }

    async fn append(&self, entries: Vec<Append>) -> Result<Vec<Receipt>, LogError> {
        let receipts = self.kept.append(entries).await;
        let _ = self.owing.subscribe().wait_for(|held| !*held).await;
        receipts
    }

    async fn read(&self, topics: &[Topic], after: Cursor, limit: Limit) -> Result<Page, LogError> {
        let page = self.kept.read(topics, after, limit).await;
        let of_queues = topics.iter().all(|topic| matches!(topic, Topic::Queue(..)));
        if *self.held.borrow() && of_queues && limit.entries > 0 {
            self.read.send_modify(|read| *read += 1);
            let mut held = self.held.subscribe();
            let _ = held.wait_for(|held| !*held).await;
        }
        page
    }

    fn watch(&self, topic: &Topic, change: Interest) -> u64 {
        self.kept.watch(topic, change)
    }

    async fn next(&self) -> Result<Notice, LogError> {
        self.kept.next().await
    }
}

#[async_trait]
impl Leases for SlowLog {
    async fn take(&self, key: &LeaseKey) -> Result<Taken, LogError> {
        self.kept.take(key).await
    }

    async fn put(
        &self,
        key: &LeaseKey,
        fence: u64,
        lease: Option<Lease>,
        held: bool,
    ) -> Result<(), LogError> {
        self.kept.put(key, fence, lease, held).await
    }

    async fn sweep(&self) -> Result<Vec<LeaseKey>, LogError> {
        self.kept.sweep().await
    }

    async fn leases(&self, hub: &HubName) -> Result<Vec<Subscriber>, LogError> {
        self.kept.leases(hub).await
    }

    async fn bind(&self, owner: &PersistentId, user: Option<&str>) -> Result<bool, LogError> {
        self.kept.bind(owner, user).await
    }
}
