//! One transaction: what is asked becomes changes, then rows, then what is in memory, then answers.

use std::collections::HashSet;
use std::sync::{MutexGuard, PoisonError};

use hub_core::{LogError, Topic};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::super::answer::{Answer, tell};
use super::super::entry::{self, At};
use super::super::jobs::Job;
use super::super::write::{Rows, Write};
use super::super::{STRETCH, Shared};
use super::{Error, Undo, Writer, set_back};
use crate::log::kept::State;
use crate::log::kept::plan::{Draft, Looked, Placed, Plan};
use crate::log::kept::ring::Room;
use crate::log::kept::sweep::Behind;
use crate::log::options::Overflow;
use crate::meter;

/// So many entries of a queue that are only in the file are looked at by one sweep, or for one that is full.
const MAX_LOOKED_AT: usize = 4_096;

impl Shared {
    /// Gives out no order that the file does not know of.
    pub(in crate::log::redb) fn reserve(&self) -> Result<(), Error> {
        let (reply, mut answer) = tokio::sync::oneshot::channel();
        self.process(vec![Job::Reserve(reply)], Vec::new);
        match answer.try_recv() {
            Ok(Err(LogError::Unavailable(error))) => Err(error),
            _ => Ok(()),
        }
    }

    /// Does what is asked, in one transaction, and answers. `more` gives what is asked meanwhile, and nothing when
    /// there is no time for more.
    pub(in crate::log::redb) fn process(&self, jobs: Vec<Job>, more: impl FnMut() -> Vec<Job>) {
        if self.transact(jobs, more) == Some(true) {
            let now = Instant::now();
            let behind = self.kept.lock().sweep_queues(now);
            for queue in behind {
                self.sweep_file(&queue, now);
            }
            self.transact(Vec::new(), Vec::new);
            self.kept.lock().measure();
            meter::behind(self.left());
        }
    }

    /// Of how many queues the file still has what is to go.
    fn left(&self) -> usize {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.gone.len()
    }

    /// Lets go the oldest entries of a queue that are only in the file.
    fn sweep_file(&self, queue: &Behind, now: Instant) {
        if !queue.mortal && queue.horizon <= queue.gone {
            return;
        }
        let mut room = MAX_LOOKED_AT;
        let place = (queue.number, queue.gone, queue.spilled);
        let spots = self.file.oldest(place, &self.clock, |spot| {
            room -= 1;
            room > 0 && (spot.order <= queue.horizon || spot.is_over(now))
        });
        // What can't be read is told to those who read.
        let Ok(spots) = spots else { return };
        let mut state = self.kept.lock();
        let Some(ring) = state.rings.get(&queue.topic) else {
            return;
        };
        let mut tally = ring.tally;
        for spot in &spots {
            tally.let_go(spot, now);
        }
        if !spots.is_empty() {
            state.settle(&queue.topic, tally);
            state.touch(&queue.topic);
        }
    }

    /// Lets go what full queues and hubs can't keep beside what is new.
    fn trim<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        plan: &mut Plan,
    ) -> MutexGuard<'a, State> {
        let room = Room::of_queue(&self.options);
        for (topic, draft) in &mut plan.queues {
            if draft.tally.exceeds(&room) {
                state = self.trim_queue(state, topic, draft, &room).0;
            }
        }
        for mut crowd in state.crowds(plan) {
            while let Some(mut next) = crowd.next(&state, plan) {
                let oldest;
                (state, oldest) = self.trim_queue(state, &next.topic, &mut next.draft, &next.room);
                crowd.done(next, &state, plan, oldest);
            }
        }
        state
    }

    /// Lets go what there is no room for, also where only the file has it; gives the oldest that is left there, if that
    /// was seen.
    fn trim_queue<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        topic: &Topic,
        draft: &mut Draft,
        room: &Room,
    ) -> (MutexGuard<'a, State>, u64) {
        let ring = state.rings.get(topic);
        let ring = ring.filter(|ring| ring.spilled > draft.tally.gone);
        let place = ring.and_then(|ring| Some((ring.number?, draft.tally.gone, ring.spilled)));
        let mut looked = Looked::default();
        if let Some(place) = place {
            // Nobody but this thread changes queues and leases: meanwhile others read.
            drop(state);
            let (mut tally, now) = (draft.tally, Instant::now());
            let lag = self.options.overflow == Overflow::DropLaggards;
            let mut more = if lag { MAX_LOOKED_AT } else { 0 };
            let found = self.file.oldest(place, &self.clock, |spot| {
                let wanted = tally.exceeds(room) && spot.order <= room.upto;
                tally.let_go(spot, now);
                more = if wanted { more } else { more.saturating_sub(1) };
                let wanted = wanted || more > 0;
                looked.beyond = (!wanted).then_some(spot.order);
                wanted
            });
            looked.spots = found.unwrap_or_default();
            state = self.kept.lock();
            if looked.spots.is_empty() && looked.beyond.is_none() {
                state.lose_older(topic, draft);
            }
        }
        state.trim(topic, draft, room, &looked);
        let left = looked.spots.iter().map(|spot| spot.order);
        let oldest = left.filter(|order| *order > draft.tally.gone).min();
        let oldest = oldest.or(looked.beyond).unwrap_or(0);
        if looked.spots.is_empty()
            && let Some(ring) = state.rings.get_mut(topic)
        {
            // The next time it need not be read for this.
            ring.oldest = ring.oldest.max(oldest);
        }
        (state, oldest)
    }

    /// Gives whether it was asked to sweep, if all was done.
    fn transact(&self, mut jobs: Vec<Job>, mut more: impl FnMut() -> Vec<Job>) -> Option<bool> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.kept.lock();
        if state.is_closed() {
            return None;
        }
        let base = state.end + STRETCH;
        state.ceiling = state.ceiling.min(base);
        let mut batch = Batch::after(base);
        // Rows are made and written while those who ask next are on their way.
        loop {
            let from = batch.answers.len();
            batch.take(&mut writer, &mut state, jobs);
            drop(state);
            self.put(&mut writer, &mut batch, from);
            jobs = more();
            state = self.kept.lock();
            if jobs.is_empty() {
                break;
            }
        }
        let Batch {
            mut plan,
            undo,
            answers,
            placed,
            reserves,
            swept,
            write,
        } = batch;
        plan.queues.retain(|_, draft| !draft.fresh.is_empty());
        let writes_entries = !plan.queues.is_empty();
        let mut state = self.trim(state, &mut plan);
        let mut changes = writer.changes(self, &mut state, &plan);
        let known = if writes_entries { plan.end } else { state.end };
        let about = writer.about(self, &state, &changes, known);
        let stale = writer.runs_out(&state, &about);
        let doomed = !writer.doomed.is_empty();
        let writes = reserves || stale || writes_entries || doomed || changes.is_any();
        changes.about = (writes && (reserves || writer.is_news(&about, known))).then_some(about);
        let reserved = changes.about.map(|about| about.reserved);
        let touched = state.touched.replace(HashSet::new());
        drop(state);
        let written = if writes {
            let write = write.unwrap_or_else(|| self.begin(&writer));
            write.and_then(|write| self.file.change(|_| write.commit(&changes)))
        } else {
            Ok(Vec::new())
        };
        let asked = answers.len();
        let mut state = self.kept.lock();
        let failed = match written {
            Ok(left) => {
                if writes {
                    state.reserved = reserved.unwrap_or(state.reserved);
                    writer.wrote(changes, left);
                    meter::committed(asked);
                }
                if writes_entries {
                    state.end = base;
                }
                None
            }
            Err(error) => {
                tracing::error!(%error, "what was to be kept was not written");
                writer.failed(changes, &plan, placed);
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
        let tell = move || tell.into_iter().for_each(|tell| tell());
        let tell = match Handle::try_current() {
            // To wake a task from this thread takes a call of the system, from another task almost nothing. That task is on
            // its way while the rest is done, which nobody sees before it is.
            Ok(runtime) if asked > 1 => {
                drop(runtime.spawn(async move { tell() }));
                None
            }
            _ => Some(tell),
        };
        if failed.is_none() {
            for (topic, draft) in plan.queues {
                if let Some(ring) = state.rings.get_mut(&topic) {
                    ring.number = writer.numbers.get(&topic).copied();
                }
                state.settle(&topic, draft.tally);
                meter::full(topic.hub(), draft.dropped);
            }
        }
        self.kept.notify(state);
        drop(writer);
        self.room.notify_waiters();
        if let Some(tell) = tell {
            tell();
        }
        failed.is_none().then_some(swept)
    }

    fn begin(&self, writer: &Writer) -> Result<Write, Error> {
        self.file.change(|open| Write::begin(open, &writer.doomed))
    }

    /// Writes the rows of what has its place since so many answers.
    fn put(&self, writer: &mut Writer, batch: &mut Batch, from: usize) {
        let mut rows = Rows::new();
        let answers = batch.answers.get_mut(from..).unwrap_or_default();
        let appends = answers.iter_mut().filter_map(|answer| match answer {
            Answer::Append(entries, drafts, placed, _) => {
                let drafts = std::mem::take(drafts);
                Some(entries.iter().zip(placed).zip(drafts))
            }
            _ => None,
        });
        for ((append, placed), draft) in appends.flatten() {
            if let Placed::New(Some(spot)) = placed {
                let order = spot.order;
                let queue = writer.number(&append.topic);
                let life = append.terms.expires_in;
                let row = entry::write(At { queue, order }, spot, life, &self.clock, draft);
                rows.push((queue, order, row));
            }
        }
        if rows.is_empty() {
            return;
        }
        // As they stand in the table.
        rows.sort_unstable_by_key(|(queue, order, _)| (*queue, *order));
        let places = rows.iter().map(|(queue, order, _)| (*queue, *order));
        batch.placed.extend(places);
        let write = batch.write.take().unwrap_or_else(|| self.begin(writer));
        batch.write = Some(write.and_then(|write| {
            self.file.change(move |_| {
                write.put(&rows)?;
                Ok(write)
            })
        }));
    }
}

/// What one transaction has taken so far.
struct Batch {
    plan: Plan,
    undo: Undo,
    answers: Vec<Answer>,
    /// Where its entries are.
    placed: Vec<(u32, u64)>,
    reserves: bool,
    swept: bool,
    /// Rows are in it, unless that failed.
    write: Option<Result<Write, Error>>,
}

impl Batch {
    fn after(base: u64) -> Self {
        Self {
            plan: Plan::after(base),
            undo: Undo::default(),
            answers: Vec::new(),
            placed: Vec::new(),
            reserves: false,
            swept: false,
            write: None,
        }
    }

    fn take(&mut self, writer: &mut Writer, state: &mut State, jobs: Vec<Job>) {
        for job in jobs {
            self.reserves |= matches!(job, Job::Reserve(_));
            self.swept |= matches!(job, Job::Sweep(_));
            let answer = writer.apply(state, &mut self.plan, job, &mut self.undo);
            self.answers.push(answer);
        }
    }
}
