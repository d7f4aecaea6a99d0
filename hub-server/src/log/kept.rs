//! [`Kept`]: what a log has in memory, behind a lock: topics with their newest entries, the live tail, and leases.

pub(super) mod crowd;
mod gauges;
mod history;
pub(super) mod leases;
pub(super) mod names;
pub(super) mod owed;
pub(super) mod plan;
pub(super) mod reading;
pub(super) mod ring;
pub(super) mod sweep;
mod unread;

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hub_core::{
    Append, Body, Command, Entry, Epoch, HubName, Interest, LogError, Notice, Receipt, Topic,
};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::options::LogOptions;
use crate::maps::Map;
use crowd::Hubs;
use leases::Table;
use names::{Names, Place};
use plan::Placed;
use ring::{Ring, length};

/// Topics without listeners beyond this number are forgotten, the longest idle first (`classic-signalr.md` 5.4).
const MAX_IDLE_TOPICS: usize = 1_000;

/// So long a queue keeps its entries in any case: who is noticed late to be gone loses nothing.
const LATE: Duration = Duration::from_secs(60);

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
    pub(super) rings: Map<Topic, Box<Ring>>,
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
    pub(super) names: Names,
    pub(super) options: LogOptions,
    /// What queues hold, by hub.
    pub(super) hubs: Hubs,
    /// What queues have in memory.
    pub(super) cached: usize,
    /// Whether memory is short: live topics keep less.
    pub(super) short: bool,
    /// Not yet handed to the pump. Short: whoever appends waits for the pump to pass. What is only kept, as nobody listens
    /// where it is found, is not in it.
    tail: VecDeque<Arc<Entry>>,
    /// The order of the last entry that was ever in it.
    heard: u64,
    /// The order of the last entry that it has left out.
    left_out: u64,
    swept: Option<Instant>,
    /// Hubs that had something when it was last told what they hold.
    measured: HashSet<HubName>,
    closed: bool,
}

/// A random epoch tells cursors of another log apart; 32 bits keep every frame short.
pub(super) fn random_epoch() -> Epoch {
    Epoch(u64::from(uuid::Uuid::new_v4().as_fields().0))
}

impl Kept {
    /// Nothing yet.
    pub(super) fn new(epoch: Epoch, options: &LogOptions) -> Self {
        let state = State {
            end: 0,
            rings: Map::default(),
            leases: Table::new(options),
            forgotten: 0,
            touched: None,
            ceiling: u64::MAX,
            reserved: u64::MAX,
            reserving: false,
            names: Names::new(options.dedupe_window, options.dedupe_names),
            options: options.clone(),
            hubs: Hubs::default(),
            cached: 0,
            short: false,
            tail: VecDeque::new(),
            heard: 0,
            left_out: 0,
            swept: None,
            measured: HashSet::new(),
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

    /// Tells the tail that something was appended, or that it ends.
    pub(super) fn notify(&self, state: MutexGuard<'_, State>) {
        let due = state.closed || !state.tail.is_empty();
        drop(state);
        if due {
            self.appended.notify_one();
        }
    }

    /// Ends the live tail once everything before was handed out.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.notify(state);
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

    /// Writes an entry where it was to be placed.
    pub(super) fn append(&mut self, append: Append, placed: Placed) -> Receipt {
        let queued = matches!(append.topic, Topic::Queue(..));
        let waiting = if queued {
            self.leases
                .waiting(&append.topic, append.terms.only.as_ref())
        } else {
            0
        };
        if let Placed::Known(place) = placed {
            return Receipt {
                duplicate: true,
                waiting,
                // If the tail left it out, it may have nothing that comes as far.
                tail: place.order.min(self.heard),
                ..Receipt::at(place.order, place.offset)
            };
        }
        self.end += 1;
        let order = self.end;
        let (entries, bytes) = self.room_of_live();
        if let Body::Command(Command::Join(hub, group, _)) = &append.body {
            // Kept from here on: whoever joins listens a moment later, and nothing between is lost.
            let topic = Topic::Group(hub.clone(), group.clone());
            let made = || {
                Box::new(Ring {
                    idle_since: Some(Instant::now()),
                    ..Ring::after(self.forgotten)
                })
            };
            self.rings.entry(topic).or_insert_with(made);
        }
        if queued {
            self.queue(&append.topic);
        }
        let Some(ring) = self.rings.get_mut(&append.topic) else {
            return Receipt::at(order, 0);
        };
        ring.tally.offset += 1;
        let offset = ring.tally.offset;
        let now = Instant::now();
        if let (true, Some(id), Some(hub)) = (queued, &append.terms.dedupe, append.topic.hub()) {
            let at = now;
            self.names.add(hub, id, Place { order, offset, at });
        }
        let life = append.terms.expires_in.filter(|_| queued);
        let expires = life.and_then(|life| now.checked_add(life));
        let mut entry = Entry::new(order, offset, append);
        entry.expires = expires.map(Instant::into_std);
        let entry = Arc::new(entry);
        let mut heard = !queued || ring.listeners > 0;
        if queued {
            let before = ring.bytes;
            ring.hold(entry.clone());
            self.cached += ring.bytes - before;
        } else {
            ring.push(entry.clone(), entries, bytes);
        }
        for topic in &entry.also {
            if matches!(topic, Topic::Queue(..)) {
                continue;
            }
            if let Some(ring) = self.rings.get_mut(topic) {
                ring.tally.offset += 1;
                ring.push(entry.clone(), entries, bytes);
                heard = true;
            }
        }
        if heard {
            self.heard = order;
            self.tail.push_back(entry);
        } else {
            self.left_out = order;
        }
        Receipt {
            waiting,
            tail: self.heard,
            ..Receipt::at(order, offset)
        }
    }

    /// Whether entries may be written as far as their bodies go.
    pub(super) fn check(options: &LogOptions, entries: &[Append]) -> Result<(), LogError> {
        for append in entries {
            let (size, limit) = (length(&append.body), options.max_body);
            if size > limit && matches!(append.topic, Topic::Queue(..)) {
                return Err(LogError::TooLarge { size, limit });
            }
        }
        Ok(())
    }

    /// Gives up to where the tail may have left out what is found there.
    pub(super) fn watch(&mut self, topic: &Topic, change: Interest) -> u64 {
        let now = Instant::now();
        if matches!(topic, Topic::Queue(..)) {
            // It keeps whether anybody listens or not.
            self.queue(topic);
            if let Some(ring) = self.rings.get_mut(topic) {
                match change {
                    Interest::Listen => ring.listeners += 1,
                    _ => ring.listeners = ring.listeners.saturating_sub(1),
                }
            }
        } else if change == Interest::Listen {
            let (forgotten, end) = (self.forgotten, self.end);
            let made = || Box::new(Ring::made_at(end, forgotten));
            let ring = self.rings.entry(topic.clone()).or_insert_with(made);
            ring.listeners += 1;
            ring.idle_since = None;
        } else if let Some(ring) = self.rings.get_mut(topic) {
            ring.listeners = ring.listeners.saturating_sub(1);
            ring.idle_since = (ring.listeners == 0).then_some(now);
        }
        self.sweep(now);
        self.left_out
    }

    /// Forgets topics that nobody has listened to for too long. Looked at when interest changes, at most once in a
    /// tenth of that time: what is idle needs no timer.
    fn sweep(&mut self, now: Instant) {
        let idle = self.options.idle;
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
