//! The file: what is in it, and how it is read and written.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use hub_core::{Append, Entry, LeaseKey, PersistentId, Topic};
use redb::{Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, TableDefinition};

use super::bytes::Row;
use super::entry;
use super::options::OpenError;
use super::rows::{
    About, BOUND_PLACE, BoundRow, LEASES_PLACE, LeaseRow, QueueRow, about_row, lease_key,
    lease_row, queue_row, read_about, read_bound, read_lease, read_queue,
};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// One row, of the whole.
const ABOUT: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("about");
/// Queues by number.
const QUEUES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("queues");
/// Entries by queue and order.
const ENTRIES: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("entries");
/// Leases by hub and owner.
const LEASES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("leases");
/// Users by the id that is theirs.
const BOUND: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("bound");

/// What one transaction writes.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) about: Option<About>,
    /// Queues, `None` for one that was let go with all its entries.
    pub(super) queues: Vec<(u32, Topic, Option<QueueRow>)>,
    /// Entries that a transaction wrote which failed, as far as was seen.
    pub(super) doomed: Vec<(u32, u64)>,
    pub(super) entries: Vec<(u32, u64, Vec<u8>)>,
    pub(super) leases: Vec<(LeaseKey, Option<LeaseRow>)>,
    pub(super) bound: Vec<(PersistentId, Option<BoundRow>)>,
}

/// What was found in a file.
#[derive(Default)]
pub(super) struct Found {
    pub(super) about: Option<About>,
    pub(super) queues: Vec<(u32, Topic, QueueRow, Vec<Entry>)>,
    /// Rows of entries that were damaged.
    pub(super) damaged: Vec<(u32, u64)>,
    pub(super) leases: Vec<(LeaseKey, LeaseRow)>,
    /// Oldest first.
    pub(super) bound: Vec<(u64, PersistentId, Box<str>)>,
}

/// Opens the file, again after it failed.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

/// A file that is opened anew after it has failed.
pub(super) struct File {
    opener: Opener,
    open: Option<Database>,
}

/// Why a file can't be read.
pub(super) enum Unread {
    Refused(DatabaseError),
    Damaged(&'static str),
    Failed(Error),
}

impl Unread {
    /// The same, for whoever wants to open this place.
    pub(super) fn told(self, place: &Path) -> OpenError {
        let path = place.to_owned();
        match self {
            Self::Refused(DatabaseError::DatabaseAlreadyOpen) => OpenError::InUse(path),
            Self::Refused(DatabaseError::Storage(redb::StorageError::Corrupted(_))) => {
                let what = "its structure";
                OpenError::Damaged { path, what }
            }
            Self::Refused(error) => OpenError::Unavailable(path, error.into()),
            Self::Damaged(what) => OpenError::Damaged { path, what },
            Self::Failed(error) => OpenError::Unavailable(path, error),
        }
    }
}

impl File {
    /// Opens the file and reads all of it.
    pub(super) fn open(opener: Opener) -> Result<(Self, Found), Unread> {
        // A damaged file can make redb panic.
        let read = catch_unwind(AssertUnwindSafe(|| {
            let open = opener().map_err(Unread::Refused)?;
            let found = read(&open)?;
            Ok((open, found))
        }));
        let (open, found) = read.unwrap_or(Err(Unread::Damaged("its structure")))?;
        let open = Some(open);
        Ok((Self { opener, open }, found))
    }

    /// Writes all or nothing, and is sure that it is on the disk; after an error it may be there or not.
    pub(super) fn commit(&mut self, changes: &Changes) -> Result<(), Error> {
        let written = catch_unwind(AssertUnwindSafe(|| {
            if self.open.is_none() {
                self.open = Some((self.opener)()?);
            }
            match &self.open {
                Some(open) => write(open, changes),
                None => Ok(()),
            }
        }));
        let written = written.unwrap_or_else(|_| Err("the store panicked".into()));
        if written.is_err() {
            // redb refuses to go on after a failure; opening the file anew repairs it.
            self.close();
        }
        written
    }

    pub(super) fn close(&mut self) {
        let open = self.open.take();
        let _ = catch_unwind(AssertUnwindSafe(move || drop(open)));
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

fn write(open: &Database, changes: &Changes) -> Result<(), Error> {
    let mut transaction = open.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    {
        let mut entries = transaction.open_table(ENTRIES)?;
        for place in &changes.doomed {
            entries.remove(place)?;
        }
        let mut queues = transaction.open_table(QUEUES)?;
        for (number, topic, queue) in &changes.queues {
            let upto = queue.map_or(u64::MAX, |queue| queue.trimmed.max(queue.forgotten));
            entries.retain_in((*number, 0)..=(*number, upto), |_, _| false)?;
            match queue {
                Some(queue) => {
                    queues.insert(number, queue_row(*number, topic, *queue).as_slice())?
                }
                None => queues.remove(number)?,
            };
        }
        for (number, order, row) in &changes.entries {
            entries.insert((*number, *order), row.as_slice())?;
        }
        let mut leases = transaction.open_table(LEASES)?;
        for (key, lease) in &changes.leases {
            let (key, row) = (lease_key(key), lease.as_ref().map(lease_row));
            put(&mut leases, LEASES_PLACE, &key, row)?;
        }
        let mut bound = transaction.open_table(BOUND)?;
        for (owner, user) in &changes.bound {
            let row = user.as_ref().map(|(number, user)| {
                let mut row = Row::default();
                row.number(*number);
                row.text(user);
                row
            });
            put(&mut bound, BOUND_PLACE, owner.as_str().as_bytes(), row)?;
        }
        if let Some(about) = &changes.about {
            let mut table = transaction.open_table(ABOUT)?;
            table.insert(0, about_row(about).as_slice())?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// Writes a row whose seal has its key in it, or takes it away.
fn put(
    table: &mut redb::Table<'_, &'static [u8], &'static [u8]>,
    place: u64,
    key: &[u8],
    row: Option<Row>,
) -> Result<(), Error> {
    let Some(fields) = row else {
        table.remove(key)?;
        return Ok(());
    };
    let mut row = Row::default();
    row.bytes(key);
    row.bytes(&fields);
    table.insert(key, row.seal(&[place]).as_slice())?;
    Ok(())
}

fn read(open: &Database) -> Result<Found, Unread> {
    let transaction = open.begin_write().map_err(failed)?;
    for table in [LEASES, BOUND] {
        transaction.open_table(table).map_err(failed)?;
    }
    transaction.open_table(ABOUT).map_err(failed)?;
    transaction.open_table(QUEUES).map_err(failed)?;
    transaction.open_table(ENTRIES).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    let transaction = open.begin_read().map_err(failed)?;
    let about = transaction.open_table(ABOUT).map_err(failed)?;
    let mut found = Found::default();
    let row = about.get(0).map_err(failed)?;
    let Some(row) = row else {
        return Ok(found);
    };
    let about = read_about(row.value()).ok_or(Unread::Damaged("what it says of itself"))?;
    found.about = Some(about);
    let mut numbers = HashMap::new();
    let queues = transaction.open_table(QUEUES).map_err(failed)?;
    for row in queues.iter().map_err(failed)? {
        let (number, row) = row.map_err(failed)?;
        let number = number.value();
        let (topic, queue) =
            read_queue(number, row.value()).ok_or(Unread::Damaged("the list of queues"))?;
        numbers.insert(number, found.queues.len());
        found.queues.push((number, topic, queue, Vec::new()));
    }
    let entries = transaction.open_table(ENTRIES).map_err(failed)?;
    for row in entries.iter().map_err(failed)? {
        let (place, row) = row.map_err(failed)?;
        let (number, order) = place.value();
        let at = numbers
            .get(&number)
            .and_then(|at| found.queues.get_mut(*at));
        let Some((_, topic, queue, entries)) = at else {
            return Err(Unread::Damaged("entries of no queue"));
        };
        if order <= queue.trimmed.max(queue.forgotten) {
            continue;
        }
        let read: Option<(u64, Append)> = entry::read(number, order, topic, row.value());
        match read {
            Some((offset, append)) => entries.push(Entry::new(order, offset, append)),
            None => found.damaged.push((number, order)),
        }
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
    let counts = (found.queues.len() as u64, found.leases.len() as u64);
    if counts != (about.queues, about.leases) {
        return Err(Unread::Damaged("something is missing"));
    }
    Ok(found)
}

fn failed(error: impl Into<redb::Error>) -> Unread {
    match error.into() {
        redb::Error::Corrupted(_) => Unread::Damaged("its structure"),
        error => Unread::Failed(error.into()),
    }
}
