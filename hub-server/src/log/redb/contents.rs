//! What a log holds, for those who look after it.

use std::sync::PoisonError;

use hub_core::{HubName, LogError, QueueName, Topic};

use super::jobs::Job;
use super::{RedbLog, Shared};

/// What a queue holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueContents {
    /// The hub that it is of.
    pub hub: HubName,
    /// Its name.
    pub queue: QueueName,
    /// How many entries are kept.
    pub entries: usize,
    /// What they count, in bytes.
    pub bytes: usize,
    /// The order of the last entry that is no longer kept; 0 before the first one.
    pub gone: u64,
    /// How many clients that are away are subscribed to it.
    pub waiting: u32,
}

impl RedbLog {
    /// What each queue holds, by hub and name.
    #[must_use]
    pub fn contents(&self) -> Vec<QueueContents> {
        let state = self.shared.kept.lock();
        let queues = state.rings.iter().filter_map(|(topic, ring)| {
            let Topic::Queue(hub, queue) = topic else {
                return None;
            };
            Some(QueueContents {
                hub: hub.clone(),
                queue: queue.clone(),
                entries: ring.tally.entries,
                bytes: ring.tally.bytes,
                gone: ring.tally.gone,
                waiting: state.leases.waiting(topic, None),
            })
        });
        let mut queues: Vec<_> = queues.collect();
        queues.sort_by_key(|it| (it.hub.to_string(), it.queue.as_str().to_owned()));
        queues
    }

    /// Lets go all entries of a queue, and gives how many there were. Those who are owed any are told that they are gone.
    ///
    /// # Errors
    /// When the disk does not take it: the entries are there again after a restart.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn purge(&self, hub: &HubName, queue: &QueueName) -> Result<usize, LogError> {
        let topic = Topic::Queue(hub.clone(), queue.clone());
        let shared = self.shared.clone();
        let purged = tokio::task::spawn_blocking(move || shared.purge(&topic)).await;
        let purged = purged.map_err(|error| LogError::Unavailable(error.into()))?;
        self.ask(Job::Reserve).await?;
        Ok(purged)
    }
}

impl Shared {
    fn purge(&self, topic: &Topic) -> usize {
        // Between two transactions: one under way has counted what it adds.
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.kept.lock();
        let end = state.end;
        let Some(mut tally) = state.rings.get(topic).map(|ring| ring.tally) else {
            return 0;
        };
        let purged = std::mem::take(&mut tally.entries);
        if purged > 0 {
            tally.bytes = 0;
            tally.first = tally.offset + 1;
            (tally.gone, tally.trimmed) = (end, end);
            state.settle(topic, tally);
            state.touch(topic);
        }
        purged
    }
}
