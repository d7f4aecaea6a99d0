//! [`Crowd`]: what the queues of a hub hold together, and which of them lets go next where that is too much.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use hub_core::{HubName, Topic};

use super::State;
use super::plan::{Draft, Plan};
use super::ring::{Ring, Room, Tally};
use crate::log::options::LogOptions;

/// How much something holds.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::log) struct Held {
    entries: usize,
    bytes: usize,
}

impl Held {
    fn change(&mut self, before: &Tally, after: &Tally) {
        self.entries = (self.entries + after.entries).saturating_sub(before.entries);
        self.bytes = (self.bytes + after.bytes).saturating_sub(before.bytes);
    }
}

/// How much the queues of each hub hold.
#[derive(Debug, Default)]
pub(in crate::log) struct Hubs(HashMap<HubName, Held>);

impl Hubs {
    /// A queue holds something else from now on.
    pub(in crate::log) fn change(&mut self, topic: &Topic, before: &Tally, after: &Tally) {
        let Some(hub) = topic.hub() else { return };
        let held = match self.0.get_mut(hub) {
            Some(held) => held,
            None => self.0.entry(hub.clone()).or_default(),
        };
        held.change(before, after);
        if held.entries == 0 && held.bytes == 0 {
            self.0.remove(hub);
        }
    }

    /// The bytes that a hub holds.
    pub(in crate::log) fn bytes(&self, hub: &HubName) -> usize {
        self.0.get(hub).map_or(0, |held| held.bytes)
    }
}

/// The queues of a hub that holds more than it may, the one with the oldest entry first.
#[derive(Debug)]
pub(in crate::log) struct Crowd {
    held: Held,
    topics: Vec<Topic>,
    /// No entry of a queue is older than this; those that are in the file only may all be newer.
    oldest: BinaryHeap<Reverse<(u64, usize)>>,
}

impl State {
    /// The hubs that would hold more than they may.
    pub(in crate::log) fn crowds(&self, plan: &Plan) -> Vec<Crowd> {
        let mut hubs: HashMap<&HubName, Held> = HashMap::new();
        for (topic, draft) in &plan.queues {
            let Some(hub) = topic.hub() else { continue };
            let known = || self.hubs.0.get(hub).copied().unwrap_or_default();
            let before = self.rings.get(topic).map(|ring| ring.tally);
            let held = hubs.entry(hub).or_insert_with(known);
            held.change(&before.unwrap_or_default(), &draft.tally);
        }
        let over = hubs
            .into_iter()
            .filter(|(_, held)| is_over(*held, &self.options));
        over.map(|(hub, held)| self.crowd(plan, hub, held))
            .collect()
    }

    fn crowd(&self, plan: &Plan, hub: &HubName, held: Held) -> Crowd {
        let of_hub = |topic: &&Topic| matches!(topic, Topic::Queue(of, _) if of == hub);
        let planned = plan.queues.keys().filter(of_hub);
        let others = self.rings.keys().filter(of_hub);
        let others = others.filter(|topic| !plan.queues.contains_key(topic));
        let mut crowd = Crowd {
            held,
            topics: planned.chain(others).cloned().collect(),
            oldest: BinaryHeap::new(),
        };
        for (at, topic) in crowd.topics.iter().enumerate() {
            let oldest = self.oldest(topic, plan.queues.get(topic));
            crowd
                .oldest
                .extend(oldest.map(|order| Reverse((order, at))));
        }
        crowd
    }

    /// An order that no entry of a queue is older than, if it has any.
    fn oldest(&self, topic: &Topic, draft: Option<&Draft>) -> Option<u64> {
        let ring = self.rings.get(topic);
        let gone = draft.map(|draft| draft.tally.gone);
        let gone = gone.or(ring.map(|ring| ring.tally.gone))?;
        let of_ring = |ring: &Ring| {
            if ring.spilled > gone {
                return Some(ring.oldest.max(gone + 1));
            }
            let held = ring.entries.partition_point(|entry| entry.order <= gone);
            ring.entries.get(held).map(|entry| entry.order)
        };
        let fresh = draft.into_iter().flat_map(|draft| &draft.fresh);
        let mut fresh = fresh.map(|spot| spot.order).filter(|order| *order > gone);
        ring.map(Box::as_ref)
            .and_then(of_ring)
            .or_else(|| fresh.next())
    }
}

impl Crowd {
    /// The queue that lets go next and how far, if any has to. The hub's newest entry stays, however large.
    pub(in crate::log) fn next(&mut self, state: &State, plan: &mut Plan) -> Option<Next> {
        if !is_over(self.held, &state.options) {
            return None;
        }
        let Reverse((_, at)) = self.oldest.pop()?;
        let topic = self.topics.get(at)?.clone();
        let tally = state.rings.get(&topic).map(|ring| ring.tally);
        let draft = plan.queues.remove(&topic).unwrap_or_else(|| Draft {
            tally: tally.unwrap_or_default(),
            ..Draft::default()
        });
        let too_much = self.held.bytes - state.options.hub_bytes;
        let room = Room {
            entries: usize::MAX,
            bytes: draft.tally.bytes.saturating_sub(too_much),
            least: usize::from(draft.tally.entries == self.held.entries),
            // Then it is another one's turn.
            upto: self.oldest.peek().map_or(u64::MAX, |next| next.0.0),
        };
        let before = draft.tally;
        Some(Next {
            at,
            topic,
            draft,
            room,
            before,
        })
    }

    /// It has let go; of what is left in it, nothing is older than this order.
    pub(in crate::log) fn done(&mut self, next: Next, state: &State, plan: &mut Plan, order: u64) {
        let Next {
            at,
            topic,
            draft,
            before,
            ..
        } = next;
        self.held.change(&before, &draft.tally);
        let oldest = state.oldest(&topic, Some(&draft));
        let oldest = oldest.map(|oldest| Reverse((oldest.max(order), at)));
        self.oldest.extend(oldest);
        let gone = state.rings.get(&topic).map_or(0, |ring| ring.tally.gone);
        if draft.tally.gone > gone || !draft.fresh.is_empty() {
            plan.queues.insert(topic, draft);
        }
    }
}

/// A queue that is to let go.
#[derive(Debug)]
pub(in crate::log) struct Next {
    at: usize,
    pub(in crate::log) topic: Topic,
    pub(in crate::log) draft: Draft,
    pub(in crate::log) room: Room,
    before: Tally,
}

fn is_over(held: Held, options: &LogOptions) -> bool {
    held.bytes > options.hub_bytes && held.entries > 1
}
