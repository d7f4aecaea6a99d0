//! [`MemoryLog`]: everything in memory, lost with the process. The default.

use std::time::Duration;

use async_trait::async_trait;
use hub_core::{
    Append, Cursor, Epoch, HubName, Interest, Lease, LeaseKey, Leases, Limit, Log, LogError,
    Notice, Page, PersistentId, Receipt, Subscriber, Taken, Topic,
};
use tokio::time::Instant;

use super::kept::plan::Plan;
use super::kept::{Kept, State, random_epoch};
use super::options::LogOptions;
use crate::meter;

/// A log in memory: the newest entries of each topic that somebody listens to or has listened to lately.
#[derive(Debug)]
pub struct MemoryLog(Kept);

impl MemoryLog {
    /// A log that keeps, for each live topic, so many of the newest entries and bytes, and topics without listeners for
    /// `idle`; the rest is as [`LogOptions`] has it by default.
    #[must_use]
    pub fn new(entries: usize, bytes: usize, idle: Duration) -> Self {
        Self::with(&LogOptions::default().retain(entries, bytes).idle(idle))
    }

    /// A log with limits of your own.
    #[must_use]
    pub fn with(options: &LogOptions) -> Self {
        Self(Kept::new(random_epoch(), options))
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
        let mut state = self.0.lock();
        if state.is_closed() {
            return Err(LogError::Closed);
        }
        State::check(&state.options, &entries)?;
        let mut plan = Plan::after(state.end);
        let placed = state.plan(&mut plan, &entries)?;
        state.trim_all(&mut plan);
        let entries = entries.into_iter().zip(placed);
        let receipts = entries.map(|(entry, placed)| state.append(entry, placed));
        let receipts = receipts.collect();
        for (topic, draft) in plan.queues {
            state.settle(&topic, draft.tally);
            meter::full(topic.hub(), draft.dropped);
        }
        self.0.notify(state);
        Ok(receipts)
    }

    async fn read(&self, topics: &[Topic], after: Cursor, limit: Limit) -> Result<Page, LogError> {
        Ok(self.0.read(topics, after, limit))
    }

    fn watch(&self, topic: &Topic, change: Interest) -> u64 {
        self.0.lock().watch(topic, change)
    }

    fn shrink(&self, short: bool) {
        self.0.lock().shrink(short);
    }

    fn in_memory(&self) -> usize {
        self.0.lock().in_memory()
    }

    async fn next(&self) -> Result<Notice, LogError> {
        self.0.next().await
    }
}

#[async_trait]
impl Leases for MemoryLog {
    async fn take(&self, key: &LeaseKey) -> Result<Taken, LogError> {
        let mut taken = self.0.lock().leases.take(key);
        if let Some(lease) = &taken.lease {
            taken.lost = self.0.lost(self, key, lease).await;
        }
        Ok(taken)
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
        state.measure();
        meter::behind(0);
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
