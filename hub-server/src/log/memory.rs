//! [`MemoryLog`]: a ring of entries per topic, lost with the process. The default.

mod leases;
mod ring;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hub_core::{
    Append, Body, Command, Cursor, Entry, Epoch, Gap, GapCause, Interest, Limit, Log, LogError,
    Notice, Page, Receipt, Topic,
};
use tokio::sync::Notify;
use tokio::time::Instant;

use leases::Table;
use ring::Ring;

/// Topics without listeners beyond this number are forgotten, the longest idle first (`classic-signalr.md` 5.4).
const MAX_IDLE_TOPICS: usize = 1_000;

/// A log in memory: the newest entries of each topic that somebody listens to or has listened to lately.
#[derive(Debug)]
pub struct MemoryLog {
    epoch: Epoch,
    keep: Keep,
    inner: Mutex<Inner>,
    appended: Notify,
}

/// How much a topic keeps.
#[derive(Debug)]
struct Keep {
    entries: usize,
    bytes: usize,
    /// How long without listeners.
    idle: Duration,
}

/// What queues keep (`delivery.md` a.4).
const QUEUE: Keep = Keep {
    entries: 10_000,
    bytes: 16 << 20,
    idle: Duration::from_secs(60),
};

#[derive(Debug, Default)]
struct Inner {
    end: u64,
    rings: HashMap<Topic, Ring>,
    leases: Table,
    /// Not yet handed to the pump. Short: whoever appends waits for the pump to pass.
    tail: VecDeque<Arc<Entry>>,
    /// Up to this order entries may have been in topics that were forgotten since.
    forgotten: u64,
    swept: Option<Instant>,
    closed: bool,
}

impl MemoryLog {
    /// A log that keeps, for each topic, so many of the newest entries and bytes, and topics without listeners for
    /// `idle`.
    #[must_use]
    pub fn new(entries: usize, bytes: usize, idle: Duration) -> Self {
        // A random epoch tells cursors of another process apart; 32 bits keep every frame short.
        let epoch = Epoch(u64::from(uuid::Uuid::new_v4().as_fields().0));
        let keep = Keep {
            entries: entries.max(1),
            bytes,
            idle,
        };
        Self {
            epoch,
            keep,
            inner: Mutex::default(),
            appended: Notify::new(),
        }
    }

    /// Ends the live tail: [`Log::next`] returns [`LogError::Closed`] once everything before was handed out.
    pub fn close(&self) {
        self.lock().closed = true;
        self.appended.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Log for MemoryLog {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn end(&self) -> u64 {
        self.lock().end
    }

    fn is_shared(&self) -> bool {
        false
    }

    async fn append(&self, entries: Vec<Append>) -> Result<Vec<Receipt>, LogError> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(LogError::Closed);
        }
        let receipts = entries
            .into_iter()
            .map(|entry| inner.append(entry, &self.keep))
            .collect();
        drop(inner);
        self.appended.notify_one();
        Ok(receipts)
    }

    async fn read(&self, topics: &[Topic], after: Cursor, limit: Limit) -> Result<Page, LogError> {
        let inner = self.lock();
        if after.epoch != self.epoch || after.order > inner.end {
            return Ok(Page {
                gaps: vec![Gap {
                    topic: None,
                    why: GapCause::EpochChanged,
                }],
                ..Page::default()
            });
        }
        Ok(inner.read(topics, after.order, limit))
    }

    fn watch(&self, topic: &Topic, change: Interest) -> u64 {
        let now = Instant::now();
        let mut inner = self.lock();
        if matches!(topic, Topic::Queue(..)) {
            // It keeps whether anybody listens or not.
            inner.queue(topic);
        } else if change == Interest::Listen {
            let (forgotten, end) = (inner.forgotten, inner.end);
            let made = || Ring::made_at(end, forgotten);
            let ring = inner.rings.entry(topic.clone()).or_insert_with(made);
            ring.listeners += 1;
            ring.idle_since = None;
        } else if let Some(ring) = inner.rings.get_mut(topic) {
            ring.listeners = ring.listeners.saturating_sub(1);
            ring.idle_since = (ring.listeners == 0).then_some(now);
        }
        inner.sweep(now, self.keep.idle);
        // Whatever is kept goes through the tail.
        0
    }

    async fn next(&self) -> Result<Notice, LogError> {
        loop {
            {
                let mut inner = self.lock();
                if let Some(entry) = inner.tail.pop_front() {
                    return Ok(Notice::Appended(entry));
                }
                if inner.closed {
                    return Err(LogError::Closed);
                }
            }
            self.appended.notified().await;
        }
    }
}

impl Inner {
    fn append(&mut self, append: Append, keep: &Keep) -> Receipt {
        self.end += 1;
        let order = self.end;
        if let Body::Command(Command::Join(hub, group, _)) = &append.body {
            // Kept from here on: whoever joins listens a moment later, and nothing between is lost.
            let topic = Topic::Group(hub.clone(), group.clone());
            let made = || Ring {
                idle_since: Some(Instant::now()),
                ..Ring::after(self.forgotten)
            };
            self.rings.entry(topic).or_insert_with(made);
        }
        let queues = matches!(append.topic, Topic::Queue(..));
        if queues {
            self.queue(&append.topic);
        }
        let Some(ring) = self.rings.get_mut(&append.topic) else {
            return Receipt { order, offset: 0 };
        };
        ring.offset += 1;
        let offset = ring.offset;
        let entry = Arc::new(Entry::new(order, offset, append));
        ring.push(entry.clone(), if queues { &QUEUE } else { keep });
        for topic in &entry.also {
            if let Some(ring) = self.rings.get_mut(topic) {
                ring.offset += 1;
                ring.push(entry.clone(), keep);
            }
        }
        self.tail.push_back(entry);
        Receipt { order, offset }
    }

    fn read(&self, topics: &[Topic], after: u64, limit: Limit) -> Page {
        let mut page = Page::default();
        for topic in topics {
            let ring = self.rings.get(topic);
            let queues = matches!(topic, Topic::Queue(..));
            let lost = if queues {
                self.leases.forgotten
            } else {
                self.forgotten
            };
            let (trimmed, forgotten, made) = ring.map_or((0, lost, self.end), |ring| {
                (ring.trimmed, ring.forgotten, ring.made)
            });
            // Who stood exactly there when it was forgotten has missed what was not kept afterwards, except in a queue,
            // which keeps whoever listens. Who stands where it was made again, or later, has missed nothing.
            let after_it = if queues {
                after < forgotten
            } else {
                after <= forgotten && after < made
            };
            let expired = forgotten > 0 && after_it;
            let why = (after < trimmed).then_some(GapCause::Trimmed);
            if let Some(why) = why.or(expired.then_some(GapCause::Expired)) {
                let topic = Some(topic.clone());
                page.gaps.push(Gap { topic, why });
            }
            let Some(ring) = ring else { continue };
            let from = ring.entries.partition_point(|entry| entry.order <= after);
            let wanted = ring
                .entries
                .range(from..)
                .take_while(|entry| entry.order <= limit.upto);
            page.entries.extend(wanted.take(limit.entries + 1).cloned());
        }
        page.entries.sort_unstable_by_key(|entry| entry.order);
        // One that is in two of the topics.
        page.entries.dedup_by_key(|entry| entry.order);
        page.more = page.entries.len() > limit.entries;
        page.entries.truncate(limit.entries);
        page
    }

    /// Forgets topics that nobody has listened to for too long. Looked at when interest changes, at most once in a
    /// tenth of that time: what is idle needs no timer.
    fn sweep(&mut self, now: Instant, idle: Duration) {
        if self.swept.is_some_and(|at| now < at + idle / 10) {
            return;
        }
        self.swept = Some(now);
        let mut idle_since: Vec<Instant> = self
            .rings
            .values()
            .filter_map(|ring| ring.idle_since)
            .collect();
        idle_since.sort_unstable();
        let excess = idle_since
            .len()
            .checked_sub(MAX_IDLE_TOPICS + 1)
            .and_then(|at| idle_since.get(at))
            .copied();
        let before = self.rings.len();
        self.rings.retain(|_, ring| {
            ring.idle_since
                .is_none_or(|at| at + idle > now && excess.is_none_or(|e| at > e))
        });
        if self.rings.len() < before {
            self.forgotten = self.end;
        }
    }
}

#[cfg(test)]
mod tests;
