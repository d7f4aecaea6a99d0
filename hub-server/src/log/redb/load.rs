//! What was in the file becomes what is in memory.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use hub_core::Entry;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::file::{File, Found, Opener};
use super::options::{OpenError, RedbOptions};
use super::rows::{QueueRow, millis};
use super::writer::Writer;
use super::{Jobs, Shared};
use crate::log::kept::leases::Tracked;
use crate::log::kept::ring::Ring;
use crate::log::kept::{Keep, Kept, QUEUE, random_epoch};

/// The wall clock, in milliseconds.
pub(super) fn wall() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    millis(since.unwrap_or_default())
}

/// Opens a file, or begins one.
pub(super) fn open(
    opener: Opener,
    path: &Path,
    options: &RedbOptions,
) -> Result<Shared, OpenError> {
    let (file, found) = File::open(opener).map_err(|why| why.told(path))?;
    let live = Keep {
        entries: options.entries,
        bytes: options.bytes,
        idle: options.idle,
    };
    let queue = Keep {
        entries: options.queue_entries,
        bytes: options.queue_bytes,
        ..QUEUE
    };
    let epoch = found.about.map_or_else(random_epoch, |about| about.epoch);
    let kept = Kept::new(epoch, live, queue.clone());
    let writer = fill(&kept, file, found, &queue);
    let shared = Shared {
        kept,
        max_body: options.max_body,
        writer: Mutex::new(writer),
        jobs: Mutex::new(Jobs::default()),
        room: Notify::new(),
    };
    shared
        .reserve()
        .map_err(|error| OpenError::Unavailable(path.to_owned(), error))?;
    Ok(shared)
}

fn fill(kept: &Kept, file: File, found: Found, keep: &Keep) -> Writer {
    let mut writer = Writer::new(file);
    let mut state = kept.lock();
    let mut touched = HashSet::new();
    let about = found.about;
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
    for (number, topic, row, entries) in found.queues {
        let ring = ring(&row, entries, reserved, keep);
        if ring.damaged > row.damaged {
            tracing::error!(
                ?topic,
                "entries of a queue are damaged; who is owed them is told of a gap"
            );
            touched.insert(topic.clone());
        }
        writer.numbers.insert(topic.clone(), number);
        state.rings.insert(topic, ring);
    }
    writer.doomed = found.damaged;
    let (now, wall_now) = (Instant::now(), wall());
    // The clock may have been set back; time does not go backwards.
    let wall_now = wall_now.max(about.map_or(0, |about| about.wall));
    for (key, row) in found.leases {
        let left = row.until.map_or(row.lease.ttl, |until| {
            Duration::from_millis(until.saturating_sub(wall_now)).min(row.lease.ttl)
        });
        if row.until.is_none() {
            // From now on its time runs, also if this process ends, too.
            writer.dirty.insert(key.clone());
        }
        writer.written.insert(key.clone());
        let tracked = Tracked {
            fence: 0,
            lease: Some(row.lease),
            until: now.checked_add(left),
        };
        state.leases.leases.insert(key, tracked);
    }
    for (number, owner, user) in found.bound {
        writer.next_bound = number + 1;
        writer.bound.insert(owner.clone(), number);
        state.leases.bind(&owner, &user);
    }
    state.touched = Some(touched);
    drop(state);
    writer
}

/// The ring of a queue, with a gap where entries are missing.
fn ring(row: &QueueRow, entries: Vec<Entry>, reserved: u64, keep: &Keep) -> Ring {
    let mut ring = Ring::after(row.forgotten);
    (ring.trimmed, ring.damaged) = (row.trimmed, row.damaged);
    let mut expected = row.first;
    for entry in entries {
        if entry.offset != expected {
            ring.damaged = entry.order - 1;
        }
        expected = entry.offset + 1;
        ring.push(Arc::new(entry), keep);
    }
    if expected != row.offset + 1 {
        ring.damaged = reserved;
    }
    ring.offset = row.offset;
    ring
}
