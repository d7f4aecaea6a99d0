//! [`Ring`]: the newest entries of one topic, and what is known of the rest.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use hub_core::{Body, Entry, Payload, WhenFull};
use tokio::time::Instant;

use crate::log::options::LogOptions;

/// What an entry weighs beside its body.
pub(in crate::log) const ENTRY_OVERHEAD: usize = 256;

#[derive(Debug, Default)]
pub(in crate::log) struct Ring {
    pub(in crate::log) entries: VecDeque<Arc<Entry>>,
    /// What they weigh.
    pub(in crate::log) bytes: usize,
    /// How much the topic holds, where that counts: in queues.
    pub(in crate::log) tally: Tally,
    /// Up to this order its entries are no longer in memory, but in a file.
    pub(in crate::log) spilled: u64,
    /// No entry that is in the file only is older than this one.
    pub(in crate::log) oldest: u64,
    /// How the file calls it.
    pub(in crate::log) number: Option<u32>,
    /// When it was made, topics had been forgotten up to this order; it may have been one of them.
    pub(in crate::log) forgotten: u64,
    /// The log's end when somebody listened and it was made: from there on everything is kept.
    pub(in crate::log) made: u64,
    /// Up to this order the store has lost entries.
    pub(in crate::log) damaged: u64,
    /// The order of the last entry that was let go and that slow readers need not be sent.
    pub(in crate::log) dropped: u64,
    /// The order of the newest entry of each key that it has and that is for everybody.
    pub(in crate::log) newest: Option<Box<Keys>>,
    pub(in crate::log) listeners: usize,
    pub(in crate::log) idle_since: Option<Instant>,
}

/// Orders by key.
#[derive(Debug, Default)]
pub(in crate::log) struct Keys(HashMap<Arc<str>, u64>);

/// How much a topic holds, and how far it has let go.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::log) struct Tally {
    /// The offset of the newest entry.
    pub(in crate::log) offset: u64,
    /// The offset of the oldest that is kept.
    pub(in crate::log) first: u64,
    pub(in crate::log) entries: usize,
    pub(in crate::log) bytes: usize,
    /// Up to this order nothing is kept.
    pub(in crate::log) gone: u64,
    /// The order of the last entry that was let go before its own time was over.
    pub(in crate::log) trimmed: u64,
    /// The order of the newest entry that has a time of its own.
    pub(in crate::log) mortal: u64,
}

/// How much of a queue may stay.
#[derive(Debug, Clone, Copy)]
pub(in crate::log) struct Room {
    pub(in crate::log) entries: usize,
    pub(in crate::log) bytes: usize,
    /// So many entries stay, however large.
    pub(in crate::log) least: usize,
    /// What is newer than this order stays in any case.
    pub(in crate::log) upto: u64,
}

impl Room {
    /// What any queue may hold. The newest entry stays.
    pub(in crate::log) fn of_queue(options: &LogOptions) -> Self {
        Self {
            entries: options.queue_entries,
            bytes: options.queue_bytes,
            least: 1,
            upto: u64::MAX,
        }
    }
}

/// What counts of an entry that may have to go.
#[derive(Debug, Clone, Copy)]
pub(in crate::log) struct Spot {
    pub(in crate::log) order: u64,
    pub(in crate::log) offset: u64,
    pub(in crate::log) bytes: usize,
    pub(in crate::log) expires: Option<Instant>,
}

impl Spot {
    pub(in crate::log) fn of(entry: &Arc<Entry>) -> Self {
        Self {
            order: entry.order,
            offset: entry.offset,
            bytes: weight(&entry.body),
            expires: entry.expires.map(Instant::from_std),
        }
    }

    pub(in crate::log) fn is_over(&self, now: Instant) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

impl Tally {
    /// One more.
    pub(in crate::log) fn add(&mut self, spot: &Spot) {
        self.offset = spot.offset;
        self.entries += 1;
        self.bytes += spot.bytes;
        if self.entries == 1 {
            self.first = spot.offset;
        }
        if spot.expires.is_some() {
            self.mortal = spot.order;
        }
    }

    /// Takes back what was added last.
    pub(in crate::log) fn take_back(&mut self, spot: &Spot) {
        self.offset -= 1;
        self.entries -= 1;
        self.bytes -= spot.bytes;
    }

    /// Whether a queue holds more than there is room for.
    pub(in crate::log) fn exceeds(&self, room: &Room) -> bool {
        self.entries > room.entries || (self.bytes > room.bytes && self.entries > room.least)
    }

    /// The oldest goes. One whose own time was over is not missed.
    pub(in crate::log) fn let_go(&mut self, spot: &Spot, now: Instant) {
        self.entries = self.entries.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(spot.bytes);
        if self.entries == 0 {
            // Of one that was damaged nobody knows how large it was.
            self.bytes = 0;
        }
        self.first = spot.offset + 1;
        self.gone = spot.order;
        if !spot.is_over(now) {
            self.trimmed = spot.order;
        }
    }
}

impl Ring {
    /// The ring of a topic that may be one of those that were forgotten up to this order.
    pub(in crate::log) fn after(forgotten: u64) -> Self {
        let tally = Tally {
            first: 1,
            gone: forgotten,
            ..Tally::default()
        };
        Self {
            forgotten,
            tally,
            ..Self::default()
        }
    }

    /// The same, as somebody listens to it from this order on.
    pub(in crate::log) fn made_at(end: u64, forgotten: u64) -> Self {
        Self {
            made: end,
            ..Self::after(forgotten)
        }
    }

    /// Adds the newest entry of a live topic, which keeps so many entries and bytes.
    pub(in crate::log) fn push(&mut self, entry: Arc<Entry>, entries: usize, bytes: usize) {
        self.hold(entry);
        self.cut(entries, bytes);
    }

    /// A live topic keeps so many entries and bytes; gives how many it lets go.
    pub(in crate::log) fn cut(&mut self, entries: usize, bytes: usize) -> u64 {
        let mut gone = 0;
        // The newest entry stays, however large: it is on its way to those who listen.
        while self.entries.len() > entries || (self.bytes > bytes && self.entries.len() > 1) {
            if let Some(oldest) = self.drop_oldest() {
                self.miss(&oldest);
                gone += 1;
            }
        }
        gone
    }

    /// A live topic has let go its oldest entry: how much of a loss that is.
    fn miss(&mut self, oldest: &Entry) {
        match &oldest.when_full {
            WhenFull::DropOldest => self.dropped = oldest.order,
            WhenFull::Coalesce(key) => {
                let newest = &mut self.newest.get_or_insert_default().0;
                if newest.get(key).is_none_or(|newest| *newest <= oldest.order) {
                    newest.remove(key);
                    self.tally.trimmed = oldest.order;
                }
            }
            _ => self.tally.trimmed = oldest.order,
        }
    }

    /// Adds the newest entry of a queue.
    pub(in crate::log) fn hold(&mut self, entry: Arc<Entry>) {
        // One that is not for everybody is not what the others have in place of an older one.
        if let (WhenFull::Coalesce(key), true) = (&entry.when_full, entry.except.is_empty()) {
            let newest = &mut self.newest.get_or_insert_default().0;
            newest.insert(key.clone(), entry.order);
        }
        self.bytes += weight(&entry.body);
        self.entries.push_back(entry);
    }

    /// The oldest entry goes from memory.
    fn drop_oldest(&mut self) -> Option<Arc<Entry>> {
        let oldest = self.entries.pop_front()?;
        self.bytes -= weight(&oldest.body);
        Some(oldest)
    }

    /// What a queue holds and has let go, from now on.
    pub(in crate::log) fn settle(&mut self, tally: Tally) {
        self.tally = tally;
        while self
            .entries
            .front()
            .is_some_and(|entry| entry.order <= tally.gone)
        {
            self.drop_oldest();
        }
    }

    /// Leaves to the file all but the newest entries and bytes.
    pub(in crate::log) fn spill(&mut self, entries: usize, bytes: usize) {
        if let Some(oldest) = self.entries.front().filter(|_| !self.has_spilled()) {
            self.oldest = oldest.order;
        }
        while self.entries.len() > entries || self.bytes > bytes {
            let Some(oldest) = self.drop_oldest() else {
                break;
            };
            self.spilled = oldest.order;
        }
    }

    /// Whether some of what it keeps is only in the file.
    pub(in crate::log) fn has_spilled(&self) -> bool {
        self.spilled > self.tally.gone
    }
}

/// What an entry with this body counts.
pub(in crate::log) fn weight(body: &Body) -> usize {
    length(body) + ENTRY_OVERHEAD
}

/// How long a body is.
pub(in crate::log) fn length(body: &Body) -> usize {
    let of = |payload: &Payload| payload.as_bytes().len();
    match body {
        Body::Event(event) => of(&event.args) + event.state.as_ref().map_or(0, of),
        Body::Progress(item) => of(&item.value) + item.state.as_ref().map_or(0, of),
        Body::Value(value) => of(value),
        _ => 0,
    }
}
