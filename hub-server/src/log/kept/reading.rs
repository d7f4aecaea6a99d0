//! Reading after a cursor: what is in memory, what has to be read elsewhere, and what is gone.

use std::sync::Arc;

use hub_core::{Cursor, Entry, Gap, GapCause, Limit, Page, Topic};
use tokio::time::Instant;

use super::{Kept, State};

/// What a reader finds, as far as it is known.
#[derive(Debug, Default)]
pub(in crate::log) struct Found {
    pub(in crate::log) entries: Vec<Arc<Entry>>,
    /// Orders of entries whose own time is over.
    pub(in crate::log) expired: Vec<u64>,
    /// What is only in the file.
    pub(in crate::log) older: Vec<Older>,
}

/// Part of a queue that is only in the file.
#[derive(Debug, Clone)]
#[cfg_attr(
    not(feature = "redb"),
    allow(dead_code, reason = "for logs that write down")
)]
pub(in crate::log) struct Older {
    pub(in crate::log) topic: Topic,
    pub(in crate::log) number: u32,
    pub(in crate::log) after: u64,
    pub(in crate::log) upto: u64,
    /// The offset of the oldest that is kept, and the order after which it comes.
    pub(in crate::log) first: (u64, u64),
    /// The offset of the first entry that is in memory, which comes after this order.
    pub(in crate::log) next: (u64, u64),
    /// Whether entries there may have a time of their own.
    pub(in crate::log) mortal: bool,
}

impl Kept {
    /// Reads what `topics` hold after `after` in memory.
    pub(in crate::log) fn read(&self, topics: &[Topic], after: Cursor, limit: Limit) -> Page {
        let state = self.lock();
        if let Some(page) = self.is_foreign(&state, after) {
            return page;
        }
        let found = state.find(topics, after.order, limit);
        state.page(topics, after.order, limit, found)
    }

    /// What a reader gets whose cursor is of another log.
    pub(in crate::log) fn is_foreign(&self, state: &State, after: Cursor) -> Option<Page> {
        let foreign = after.epoch != self.epoch || after.order > state.end;
        foreign.then(|| Page {
            gaps: vec![Gap {
                topic: None,
                why: GapCause::EpochChanged,
            }],
            ..Page::default()
        })
    }
}

impl State {
    /// What topics have in memory, and where the rest is.
    pub(in crate::log) fn find(&self, topics: &[Topic], after: u64, limit: Limit) -> Found {
        let now = Instant::now().into_std();
        let mut found = Found::default();
        for topic in topics {
            let Some(ring) = self.rings.get(topic) else {
                continue;
            };
            let queued = matches!(topic, Topic::Queue(..));
            let from = ring.entries.partition_point(|entry| entry.order <= after);
            let mut room = limit.entries.saturating_add(1);
            for entry in ring.entries.range(from..) {
                if entry.order > limit.upto {
                    break;
                }
                if queued && entry.expires.is_some_and(|at| at <= now) {
                    found.expired.push(entry.order);
                } else if room > 0 {
                    found.entries.push(entry.clone());
                    room -= 1;
                } else if limit.entries > 0 {
                    break;
                }
            }
            let from = after.max(ring.tally.gone);
            let upto = ring.spilled.min(limit.upto);
            if let (true, Some(number)) = (from < upto, ring.number) {
                let newer = ring.entries.front().map(|entry| entry.offset);
                found.older.push(Older {
                    topic: topic.clone(),
                    number,
                    after: from,
                    upto,
                    first: (ring.tally.first, ring.tally.gone),
                    next: (newer.unwrap_or(ring.tally.offset + 1), ring.spilled),
                    mortal: ring.tally.mortal > from,
                });
            }
        }
        found
    }

    /// What was found as a page, and what is gone.
    pub(in crate::log) fn page(
        &self,
        topics: &[Topic],
        after: u64,
        limit: Limit,
        found: Found,
    ) -> Page {
        let mut page = Page {
            entries: found.entries,
            ..Page::default()
        };
        for topic in topics {
            if let Some(why) = self.gap(topic, after) {
                let topic = Some(topic.clone());
                page.gaps.push(Gap { topic, why });
            }
        }
        page.entries.sort_unstable_by_key(|entry| entry.order);
        // One that is in two of the topics.
        page.entries.dedup_by_key(|entry| entry.order);
        page.more = page.entries.len() > limit.entries;
        page.entries.truncate(limit.entries);
        // What lies behind the last one is for the next page to tell.
        let last = page.entries.last().filter(|_| page.more);
        let last = last.map_or(u64::MAX, |entry| entry.order);
        let is_told = |order: &&u64| {
            let has = |entry: &Arc<Entry>| entry.order.cmp(order);
            **order <= last && page.entries.binary_search_by(has).is_err()
        };
        page.expired = found.expired.iter().filter(is_told).count() as u64;
        page
    }

    /// Why entries of a topic after this order are gone, if any are.
    fn gap(&self, topic: &Topic, after: u64) -> Option<GapCause> {
        let ring = self.rings.get(topic);
        let queues = matches!(topic, Topic::Queue(..));
        let lost = if queues {
            self.leases.forgotten
        } else {
            self.forgotten
        };
        let (trimmed, forgotten, made) = ring.map_or((0, lost, self.end), |ring| {
            (ring.tally.trimmed, ring.forgotten, ring.made)
        });
        let dropped = ring.is_some_and(|ring| after < ring.dropped);
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
        let why = why.or(expired.then_some(GapCause::Expired));
        why.or(dropped.then_some(GapCause::Dropped))
    }
}
