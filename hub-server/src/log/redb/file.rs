//! The file: its tables, how it is opened, and opened again. How it is written is in `write`, what is read from it in `read`.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use hub_core::{DedupeId, HubName, LeaseKey, PersistentId, Topic};
use redb::{Database, DatabaseError, TableDefinition};

use super::open_error::OpenError;
use super::rows::{About, BoundRow, LeaseRow, NameRow, QueueRow};

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

/// What one transaction writes beside the rows of entries.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) about: Option<About>,
    /// Queues, `None` for one that was let go with all its entries.
    pub(super) queues: Vec<(u32, Topic, Option<QueueRow>)>,
    /// Whether these queues come or go.
    pub(super) named: Vec<(u32, Topic, bool)>,
    /// Of these queues everything up to these orders is to go.
    pub(super) gone: Vec<(u32, u64)>,
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

    /// Does something to the file. After an error it may be there or not, and the file is closed: redb refuses to go on
    /// after a failure, and opening it anew repairs it. Give up the transaction first.
    pub(super) fn change<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let done = self.with(|open| work(open).map_err(Unread::Failed));
        if done.is_err() {
            self.close();
        }
        done.map_err(Unread::failed)
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
