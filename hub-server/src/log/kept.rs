//! [`Kept`]: what a log has in memory, behind a lock: topics with their newest entries, the live tail, and leases.

pub(super) mod leases;
pub(super) mod ring;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hub_core::{
    Append, Body, Command, Cursor, Entry, Epoch, Gap, GapCause, Interest, Limit, LogError, Notice,
    Page, Receipt, Topic,
};
use tokio::sync::Notify;
use tokio::time::Instant;

use leases::Table;
use ring::Ring;

/// Topics without listeners beyond this number are forgotten, the longest idle first (`classic-signalr.md` 5.4).
const MAX_IDLE_TOPICS: usize = 1_000;

/// How much a topic keeps.
#[derive(Debug, Clone)]
pub(super) struct Keep {
    pub(super) entries: usize,
    pub(super) bytes: usize,
    /// How long without listeners.
    pub(super) idle: Duration,
}

/// What queues keep (`delivery.md` a.4).
pub(super) const QUEUE: Keep = Keep {
    entries: 10_000,
    bytes: 16 << 20,
    idle: Duration::from_secs(60),
};

/// What a log has in memory.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) epoch: Epoch,
    state: Mutex<State>,
    appended: Notify,
}

#[derive(Debug)]
#[cfg_attr(
    not(feature = "redb"),
    allow(dead_code, reason = "for logs that write down")
)]
pub(super) struct State {
    pub(super) end: u64,
    pub(super) rings: HashMap<Topic, Ring>,
    pub(super) leases: Table,
    /// Up to this order entries may have been in topics that were forgotten since.
    pub(super) forgotten: u64,
    /// Queues that changed, for a log that writes them down.
    pub(super) touched: Option<HashSet<Topic>>,
    /// No order beyond this one may be given out yet.
    pub(super) ceiling: u64,
    /// No order beyond this one is known to be safe.
    pub(super) reserved: u64,
    /// Whether more orders were asked for.
    pub(super) reserving: bool,
    keep: Keep,
    queue: Keep,
    /// Not yet handed to the pump. Short: whoever appends waits for the pump to pass.
    tail: VecDeque<Arc<Entry>>,
    swept: Option<Instant>,
    closed: bool,
}

/// A random epoch tells cursors of another log apart; 32 bits keep every frame short.
pub(super) fn random_epoch() -> Epoch {
    Epoch(u64::from(uuid::Uuid::new_v4().as_fields().0))
}

impl Kept {
    /// Nothing yet: live topics keep `keep`, queues keep `queue`.
    pub(super) fn new(epoch: Epoch, keep: Keep, queue: Keep) -> Self {
        let state = State {
            end: 0,
            rings: HashMap::new(),
            leases: Table::default(),
            forgotten: 0,
            touched: None,
            ceiling: u64::MAX,
            reserved: u64::MAX,
            reserving: false,
            keep,
            queue,
            tail: VecDeque::new(),
            swept: None,
            closed: false,
        };
        Self {
            epoch,
            state: Mutex::new(state),
            appended: Notify::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the tail that something was appended.
    pub(super) fn notify(&self) {
        self.appended.notify_one();
    }

    /// Ends the live tail once everything before was handed out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.notify();
    }

    /// Reads what `topics` hold after `after`.
    pub(super) fn read(&self, topics: &[Topic], after: Cursor, limit: Limit) -> Page {
        let state = self.lock();
        if after.epoch != self.epoch || after.order > state.end {
            return Page {
                gaps: vec![Gap {
                    topic: None,
                    why: GapCause::EpochChanged,
                }],
                ..Page::default()
            };
        }
        state.read(topics, after.order, limit)
    }

    /// The live tail, in order.
    pub(super) async fn next(&self) -> Result<Notice, LogError> {
        loop {
            {
                let mut state = self.lock();
                if let Some(entry) = state.tail.pop_front() {
                    return Ok(Notice::Appended(entry));
                }
                if state.closed {
                    return Err(LogError::Closed);
                }
            }
            self.appended.notified().await;
        }
    }
}

impl State {
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn append(&mut self, append: Append) -> Receipt {
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
            return Receipt::at(order, 0);
        };
        ring.offset += 1;
        let offset = ring.offset;
        let expires = append.terms.expires_in.map(|after| Instant::now() + after);
        let mut entry = Entry::new(order, offset, append);
        entry.expires = expires.map(Instant::into_std);
        let entry = Arc::new(entry);
        let keep = if queues { &self.queue } else { &self.keep };
        ring.push(entry.clone(), keep);
        for topic in &entry.also {
            if let Some(ring) = self.rings.get_mut(topic) {
                ring.offset += 1;
                ring.push(entry.clone(), &self.keep);
            }
        }
        self.tail.push_back(entry);
        Receipt::at(order, offset)
    }

    pub(super) fn watch(&mut self, topic: &Topic, change: Interest) {
        let now = Instant::now();
        if matches!(topic, Topic::Queue(..)) {
            // It keeps whether anybody listens or not.
            self.queue(topic);
        } else if change == Interest::Listen {
            let (forgotten, end) = (self.forgotten, self.end);
            let made = || Ring::made_at(end, forgotten);
            let ring = self.rings.entry(topic.clone()).or_insert_with(made);
            ring.listeners += 1;
            ring.idle_since = None;
        } else if let Some(ring) = self.rings.get_mut(topic) {
            ring.listeners = ring.listeners.saturating_sub(1);
            ring.idle_since = (ring.listeners == 0).then_some(now);
        }
        self.sweep(now);
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
            let damaged = ring.is_some_and(|ring| after < ring.damaged);
            let why = damaged.then_some(GapCause::Damaged);
            let why = why.or((after < trimmed).then_some(GapCause::Trimmed));
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
    fn sweep(&mut self, now: Instant) {
        let idle = self.keep.idle;
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
