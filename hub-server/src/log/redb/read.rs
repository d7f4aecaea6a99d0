//! What is read from the file: at the opening all but old entries, and those by pages when somebody wants them.

use std::collections::HashMap;
use std::sync::Arc;

use hub_core::{DedupeId, Entry, HubName, LeaseKey, Limit, PersistentId, Topic};
use redb::{Database, ReadableDatabase, ReadableTable};
use tokio::time::Instant;

use super::clock::Clock;
use super::entry::{self, At};
use super::file::{ABOUT, BOUND, ENTRIES, File, LEASES, NAMES, QUEUES, Unread};
use super::rows::{
    About, LeaseRow, NameRow, QueueRow, read_about, read_bound, read_lease, read_name, read_queue,
};
use crate::log::kept::reading::Older;
use crate::log::kept::ring::{Spot, weight};
use crate::log::options::LogOptions;

/// What was found in a file.
pub(super) struct Found {
    pub(super) about: Option<About>,
    pub(super) clock: Clock,
    pub(super) queues: Vec<FoundQueue>,
    /// Rows of entries that were damaged.
    pub(super) damaged: Vec<(u32, u64)>,
    /// Queues that are no more, and of which rows are left.
    pub(super) gone: Vec<(u32, u64)>,
    pub(super) leases: Vec<(LeaseKey, LeaseRow)>,
    /// Oldest first.
    pub(super) bound: Vec<(u64, PersistentId, Box<str>)>,
    /// Oldest first.
    pub(super) names: Vec<(HubName, DedupeId, NameRow)>,
}

/// A queue, with its newest entries.
pub(super) struct FoundQueue {
    pub(super) number: u32,
    pub(super) topic: Topic,
    pub(super) row: QueueRow,
    pub(super) entries: Vec<Entry>,
    /// The order of the first that is left in the file.
    pub(super) left: Option<u64>,
}

/// Part of a queue.
#[derive(Default)]
pub(super) struct Part {
    pub(super) entries: Vec<Arc<Entry>>,
    pub(super) expired: Vec<u64>,
    /// Up to this order something is missing.
    pub(super) damaged: u64,
    /// Up to this order something was let go, as the file has it: memory may not know yet.
    pub(super) trimmed: u64,
}

/// Reads all that a log needs in memory.
pub(super) fn all(
    open: &Database,
    options: &LogOptions,
    clock: impl Fn(u64) -> Clock,
) -> Result<Found, Unread> {
    let transaction = open.begin_write().map_err(failed)?;
    for table in [LEASES, BOUND, NAMES] {
        transaction.open_table(table).map_err(failed)?;
    }
    transaction.open_table(ABOUT).map_err(failed)?;
    transaction.open_table(QUEUES).map_err(failed)?;
    transaction.open_table(ENTRIES).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    let transaction = open.begin_read().map_err(failed)?;
    let about = transaction.open_table(ABOUT).map_err(failed)?;
    let row = about.get(0).map_err(failed)?;
    let about =
        row.map(|row| read_about(row.value()).ok_or(Unread::Damaged("what it says of itself")));
    let about = about.transpose()?.transpose().map_err(Unread::Foreign)?;
    let mut found = Found {
        about,
        clock: clock(about.map_or(0, |about| about.wall)),
        queues: Vec::new(),
        damaged: Vec::new(),
        gone: Vec::new(),
        leases: Vec::new(),
        bound: Vec::new(),
        names: Vec::new(),
    };
    let Some(about) = about else {
        return Ok(found);
    };
    let queues = transaction.open_table(QUEUES).map_err(failed)?;
    let entries = transaction.open_table(ENTRIES).map_err(failed)?;
    let mut room = options.cached_in_all;
    for row in queues.iter().map_err(failed)? {
        let (number, row) = row.map_err(failed)?;
        let number = number.value();
        let (topic, row) =
            read_queue(number, row.value()).ok_or(Unread::Damaged("the list of queues"))?;
        let mut queue = FoundQueue {
            number,
            topic,
            row,
            entries: Vec::new(),
            left: None,
        };
        let bytes = options.cached_bytes.min(room);
        newest(
            &entries,
            &mut queue,
            &mut found,
            (options.cached_entries, bytes),
        )?;
        let held = queue.entries.iter().map(|entry| weight(&entry.body));
        room = room.saturating_sub(held.sum());
        found.queues.push(queue);
    }
    let known: HashMap<u32, u64> = found
        .queues
        .iter()
        .map(|queue| (queue.number, queue.row.tally.gone))
        .collect();
    let mut from = (0, 0);
    while let Some(first) = entries.range(from..).map_err(failed)?.next() {
        let (place, _) = first.map_err(failed)?;
        let (number, order) = place.value();
        match known.get(&number) {
            Some(gone) if order <= *gone => found.gone.push((number, *gone)),
            Some(_) => {}
            None => found.gone.push((number, u64::MAX)),
        }
        let Some(next) = number.checked_add(1) else {
            break;
        };
        from = (next, 0);
    }
    let leases = transaction.open_table(LEASES).map_err(failed)?;
    for row in leases.iter().map_err(failed)? {
        let (_, row) = row.map_err(failed)?;
        let lease = read_lease(row.value()).ok_or(Unread::Damaged("the leases"))?;
        found.leases.push(lease);
    }
    let bound = transaction.open_table(BOUND).map_err(failed)?;
    for row in bound.iter().map_err(failed)? {
        let (_, row) = row.map_err(failed)?;
        let bound = read_bound(row.value()).ok_or(Unread::Damaged("whose ids are whose"))?;
        found.bound.push(bound);
    }
    found.bound.sort_unstable_by_key(|(number, ..)| *number);
    let names = transaction.open_table(NAMES).map_err(failed)?;
    for row in names.iter().map_err(failed)? {
        let (_, row) = row.map_err(failed)?;
        let name = read_name(row.value()).ok_or(Unread::Damaged("the names of entries"))?;
        found.names.push(name);
    }
    found.names.sort_unstable_by_key(|(.., name)| name.order);
    let counts = (found.queues.len() as u64, found.leases.len() as u64);
    if counts != (about.queues, about.leases) {
        return Err(Unread::Damaged("something is missing"));
    }
    Ok(found)
}

/// The newest entries of a queue, as many as are kept in memory.
fn newest(
    entries: &impl ReadableTable<(u32, u64), &'static [u8]>,
    queue: &mut FoundQueue,
    found: &mut Found,
    room: (usize, usize),
) -> Result<(), Unread> {
    let number = queue.number;
    let range = (number, queue.row.tally.gone + 1)..=(number, u64::MAX);
    let mut bytes = 0;
    for row in entries.range(range).map_err(failed)?.rev() {
        let (place, row) = row.map_err(failed)?;
        let order = place.value().1;
        let at = At {
            queue: number,
            order,
        };
        let Some(entry) = entry::read(at, &queue.topic, &found.clock, row.value()) else {
            found.damaged.push((number, order));
            continue;
        };
        bytes += weight(&entry.body);
        if queue.entries.len() >= room.0 || bytes > room.1 {
            queue.left = Some(order);
            break;
        }
        queue.entries.push(entry);
    }
    queue.entries.reverse();
    Ok(())
}

impl File {
    /// Looks at the oldest entries of a queue after an order, one after another, for as long as they are wanted.
    pub(super) fn oldest(
        &self,
        (number, after, upto): (u32, u64, u64),
        clock: &Clock,
        mut wanted: impl FnMut(&Spot) -> bool,
    ) -> Result<Vec<Spot>, Unread> {
        self.with(|open| {
            let transaction = open.begin_read().map_err(failed)?;
            let entries = transaction.open_table(ENTRIES).map_err(failed)?;
            let range = (number, after + 1)..=(number, upto);
            let mut spots = Vec::<Spot>::new();
            for row in entries.range(range).map_err(failed)? {
                let (place, row) = row.map_err(failed)?;
                let order = place.value().1;
                let at = At {
                    queue: number,
                    order,
                };
                // One that is damaged goes like the others.
                let spot = entry::spot(at, clock, row.value()).unwrap_or(Spot {
                    order,
                    offset: spots.last().map_or(0, |spot| spot.offset + 1),
                    bytes: 0,
                    expires: None,
                });
                if !wanted(&spot) {
                    break;
                }
                spots.push(spot);
            }
            Ok(spots)
        })
    }

    /// Reads a page of what is only in the file.
    pub(super) fn part(&self, of: &Older, limit: Limit, clock: &Clock) -> Result<Part, Unread> {
        self.with(|open| {
            let now = Instant::now().into_std();
            let transaction = open.begin_read().map_err(failed)?;
            let entries = transaction.open_table(ENTRIES).map_err(failed)?;
            let number = of.number;
            let queues = transaction.open_table(QUEUES).map_err(failed)?;
            let Some(row) = queues.get(number).map_err(failed)? else {
                // All of it was let go meanwhile, of which memory knows.
                return Ok(Part::default());
            };
            let place = |order| At {
                queue: number,
                order,
            };
            let mut part = Part::default();
            let (mut first, mut after) = (of.first, of.after);
            // More may have been let go since somebody looked: it is not damaged.
            let row = read_queue(number, row.value()).map(|(_, row)| row.tally);
            if let Some(tally) = row.filter(|tally| tally.gone > first.1) {
                first = (tally.first, tally.gone);
                after = after.max(tally.gone);
                part.trimmed = tally.trimmed;
            }
            if after >= of.upto {
                return Ok(part);
            }
            let mut expected = None;
            if after <= first.1 {
                expected = Some(first.0);
            } else {
                let before = (number, first.1 + 1)..=(number, after);
                if let Some(row) = entries.range(before).map_err(failed)?.next_back() {
                    let (at, row) = row.map_err(failed)?;
                    let spot = entry::spot(place(at.value().1), clock, row.value());
                    expected = spot.map(|spot| spot.offset + 1);
                }
            }
            let most = limit.entries.saturating_add(1);
            let mut ended = true;
            let range = (number, after + 1)..=(number, of.upto);
            for row in entries.range(range).map_err(failed)? {
                let (at, row) = row.map_err(failed)?;
                let order = at.value().1;
                let Some(entry) = entry::read(place(order), &of.topic, clock, row.value()) else {
                    (part.damaged, expected) = (order, None);
                    continue;
                };
                if expected.is_some_and(|expected| expected != entry.offset) {
                    part.damaged = order - 1;
                }
                expected = Some(entry.offset + 1);
                if entry.expires.is_some_and(|at| at <= now) {
                    part.expired.push(order);
                } else if part.entries.len() < most {
                    part.entries.push(Arc::new(entry));
                } else if limit.entries > 0 || !of.mortal {
                    ended = false;
                    break;
                }
            }
            let (next, spilled) = of.next;
            if ended && of.upto >= spilled && expected.is_some_and(|expected| expected != next) {
                part.damaged = spilled;
            }
            Ok(part)
        })
    }
}

fn failed(error: impl Into<redb::Error>) -> Unread {
    match error.into() {
        redb::Error::Corrupted(_) => Unread::Damaged("its structure"),
        error => Unread::Failed(error.into()),
    }
}
