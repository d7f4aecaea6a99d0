//! The writer: what waits for the disk becomes one transaction, and then what is in memory.
//!
//! Leases change in memory first, where nobody but the writer looks, and are set back if the disk does not take them.
//! Entries are in memory once they are on the disk. What changed and is not written yet stays noted, so that the next
//! transaction writes what is true whatever became of one that failed.

use std::collections::{HashMap, HashSet};

use hub_core::{DedupeId, HubName, LeaseKey, PersistentId, Topic};

use super::answer::Answer;
use super::file::Changes;
use super::jobs::Job;
use super::rows::{About, LeaseRow, NameRow, QueueRow};
use super::{RESERVE, Shared};
use crate::log::kept::State;
use crate::log::kept::leases::Tracked;
use crate::log::kept::plan::Plan;
use crate::log::kept::ring::Tally;

mod transaction;

/// How old the time that the file knows may be while something in it runs out, in milliseconds: a clock that is set back
/// lengthens nobody's time by more.
const MAX_AGE: u64 = 1_000;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The file, and what is not in it yet.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) numbers: HashMap<Topic, u32>,
    /// Queues that the file has.
    pub(super) named: HashSet<u32>,
    pub(super) next_queue: u32,
    /// Leases that the file has.
    pub(super) written: HashSet<LeaseKey>,
    /// Leases that changed.
    pub(super) dirty: HashSet<LeaseKey>,
    /// Who is bound, in which order.
    pub(super) bound: HashMap<PersistentId, u64>,
    pub(super) next_bound: u64,
    /// Bindings that changed.
    unbound: HashSet<PersistentId>,
    /// Entries that must not be in the file.
    pub(super) doomed: Vec<(u32, u64)>,
    /// What is no longer kept, and in the file still.
    pub(super) gone: Vec<(u32, u64)>,
    /// Names that were forgotten.
    pub(super) unnamed: Vec<(HubName, DedupeId)>,
    /// What the file says of itself, if that is known.
    about: Option<About>,
    /// A transaction failed, and may be in the file all the same: what it changed is written again, whatever is known.
    unsure: HashSet<Topic>,
    failed: bool,
}

/// What is set back if it can't be written.
#[derive(Default)]
struct Undo {
    leases: HashMap<LeaseKey, Option<Tracked>>,
    over: Option<Vec<LeaseKey>>,
    bound: Vec<PersistentId>,
}

impl Writer {
    /// A file that says this of itself, and nothing of what is in it yet.
    pub(super) fn new(about: Option<About>) -> Self {
        Self {
            numbers: HashMap::new(),
            named: HashSet::new(),
            next_queue: 0,
            written: HashSet::new(),
            dirty: HashSet::new(),
            bound: HashMap::new(),
            next_bound: 0,
            unbound: HashSet::new(),
            doomed: Vec::new(),
            gone: Vec::new(),
            unnamed: Vec::new(),
            about,
            unsure: HashSet::new(),
            failed: false,
        }
    }

    fn number(&mut self, topic: &Topic) -> u32 {
        if let Some(number) = self.numbers.get(topic) {
            return *number;
        }
        let number = self.next_queue;
        self.next_queue += 1;
        self.numbers.insert(topic.clone(), number);
        number
    }

    /// Changes leases and bindings in memory.
    fn apply(&mut self, state: &mut State, plan: &mut Plan, job: Job, undo: &mut Undo) -> Answer {
        match job {
            Job::Append(entries, drafts, reply) => match state.plan(plan, &entries) {
                Ok(placed) => Answer::Append(entries, drafts, placed, reply),
                Err(why) => Answer::Refused(why, reply),
            },
            Job::Reserve(reply) => Answer::Reserve(reply),
            Job::Take(key, reply) => {
                self.save(state, &key, undo);
                Answer::Take(state.leases.take(&key), reply)
            }
            Job::Put(key, fence, lease, held, reply) => {
                if let Ok(Some(oldest)) = state.leases.allows(&key, fence, lease.as_ref()) {
                    self.save(state, &oldest, undo);
                }
                self.save(state, &key, undo);
                Answer::Put(state.put(&key, fence, lease, held), reply)
            }
            Job::Sweep(reply) => {
                for key in state.leases.ending() {
                    self.save(state, &key, undo);
                }
                undo.over.get_or_insert_with(|| state.leases.over.clone());
                Answer::Sweep(state.leases.sweep(), reply)
            }
            Job::Bind(owner, user, reply) => {
                let bound = state.leases.is_bound(&owner, Some(&user));
                if bound.is_none() {
                    let oldest = state.leases.bind(&owner, &user);
                    self.unbound.extend(oldest);
                    self.unbound.insert(owner.clone());
                    undo.bound.push(owner);
                }
                Answer::Bind(bound.unwrap_or(true), reply)
            }
        }
    }

    /// Notes what a lease was before it changes.
    fn save(&mut self, state: &State, key: &LeaseKey, undo: &mut Undo) {
        let table = &state.leases;
        undo.over.get_or_insert_with(|| table.over.clone());
        let before = table.leases.get(key);
        undo.leases
            .entry(key.clone())
            .or_insert_with(|| before.cloned());
        self.dirty.insert(key.clone());
    }

    /// Everything that differs from what the file has.
    fn changes(&mut self, shared: &Shared, state: &mut State, plan: &Plan) -> Changes {
        let mut changes = Changes::default();
        let touched = state.touched.iter().flatten().chain(&self.unsure);
        let touched: HashSet<Topic> = touched.cloned().collect();
        for topic in &touched {
            if plan.queues.contains_key(topic) {
                continue;
            }
            let tally = state.rings.get(topic).map(|ring| ring.tally);
            if tally.is_some() || self.numbers.contains_key(topic) {
                let number = self.number(topic);
                let row = tally.map(|tally| row_of(state, topic, tally));
                changes.queues.push((number, topic.clone(), row));
            }
        }
        for (topic, draft) in &plan.queues {
            let row = row_of(state, topic, draft.tally);
            let number = self.number(topic);
            changes.queues.push((number, topic.clone(), Some(row)));
        }
        for (number, topic, row) in &changes.queues {
            let there = row.is_some();
            if there != self.named.contains(number) || self.unsure.contains(topic) {
                changes.named.push((*number, topic.clone(), there));
            }
        }
        changes.gone.clone_from(&self.gone);
        for (number, topic, row) in &changes.queues {
            let ring = state.rings.get_mut(topic);
            let known = ring.map_or(0, |ring| {
                ring.number = Some(*number);
                ring.tally.gone
            });
            let touched = state.touched.as_ref();
            let gone = row.map_or(u64::MAX, |row| row.tally.gone);
            if gone > known || touched.is_some_and(|touched| touched.contains(topic)) {
                changes.gone.push((*number, gone));
            }
        }
        for key in &self.dirty {
            let tracked = state.leases.leases.get(key);
            let row = tracked.and_then(|tracked| {
                Some(LeaseRow {
                    lease: tracked.lease.clone()?,
                    until: tracked.until.map(|until| shared.clock.wall(until)),
                })
            });
            if row.is_some() || self.failed || self.written.contains(key) {
                changes.leases.push((key.clone(), row));
            }
        }
        self.unnamed
            .extend(state.names.forgotten.iter_mut().flat_map(std::mem::take));
        for (hub, id) in &self.unnamed {
            changes.names.push((hub.clone(), id.clone(), None));
        }
        for (hub, id, place) in plan.names() {
            let name = NameRow {
                order: place.order,
                offset: place.offset,
                at: shared.clock.wall(place.at),
            };
            changes.names.push((hub.clone(), id.clone(), Some(name)));
        }
        for owner in &self.unbound {
            let number = self.bound.get(owner).copied().unwrap_or(self.next_bound);
            self.next_bound = self.next_bound.max(number + 1);
            let user = state.leases.bound_to(owner);
            changes
                .bound
                .push((owner.clone(), user.map(|user| (number, user.into()))));
        }
        changes
    }

    /// What the file says of itself after these changes.
    fn about(&self, shared: &Shared, state: &State, changes: &Changes, end: u64) -> About {
        let named = |number: &u32| self.named.contains(number);
        let queues = changes.named.iter();
        let come = queues.filter(|(number, _, there)| *there && !named(number));
        let come = come.count();
        let queues = changes.named.iter();
        let gone = queues.filter(|(number, _, there)| !there && named(number));
        let gone = gone.count();
        let had = |key: &LeaseKey| self.written.contains(key);
        let new = changes.leases.iter();
        let new = new.filter(|(key, row)| row.is_some() && !had(key)).count();
        let ended = changes.leases.iter();
        let ended = ended.filter(|(key, row)| row.is_none() && had(key)).count();
        About {
            epoch: shared.kept.epoch,
            reserved: end.max(state.reserved - state.reserved.min(RESERVE)) + RESERVE,
            fence: state.leases.fence,
            forgotten: state.leases.forgotten,
            wall: shared.clock.wall(tokio::time::Instant::now()),
            next_queue: u64::from(self.next_queue),
            queues: (self.named.len() + come - gone) as u64,
            leases: (self.written.len() + new - ended) as u64,
        }
    }

    /// Whether the file has to say something else of itself, where the last order given out is this one.
    fn is_news(&self, about: &About, end: u64) -> bool {
        self.about.is_none_or(|known| {
            let same = About {
                reserved: known.reserved,
                wall: known.wall,
                ..*about
            };
            known != same || end + RESERVE / 2 > known.reserved || about.wall > known.wall + MAX_AGE
        })
    }

    /// Whether anything in the file has an end of its own, and the file does not know how late it is.
    fn runs_out(&self, state: &State, now: &About) -> bool {
        if self
            .about
            .is_some_and(|about| now.wall <= about.wall + MAX_AGE)
        {
            return false;
        }
        let mut rings = state.rings.values();
        self.written.iter().any(|key| {
            let tracked = state.leases.leases.get(key);
            tracked.is_some_and(|tracked| tracked.until.is_some())
        }) || rings.any(|ring| ring.tally.mortal > ring.tally.gone)
    }

    /// The file may have it, or not.
    fn failed(&mut self, changes: Changes, plan: &Plan, placed: Vec<(u32, u64)>) {
        self.doomed.extend(placed);
        let queues = changes.queues.into_iter();
        self.unsure.extend(queues.map(|(_, topic, _)| topic));
        let names = plan.names();
        self.unnamed
            .extend(names.map(|(hub, id, _)| (hub.clone(), id.clone())));
        (self.about, self.failed) = (None, true);
    }

    /// The file has it.
    fn wrote(&mut self, changes: Changes, left: Vec<(u32, u64)>) {
        for (_, topic, row) in changes.queues {
            if row.is_none() {
                self.numbers.remove(&topic);
            }
        }
        for (key, row) in changes.leases {
            if row.is_some() {
                self.written.insert(key);
            } else {
                self.written.remove(&key);
            }
        }
        for (owner, row) in changes.bound {
            match row {
                Some((number, _)) => self.bound.insert(owner, number),
                None => self.bound.remove(&owner),
            };
        }
        for (number, _, there) in changes.named {
            if there {
                self.named.insert(number);
            } else {
                self.named.remove(&number);
            }
        }
        self.about = changes.about.or(self.about);
        self.unsure.clear();
        self.failed = false;
        self.gone = left;
        self.unnamed.clear();
        self.dirty.clear();
        self.unbound.clear();
        self.doomed.clear();
    }
}

/// A queue as it will be.
fn row_of(state: &State, topic: &Topic, tally: Tally) -> QueueRow {
    let ring = state.rings.get(topic);
    QueueRow {
        tally,
        forgotten: ring.map_or(state.leases.forgotten, |ring| ring.forgotten),
        damaged: ring.map_or(0, |ring| ring.damaged),
    }
}

fn set_back(state: &mut State, undo: Undo) {
    for (key, tracked) in undo.leases {
        state.leases.set(&key, tracked);
    }
    if let Some(over) = undo.over {
        state.leases.over = over;
    }
    for owner in undo.bound {
        state.leases.unbind(&owner);
    }
}
