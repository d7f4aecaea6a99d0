//! The file: how it is opened, written, and opened again. What is read from it is in `read`.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use hub_core::{DedupeId, HubName, LeaseKey, PersistentId, Topic};
use redb::{Database, DatabaseError, Durability, TableDefinition};

use super::bytes::Row;
use super::open_error::OpenError;
use super::rows::{
    About, BOUND_PLACE, BoundRow, LEASES_PLACE, LeaseRow, NAMES_PLACE, NameRow, QueueRow,
    about_row, lease_key, lease_row, name_key, name_row, queue_row,
};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// One row, of the whole.
pub(super) const ABOUT: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("about");
/// Queues by number.
pub(super) const QUEUES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("queues");
/// Entries by queue and order.
pub(super) const ENTRIES: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("entries");
/// Leases by hub and owner.
pub(super) const LEASES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("leases");
/// Users by the id that is theirs.
pub(super) const BOUND: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("bound");
/// Places of entries by hub and name.
pub(super) const NAMES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("names");

/// So many rows that nobody needs any more are taken away by one transaction; the rest waits for the next ones.
const MAX_CLEARED: usize = 4_096;

/// What one transaction writes.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) about: Option<About>,
    /// Queues, `None` for one that was let go with all its entries.
    pub(super) queues: Vec<(u32, Topic, Option<QueueRow>)>,
    /// Whether these queues come or go.
    pub(super) named: Vec<(u32, Topic, bool)>,
    /// Of these queues everything up to these orders is to go.
    pub(super) gone: Vec<(u32, u64)>,
    /// Entries that a transaction wrote which failed, as far as was seen.
    pub(super) doomed: Vec<(u32, u64)>,
    pub(super) entries: Vec<(u32, u64, Vec<u8>)>,
    pub(super) leases: Vec<(LeaseKey, Option<LeaseRow>)>,
    pub(super) bound: Vec<(PersistentId, Option<BoundRow>)>,
    /// Those that were forgotten come first.
    pub(super) names: Vec<(HubName, DedupeId, Option<NameRow>)>,
}

impl Changes {
    /// Whether anything is to be written.
    pub(super) fn is_any(&self) -> bool {
        !(self.queues.is_empty()
            && self.gone.is_empty()
            && self.doomed.is_empty()
            && self.entries.is_empty()
            && self.leases.is_empty()
            && self.bound.is_empty()
            && self.names.is_empty())
    }
}

/// Opens the file, again after it failed.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

/// A file that is opened anew after it has failed.
pub(super) struct File {
    opener: Opener,
    open: RwLock<Option<Database>>,
}

/// Why a file can't be read.
#[derive(Debug)]
pub(super) enum Unread {
    Refused(DatabaseError),
    Foreign(u64),
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
            Self::Foreign(form) => OpenError::Foreign { path, form },
            Self::Damaged(what) => OpenError::Damaged { path, what },
            Self::Failed(error) => OpenError::Unavailable(path, error),
        }
    }

    /// The same, for whoever wants to read a page.
    pub(super) fn failed(self) -> Error {
        match self {
            Self::Refused(error) => error.into(),
            Self::Foreign(_) => "the file is another one".into(),
            Self::Damaged(what) => format!("{what} is damaged").into(),
            Self::Failed(error) => error,
        }
    }
}

impl File {
    /// A file that is opened when it is needed.
    pub(super) fn new(opener: Opener) -> Self {
        let open = RwLock::new(None);
        Self { opener, open }
    }

    /// Does something with the file. Whoever reads does not wait for who writes.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Unread>,
    ) -> Result<T, Unread> {
        // A damaged file can make redb panic.
        let done = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
                if let Some(open) = &*open {
                    return work(open);
                }
                drop(open);
                let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
                if open.is_none() {
                    *open = Some((self.opener)().map_err(Unread::Refused)?);
                }
            }
        }));
        done.unwrap_or(Err(Unread::Damaged("its structure")))
    }

    /// Writes all or nothing, and is sure that it is on the disk; after an error it may be there or not. Gives what is
    /// still to be cleared.
    pub(super) fn commit(&self, changes: &Changes) -> Result<Vec<(u32, u64)>, Error> {
        let written = self.with(|open| write(open, changes).map_err(Unread::Failed));
        if written.is_err() {
            // redb refuses to go on after a failure; opening the file anew repairs it.
            self.close();
        }
        written.map_err(Unread::failed)
    }

    /// Closes the file as soon as nobody reads it.
    pub(super) fn close(&self) {
        let open = self
            .open
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let _ = catch_unwind(AssertUnwindSafe(move || drop(open)));
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").finish_non_exhaustive()
    }
}

fn write(open: &Database, changes: &Changes) -> Result<Vec<(u32, u64)>, Error> {
    let mut transaction = open.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    let mut left = Vec::new();
    if !(changes.doomed.is_empty() && changes.gone.is_empty() && changes.entries.is_empty()) {
        let mut entries = transaction.open_table(ENTRIES)?;
        for place in &changes.doomed {
            entries.remove(place)?;
        }
        let mut room = MAX_CLEARED;
        for (number, upto) in &changes.gone {
            let range = (*number, 0)..=(*number, *upto);
            for cleared in entries.extract_from_if(range, |_, _| true)?.take(room) {
                cleared?;
                room -= 1;
            }
            if room == 0 {
                left.push((*number, *upto));
            }
        }
        for (number, order, row) in &changes.entries {
            entries.insert((*number, *order), row.as_slice())?;
        }
    }
    if !changes.queues.is_empty() {
        let mut queues = transaction.open_table(QUEUES)?;
        for (number, topic, queue) in &changes.queues {
            match queue {
                Some(queue) => {
                    queues.insert(number, queue_row(*number, topic, *queue).as_slice())?
                }
                None => queues.remove(number)?,
            };
        }
    }
    if !changes.leases.is_empty() {
        let mut leases = transaction.open_table(LEASES)?;
        for (key, lease) in &changes.leases {
            let (key, row) = (lease_key(key), lease.as_ref().map(lease_row));
            put(&mut leases, LEASES_PLACE, &key, row)?;
        }
    }
    if !changes.bound.is_empty() {
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
    }
    if !changes.names.is_empty() {
        let mut names = transaction.open_table(NAMES)?;
        for (hub, id, name) in &changes.names {
            put(
                &mut names,
                NAMES_PLACE,
                &name_key(hub, id),
                name.map(name_row),
            )?;
        }
    }
    if let Some(about) = &changes.about {
        let mut table = transaction.open_table(ABOUT)?;
        table.insert(0, about_row(about).as_slice())?;
    }
    transaction.commit()?;
    Ok(left)
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
