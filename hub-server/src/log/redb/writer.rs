//! The writer: what waits for the disk becomes one transaction, and then what is in memory.
//!
//! Leases change in memory first, where nobody but the writer looks, and are set back if the disk does not take them.
//! Entries are in memory once they are on the disk. What changed and is not written yet stays noted, so that the next
//! transaction writes what is true whatever became of one that failed.

use std::collections::{HashMap, HashSet};
use std::sync::PoisonError;

use hub_core::{LeaseKey, LogError, PersistentId, Topic};
use tokio::time::Instant;

use super::answer::{Answer, tell};
use super::file::{Changes, File};
use super::load::wall;
use super::rows::{About, LeaseRow, QueueRow, millis};
use super::{Job, RESERVE, STRETCH, Shared, entry};
use crate::log::kept::State;
use crate::log::kept::leases::Tracked;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The file, and what is not in it yet.
#[derive(Debug)]
pub(super) struct Writer {
    file: File,
    pub(super) numbers: HashMap<Topic, u32>,
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
}

/// What is set back if it can't be written.
#[derive(Default)]
struct Undo {
    leases: HashMap<LeaseKey, Option<Tracked>>,
    over: Option<Vec<LeaseKey>>,
    bound: Vec<PersistentId>,
}

/// An entry on its way: queue, order, offset, and where it stands among the answers.
type Placed = (u32, u64, u64, (usize, usize));

impl Writer {
    pub(super) fn new(file: File) -> Self {
        Self {
            file,
            numbers: HashMap::new(),
            next_queue: 0,
            written: HashSet::new(),
            dirty: HashSet::new(),
            bound: HashMap::new(),
            next_bound: 0,
            unbound: HashSet::new(),
            doomed: Vec::new(),
        }
    }

    /// Closes the file; the log has been closed before.
    pub(super) fn close(&mut self) {
        self.file.close();
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
    fn apply(&mut self, state: &mut State, job: Job, undo: &mut Undo) -> Answer {
        match job {
            Job::Append(entries, reply) => Answer::Append(entries, reply),
            Job::Reserve(reply) => Answer::Reserve(reply),
            Job::Take(key, reply) => {
                self.save(state, &key, undo);
                Answer::Take(state.leases.take(&key), reply)
            }
            Job::Put(key, fence, lease, held, reply) => {
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
    fn changes(&mut self, state: &mut State, queues: HashMap<Topic, QueueRow>) -> Changes {
        let mut changes = Changes::default();
        for topic in state.touched.iter().flatten() {
            if queues.contains_key(topic) {
                continue;
            }
            let row = state.rings.get(topic).map(|_| row_of(state, topic));
            if row.is_some() || self.numbers.contains_key(topic) {
                changes
                    .queues
                    .push((self.number(topic), topic.clone(), row));
            }
        }
        for (topic, row) in queues {
            changes.queues.push((self.number(&topic), topic, Some(row)));
        }
        changes.doomed.clone_from(&self.doomed);
        let (now, wall_now) = (Instant::now(), wall());
        for key in &self.dirty {
            let tracked = state.leases.leases.get(key);
            let row = tracked.and_then(|tracked| {
                let until = tracked.until;
                let left = until.map(|until| millis(until.saturating_duration_since(now)));
                Some(LeaseRow {
                    lease: tracked.lease.clone()?,
                    until: left.map(|left| wall_now.saturating_add(left)),
                })
            });
            if row.is_some() || self.written.contains(key) {
                changes.leases.push((key.clone(), row));
            }
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
        let gone = changes.queues.iter().filter(|(.., row)| row.is_none());
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
            wall: wall(),
            next_queue: u64::from(self.next_queue),
            queues: (self.numbers.len() - gone.count()) as u64,
            leases: (self.written.len() + new - ended) as u64,
        }
    }

    /// The file has it.
    fn wrote(&mut self, changes: Changes) {
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
        self.dirty.clear();
        self.unbound.clear();
        self.doomed.clear();
    }
}

/// A queue as it is, with what is on its way left out.
fn row_of(state: &State, topic: &Topic) -> QueueRow {
    let Some(ring) = state.rings.get(topic) else {
        return QueueRow {
            forgotten: state.leases.forgotten,
            first: 1,
            ..QueueRow::default()
        };
    };
    QueueRow {
        offset: ring.offset,
        first: ring.entries.front().map_or(ring.offset + 1, |it| it.offset),
        trimmed: ring.trimmed,
        forgotten: ring.forgotten,
        damaged: ring.damaged,
    }
}

impl Shared {
    /// Gives out no order that the file does not know of.
    pub(super) fn reserve(&self) -> Result<(), Error> {
        let (reply, mut answer) = tokio::sync::oneshot::channel();
        self.process(vec![Job::Reserve(reply)]);
        match answer.try_recv() {
            Ok(Err(LogError::Unavailable(error))) => Err(error),
            _ => Ok(()),
        }
    }

    /// Does what is asked, in one transaction, and answers.
    pub(super) fn process(&self, jobs: Vec<Job>) {
        let swept = jobs.iter().any(|job| matches!(job, Job::Sweep(_)));
        let done = self.transact(jobs);
        if swept && done {
            self.kept.lock().sweep_queues(Instant::now());
            self.transact(Vec::new());
        }
    }

    fn transact(&self, jobs: Vec<Job>) -> bool {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut undo = Undo::default();
        let reserves = jobs.iter().any(|job| matches!(job, Job::Reserve(_)));
        let mut queues = HashMap::<Topic, QueueRow>::new();
        let mut placed = Vec::<Placed>::new();
        let mut state = self.kept.lock();
        if state.is_closed() {
            return false;
        }
        let apply = |job| writer.apply(&mut state, job, &mut undo);
        let answers: Vec<Answer> = jobs.into_iter().map(apply).collect();
        let base = state.end + STRETCH;
        let mut end = base;
        for (at, answer) in answers.iter().enumerate() {
            let Answer::Append(entries, _) = answer else {
                continue;
            };
            for (nth, append) in entries.iter().enumerate() {
                end += 1;
                if matches!(append.topic, Topic::Queue(..)) {
                    let topic = &append.topic;
                    let queue = queues
                        .entry(topic.clone())
                        .or_insert_with(|| row_of(&state, topic));
                    queue.offset += 1;
                    placed.push((writer.number(topic), end, queue.offset, (at, nth)));
                }
            }
        }
        let mut changes = writer.changes(&mut state, queues);
        let writes = reserves
            || !(placed.is_empty()
                && changes.queues.is_empty()
                && changes.leases.is_empty()
                && changes.bound.is_empty()
                && changes.doomed.is_empty());
        let known = if placed.is_empty() { state.end } else { end };
        let about = writer.about(self, &state, &changes, known);
        changes.about = Some(about);
        let touched = state.touched.replace(HashSet::new());
        if !placed.is_empty() {
            state.ceiling = state.ceiling.min(base);
        }
        drop(state);
        for (number, order, offset, (at, nth)) in &placed {
            if let Some(Answer::Append(entries, _)) = answers.get(*at)
                && let Some(append) = entries.get(*nth)
            {
                let row = entry::write(*number, *order, *offset, append);
                changes.entries.push((*number, *order, row));
            }
        }
        let written = if writes {
            writer.file.commit(&changes)
        } else {
            Ok(())
        };
        let mut state = self.kept.lock();
        let failed = match written {
            Ok(()) => {
                if writes {
                    state.reserved = about.reserved;
                    writer.wrote(changes);
                }
                if !placed.is_empty() {
                    state.end = base;
                }
                None
            }
            Err(error) => {
                tracing::error!(%error, "what was to be kept was not written");
                let places = placed.iter().map(|(number, order, ..)| (*number, *order));
                writer.doomed.extend(places);
                set_back(&mut state, undo);
                state
                    .touched
                    .get_or_insert_default()
                    .extend(touched.into_iter().flatten());
                Some(error.to_string())
            }
        };
        state.reserving = false;
        state.ceiling = state.reserved;
        let answer = |answer| tell(&mut state, answer, failed.as_deref());
        let tell: Vec<Box<dyn FnOnce() + Send>> = answers.into_iter().map(answer).collect();
        drop(state);
        drop(writer);
        self.kept.notify();
        self.room.notify_waiters();
        for tell in tell {
            tell();
        }
        failed.is_none()
    }
}

fn set_back(state: &mut State, undo: Undo) {
    for (key, tracked) in undo.leases {
        match tracked {
            Some(tracked) => state.leases.leases.insert(key, tracked),
            None => state.leases.leases.remove(&key),
        };
    }
    if let Some(over) = undo.over {
        state.leases.over = over;
    }
    for owner in undo.bound {
        state.leases.unbind(&owner);
    }
}
