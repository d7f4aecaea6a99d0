//! What queues let go with time: what they owe to nobody, and what is too old to be owed.

use std::collections::HashMap;

use hub_core::{QueueName, Topic};
use tokio::time::{Duration, Instant};

use super::ring::Spot;
use super::{LATE, State};

/// How finely the age of entries is known.
const TICK: Duration = Duration::from_secs(1);

/// A queue of which the file has the oldest entries.
#[derive(Debug, Clone)]
#[cfg_attr(
    not(feature = "redb"),
    allow(dead_code, reason = "for logs that write down")
)]
pub(in crate::log) struct Behind {
    pub(in crate::log) topic: Topic,
    pub(in crate::log) number: u32,
    pub(in crate::log) gone: u64,
    pub(in crate::log) spilled: u64,
    /// What it may let go.
    pub(in crate::log) horizon: u64,
    /// Whether entries may have a time of their own.
    pub(in crate::log) mortal: bool,
}

impl State {
    /// Lets go what queues owe to nobody and what nobody who is noticed late to be gone can miss any more, and what is
    /// over by its own time. Gives the queues whose oldest entries have to be looked at in the file.
    pub(in crate::log) fn sweep_queues(&mut self, now: Instant) -> Vec<Behind> {
        self.names.sweep(now);
        let end = self.end;
        let table = &mut self.leases;
        if table.marks.back().is_none_or(|(at, _)| *at + TICK <= now) {
            table.marks.push_back((now, end));
        }
        let is_old = |(at, _): &mut (Instant, u64)| *at + LATE <= now;
        while let Some((_, order)) = table.marks.pop_front_if(is_old) {
            table.old = order;
        }
        let old = table.old;
        let mut owed: HashMap<(&str, &QueueName), u64> = HashMap::new();
        for (key, tracked) in &table.leases {
            let Some(lease) = &tracked.lease else {
                continue;
            };
            for queue in &lease.queues {
                let least = owed.entry((key.hub.as_str(), queue)).or_insert(u64::MAX);
                *least = lease.after.min(*least);
            }
        }
        let mut forgotten = table.forgotten;
        let (touched, cached, hubs) = (&mut self.touched, &mut self.cached, &mut self.hubs);
        let mut behind = Vec::new();
        self.rings.retain(|topic, ring| {
            let Topic::Queue(hub, queue) = topic else {
                return true;
            };
            let owed = owed.get(&(hub.as_str(), queue)).copied();
            let horizon = owed.unwrap_or(u64::MAX).min(old);
            let (before, mut tally) = (ring.bytes, ring.tally);
            if ring.has_spilled() && ring.spilled <= horizon {
                // All of it goes: it need not be looked at.
                let held = ring.entries.len();
                tally.entries = held;
                tally.bytes = before;
                tally.first = ring
                    .entries
                    .front()
                    .map_or(tally.offset + 1, |it| it.offset);
                (tally.gone, tally.trimmed) = (ring.spilled, ring.spilled);
            }
            if ring.spilled > tally.gone {
                if let Some(number) = ring.number {
                    behind.push(Behind {
                        topic: topic.clone(),
                        number,
                        gone: tally.gone,
                        spilled: ring.spilled,
                        horizon,
                        mortal: tally.mortal > tally.gone,
                    });
                }
            } else {
                for entry in &ring.entries {
                    let spot = Spot::of(entry);
                    if spot.order > horizon && !spot.is_over(now) {
                        break;
                    }
                    tally.let_go(&spot, now);
                }
            }
            let changed = tally.gone > ring.tally.gone;
            hubs.change(topic, &ring.tally, &tally);
            ring.settle(tally);
            *cached = *cached + ring.bytes - before;
            let stays = owed.is_some() || ring.tally.entries > 0 || ring.listeners > 0;
            if let Some(touched) = touched.as_mut().filter(|_| !stays || changed) {
                touched.insert(topic.clone());
            }
            if !stays {
                forgotten = forgotten.max(ring.tally.trimmed).max(ring.damaged);
            }
            stays
        });
        self.leases.forgotten = forgotten;
        behind
    }
}
