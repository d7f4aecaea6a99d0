//! What was in the file becomes what is in memory.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Shared;
use super::clock::Clock;
use super::file::{File, Opener};
use super::jobs::Jobs;
use super::open_error::OpenError;
use super::read::{self, Found, FoundQueue};
use super::writer::Writer;
use crate::log::kept::leases::Tracked;
use crate::log::kept::names::Place;
use crate::log::kept::ring::{Ring, Tally};
use crate::log::kept::{Kept, random_epoch};
use crate::log::options::LogOptions;

/// Opens a file, or begins one, at this time of the wall clock.
pub(super) fn open(
    opener: Opener,
    path: &Path,
    options: &LogOptions,
    wall: u64,
) -> Result<Shared, OpenError> {
    let file = File::new(opener);
    let clock = |known| Clock::begin(wall, known);
    let found = file.with(|open| read::all(open, options, clock));
    let found = match found {
        Ok(found) => found,
        Err(why) => {
            file.close();
            return Err(why.told(path));
        }
    };
    let epoch = found.about.map_or_else(random_epoch, |about| about.epoch);
    let kept = Kept::new(epoch, options);
    let clock = found.clock;
    let writer = fill(&kept, found);
    let shared = Shared {
        kept,
        options: options.clone(),
        clock,
        file,
        writer: Mutex::new(writer),
        jobs: Jobs::default(),
        room: Notify::new(),
    };
    shared
        .reserve()
        .map_err(|error| OpenError::Unavailable(path.to_owned(), error))?;
    Ok(shared)
}

fn fill(kept: &Kept, found: Found) -> Writer {
    let (about, clock) = (found.about, found.clock);
    let mut writer = Writer::new(about);
    let mut state = kept.lock();
    let mut touched = HashSet::new();
    if let Some(about) = about {
        // Who has a cursor of this log may have missed what was live. Who comes now begins behind that.
        state.forgotten = about.reserved;
        state.end = about.reserved + 1;
        // Whoever held a lease died with its process.
        state.leases.fence = about.fence + (1 << 32);
        state.leases.forgotten = about.forgotten;
        writer.next_queue = u32::try_from(about.next_queue).unwrap_or(u32::MAX);
    }
    let reserved = about.map_or(0, |about| about.reserved);
    (state.reserved, state.ceiling) = (state.end, state.end);
    for queue in found.queues {
        let (known, number, topic) = (queue.row.damaged, queue.number, queue.topic.clone());
        let ring = ring(queue, reserved);
        if ring.damaged > known {
            tracing::error!(
                ?topic,
                "entries of a queue are damaged; who is owed them is told of a gap"
            );
            touched.insert(topic.clone());
        }
        writer.numbers.insert(topic.clone(), number);
        writer.named.insert(number);
        state.cached += ring.bytes;
        state.hubs.change(&topic, &Tally::default(), &ring.tally);
        state.rings.insert(topic, Box::new(ring));
    }
    writer.doomed = found.damaged;
    writer.gone = found.gone;
    for (key, row) in found.leases {
        // Held until the end of its process: from now on its time runs, also if this one ends, too.
        let until = row.until.map(|until| clock.moment(until, row.lease.ttl));
        if until.is_none() {
            writer.dirty.insert(key.clone());
        }
        let until = until.unwrap_or_else(|| Instant::now().checked_add(row.lease.ttl));
        writer.written.insert(key.clone());
        let tracked = Tracked {
            fence: 0,
            lease: Some(row.lease),
            until,
        };
        state.leases.set(&key, Some(tracked));
    }
    for (number, owner, user) in found.bound {
        writer.next_bound = number + 1;
        writer.bound.insert(owner.clone(), number);
        state.leases.bind(&owner, &user);
    }
    state.names.forgotten = Some(Vec::new());
    for (hub, id, row) in found.names {
        if let Some(at) = clock.earlier(row.at) {
            let (order, offset) = (row.order, row.offset);
            state.names.add(&hub, &id, Place { order, offset, at });
        } else {
            writer.unnamed.push((hub, id));
        }
    }
    state.touched = Some(touched);
    drop(state);
    writer
}

/// The ring of a queue, with a gap where entries are missing.
fn ring(queue: FoundQueue, reserved: u64) -> Ring {
    let row = queue.row;
    let mut ring = Ring::after(row.forgotten);
    ring.tally = row.tally;
    (ring.number, ring.damaged) = (Some(queue.number), row.damaged);
    let mut expected = match queue.left {
        Some(left) => {
            ring.spilled = left;
            queue
                .entries
                .first()
                .map_or(row.tally.offset + 1, |it| it.offset)
        }
        None => row.tally.first,
    };
    for entry in queue.entries {
        if entry.offset != expected {
            ring.damaged = ring.damaged.max(entry.order - 1);
        }
        expected = entry.offset + 1;
        ring.hold(Arc::new(entry));
    }
    if expected != row.tally.offset + 1 {
        ring.damaged = reserved;
    }
    if queue.left.is_none() {
        (ring.tally.entries, ring.tally.bytes) = (ring.entries.len(), ring.bytes);
    }
    ring
}
