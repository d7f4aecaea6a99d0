//! [`MemoryLog`]: everything in memory, lost with the process. The default.

use std::time::Duration;

use async_trait::async_trait;
use hub_core::{
    Append, Cursor, Epoch, HubName, Interest, Lease, LeaseKey, Leases, Limit, Log, LogError,
    Notice, Page, PersistentId, Receipt, Subscriber, Taken, Topic,
};
use tokio::time::Instant;

use super::kept::{Keep, Kept, QUEUE, random_epoch};

/// A log in memory: the newest entries of each topic that somebody listens to or has listened to lately.
#[derive(Debug)]
pub struct MemoryLog(Kept);

impl MemoryLog {
    /// A log that keeps, for each topic, so many of the newest entries and bytes, and topics without listeners for
    /// `idle`.
    #[must_use]
    pub fn new(entries: usize, bytes: usize, idle: Duration) -> Self {
        let keep = Keep {
            entries: entries.max(1),
            bytes,
            idle,
        };
        Self(Kept::new(random_epoch(), keep, QUEUE))
    }

    /// Ends the live tail: [`Log::next`] returns [`LogError::Closed`] once everything before was handed out.
    pub fn close(&self) {
        self.0.close();
    }
}

#[async_trait]
impl Log for MemoryLog {
    fn epoch(&self) -> Epoch {
        self.0.epoch
    }

    fn end(&self) -> u64 {
        self.0.lock().end
    }

    fn is_shared(&self) -> bool {
        false
    }

    async fn append(&self, entries: Vec<Append>) -> Result<Vec<Receipt>, LogError> {
        let receipts = {
            let mut state = self.0.lock();
            if state.is_closed() {
                return Err(LogError::Closed);
            }
            let append = |entry| state.append(entry);
            entries.into_iter().map(append).collect()
        };
        self.0.notify();
        Ok(receipts)
    }

    async fn read(&self, topics: &[Topic], after: Cursor, limit: Limit) -> Result<Page, LogError> {
        Ok(self.0.read(topics, after, limit))
    }

    fn watch(&self, topic: &Topic, change: Interest) -> u64 {
        self.0.lock().watch(topic, change);
        // Whatever is kept goes through the tail.
        0
    }

    async fn next(&self) -> Result<Notice, LogError> {
        self.0.next().await
    }
}

#[async_trait]
impl Leases for MemoryLog {
    async fn take(&self, key: &LeaseKey) -> Result<Taken, LogError> {
        Ok(self.0.lock().leases.take(key))
    }

    async fn put(
        &self,
        key: &LeaseKey,
        fence: u64,
        lease: Option<Lease>,
        held: bool,
    ) -> Result<(), LogError> {
        self.0.lock().put(key, fence, lease, held)
    }

    async fn sweep(&self) -> Result<Vec<LeaseKey>, LogError> {
        let mut state = self.0.lock();
        let over = state.leases.sweep();
        state.sweep_queues(Instant::now());
        Ok(over)
    }

    async fn leases(&self, hub: &HubName) -> Result<Vec<Subscriber>, LogError> {
        Ok(self.0.lock().leases.on(hub))
    }

    async fn bind(&self, owner: &PersistentId, user: Option<&str>) -> Result<bool, LogError> {
        let table = &mut self.0.lock().leases;
        let bound = table.is_bound(owner, user);
        if let (None, Some(user)) = (bound, user) {
            table.bind(owner, user);
        }
        Ok(bound.unwrap_or(true))
    }
}

#[cfg(test)]
mod tests;
