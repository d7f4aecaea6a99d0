//! [`Plan`]: where appends will be and what they push out, before they are anywhere.

use std::collections::HashMap;

use hub_core::{Append, DedupeId, HubName, LogError, Topic};
use tokio::time::Instant;

use super::State;
use super::names::Place;
use super::ring::{Room, Spot, Tally, weight};
use crate::log::options::Overflow;

/// Appends that are written together.
#[derive(Debug)]
pub(in crate::log) struct Plan {
    now: Instant,
    /// The last order that is given out.
    pub(in crate::log) end: u64,
    pub(in crate::log) queues: HashMap<Topic, Draft>,
    names: HashMap<(HubName, DedupeId), Place>,
    /// What is new on each hub, in bytes.
    added: HashMap<HubName, usize>,
}

/// What a queue comes to.
#[derive(Debug, Clone, Default)]
pub(in crate::log) struct Draft {
    pub(in crate::log) tally: Tally,
    /// What is new.
    pub(in crate::log) fresh: Vec<Spot>,
    /// How many entries are let go for want of room, before their own time is over.
    pub(in crate::log) dropped: usize,
}

/// The oldest entries of a queue, where only the file has them.
#[derive(Debug, Default)]
pub(in crate::log) struct Looked {
    pub(in crate::log) spots: Vec<Spot>,
    /// The order of the next one, if it was not looked at all of them.
    pub(in crate::log) beyond: Option<u64>,
}

/// Where an entry is to be.
#[derive(Debug, Clone, Copy)]
pub(in crate::log) enum Placed {
    /// In its place, which is known of what is in a queue; live topics count when it is written.
    #[cfg_attr(
        not(feature = "redb"),
        allow(dead_code, reason = "for logs that write down")
    )]
    New(Option<Spot>),
    /// Where it has been since it was sent before.
    Known(Place),
}

impl Plan {
    /// Begins after this order.
    pub(in crate::log) fn after(end: u64) -> Self {
        Self {
            now: Instant::now(),
            end,
            queues: HashMap::new(),
            names: HashMap::new(),
            added: HashMap::new(),
        }
    }

    /// What entries are called, and where they are to be.
    #[cfg(feature = "redb")]
    pub(in crate::log) fn names(&self) -> impl Iterator<Item = (&HubName, &DedupeId, Place)> {
        let names = self.names.iter();
        names.map(|((hub, id), place)| (hub, id, *place))
    }
}

impl State {
    /// Finds the places of the entries of one append: all of them, or none.
    pub(in crate::log) fn plan(
        &self,
        plan: &mut Plan,
        entries: &[Append],
    ) -> Result<Vec<Placed>, LogError> {
        let before = plan.end;
        let mut placed = Vec::with_capacity(entries.len());
        for append in entries {
            match self.place(plan, append) {
                Ok(place) => placed.push(place),
                Err(error) => {
                    let taken = entries.get(..placed.len()).unwrap_or_default();
                    take_back(plan, before, taken);
                    return Err(error);
                }
            }
        }
        Ok(placed)
    }

    fn place(&self, plan: &mut Plan, append: &Append) -> Result<Placed, LogError> {
        let order = plan.end + 1;
        let Topic::Queue(hub, _) = &append.topic else {
            plan.end = order;
            return Ok(Placed::New(None));
        };
        let name = append.terms.dedupe.as_ref();
        if let Some(id) = name {
            let fresh = plan.names.get(&(hub.clone(), id.clone())).copied();
            if let Some(place) = fresh.or_else(|| self.names.find(hub, id, plan.now)) {
                return Ok(Placed::Known(place));
            }
        }
        let draft = match plan.queues.get_mut(&append.topic) {
            Some(draft) => draft,
            None => {
                let tally = self.rings.get(&append.topic).map(|ring| ring.tally);
                let draft = Draft {
                    tally: tally.unwrap_or(Tally {
                        first: 1,
                        ..Tally::default()
                    }),
                    ..Draft::default()
                };
                let place = plan.queues.entry(append.topic.clone());
                place.insert_entry(draft).into_mut()
            }
        };
        let spot = Spot {
            order,
            offset: draft.tally.offset + 1,
            bytes: weight(&append.body),
            expires: append
                .terms
                .expires_in
                .and_then(|life| plan.now.checked_add(life)),
        };
        let added = match plan.added.get_mut(hub) {
            Some(added) => added,
            None => plan.added.entry(hub.clone()).or_default(),
        };
        if self.options.overflow == Overflow::RejectNew {
            let limit = if draft.tally.entries >= self.options.queue_entries {
                Some("as many messages as it may")
            } else if draft.tally.bytes + spot.bytes > self.options.queue_bytes {
                Some("as many bytes as it may")
            } else if self.hubs.bytes(hub) + *added + spot.bytes > self.options.hub_bytes {
                Some("what it may beside the other queues of its hub")
            } else {
                None
            };
            if let Some(limit) = limit {
                return Err(LogError::Full { limit });
            }
        }
        draft.tally.add(&spot);
        draft.fresh.push(spot);
        *added += spot.bytes;
        plan.end = order;
        let (offset, at) = (spot.offset, plan.now);
        if let Some(id) = name {
            let place = Place { order, offset, at };
            plan.names.insert((hub.clone(), id.clone()), place);
        }
        Ok(Placed::New(Some(spot)))
    }

    /// Lets go what queues and hubs can't keep beside what is new, where everything is in memory.
    pub(in crate::log) fn trim_all(&self, plan: &mut Plan) {
        let room = Room::of_queue(&self.options);
        for (topic, draft) in &mut plan.queues {
            self.trim(topic, draft, &room, &Looked::default());
        }
        for mut crowd in self.crowds(plan) {
            while let Some(mut next) = crowd.next(self, plan) {
                self.trim(&next.topic, &mut next.draft, &next.room, &Looked::default());
                crowd.done(next, self, plan, 0);
            }
        }
    }

    /// Lets go what there is no room for; what a queue has in no memory was looked at.
    pub(in crate::log) fn trim(
        &self,
        topic: &Topic,
        draft: &mut Draft,
        room: &Room,
        looked: &Looked,
    ) {
        let now = Instant::now();
        let tally = &mut draft.tally;
        let gone = tally.gone;
        if !tally.exceeds(room) {
            return;
        }
        let ring = self.rings.get(topic);
        let held = ring.into_iter().flat_map(|ring| &ring.entries);
        let held = held.map(Spot::of);
        let fresh = draft.fresh.iter().copied();
        let older = looked.spots.iter().copied();
        let end = looked.beyond.unwrap_or(u64::MAX);
        let known = |spot: &Spot| gone < spot.order && spot.order < end;
        let mut spots = older.chain(held).chain(fresh).filter(known).peekable();
        let mut let_go = |tally: &mut Tally, spot: Spot| {
            tally.let_go(&spot, now);
            draft.dropped += usize::from(!spot.is_over(now));
        };
        while tally.exceeds(room)
            && let Some(spot) = spots.next_if(|spot| spot.order <= room.upto)
        {
            let_go(tally, spot);
        }
        if self.options.overflow == Overflow::DropLaggards {
            let horizon = self.laggards_horizon(topic, tally.gone);
            while let Some(spot) = spots.next_if(|spot| spot.order <= horizon) {
                let_go(tally, spot);
            }
        }
    }

    /// What a queue has only in the file can't be read: it is let go, and a gap.
    #[cfg(feature = "redb")]
    pub(in crate::log) fn lose_older(&self, topic: &Topic, draft: &mut Draft) {
        let Some(ring) = self.rings.get(topic) else {
            return;
        };
        let (tally, fresh) = (&mut draft.tally, &draft.fresh);
        tally.entries = ring.entries.len() + fresh.len();
        tally.bytes = ring.bytes + fresh.iter().map(|spot| spot.bytes).sum::<usize>();
        let first = ring.entries.front().map(|entry| entry.offset);
        let first = first.or(fresh.first().map(|spot| spot.offset));
        tally.first = first.unwrap_or(tally.offset + 1);
        (tally.gone, tally.trimmed) = (ring.spilled, ring.spilled);
    }

    /// A queue is as it was planned.
    pub(in crate::log) fn settle(&mut self, topic: &Topic, tally: Tally) {
        self.queue(topic);
        let cache = &self.options;
        let (entries, bytes) = (cache.cached_entries, cache.cached_bytes);
        if let Some(ring) = self.rings.get_mut(topic) {
            let before = ring.bytes;
            self.hubs.change(topic, &ring.tally, &tally);
            ring.settle(tally);
            if ring.number.is_some() {
                ring.spill(entries, bytes);
            }
            self.cached = self.cached + ring.bytes - before;
        }
        if self.cached > self.options.cached_in_all {
            self.spill();
        }
    }

    /// Leaves to the file what queues have in memory, until a quarter of the room is free.
    fn spill(&mut self) {
        let target = self.options.cached_in_all / 4 * 3;
        for ring in self.rings.values_mut() {
            if self.cached <= target {
                break;
            }
            if ring.number.is_some() {
                self.cached -= ring.bytes;
                ring.spill(0, 0);
            }
        }
    }
}

/// Takes back the first entries of an append that is refused.
fn take_back(plan: &mut Plan, before: u64, entries: &[Append]) {
    for append in entries.iter().rev() {
        if let Some(draft) = plan.queues.get_mut(&append.topic)
            && let Some(spot) = draft.fresh.pop_if(|spot| spot.order > before)
        {
            draft.tally.take_back(&spot);
            let added = append.topic.hub().and_then(|hub| plan.added.get_mut(hub));
            if let Some(added) = added {
                *added -= spot.bytes;
            }
        }
    }
    plan.names.retain(|_, place| place.order <= before);
    plan.end = before;
}
