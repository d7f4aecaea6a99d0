//! [`RedbLog`]: queues, leases and whose ids are whose in a file, the rest in memory.
//!
//! The newest entries of queues are in memory, too; older ones are read from the file by pages, on a thread that may wait,
//! while the writer goes on (`read`). What is written is first on the disk and then seen by anybody: one writer at a time gathers what came in the
//! meantime into one transaction (`writer`), and only then are its entries in memory, in the tail and in receipts.
//!
//! What nobody has to keep does not wait for it. A transaction takes its orders a stretch ahead of the end, and what is
//! live goes on in that stretch until it is done.

mod answer;
mod bytes;
mod clock;
mod contents;
mod entry;
mod file;
mod jobs;
mod load;
mod open_error;
mod paging;
mod place;
mod read;
mod rows;
#[cfg(test)]
mod tests;
mod write;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hub_core::{
    Append, Cursor, Epoch, HubName, Interest, Lease, LeaseKey, Leases, Limit, Log, LogError,
    Notice, Page, PersistentId, Receipt, Subscriber, Taken, Topic,
};
use tokio::sync::{Notify, oneshot};

use super::kept::plan::Placed;
use super::kept::{Kept, State};
use super::options::LogOptions;
use clock::Clock;
pub use contents::QueueContents;
use file::{File, Opener};
use jobs::{Job, Jobs, Reply};
pub use open_error::OpenError;
use writer::Writer;

/// So many orders are kept free for what is live while a transaction is on its way to the disk.
const STRETCH: u64 = 1 << 20;

/// So many orders may be given out before the file has to know of more.
const RESERVE: u64 = 1 << 28;

/// A log that keeps queues and leases in a directory, for one server: what was queued is there after a restart, a crash
/// or a power cut. Live topics are in memory, as a [`MemoryLog`](crate::MemoryLog) has them, and don't wait for the disk.
///
/// ```no_run
/// # use std::sync::Arc;
/// use hub_server::{HubServer, RedbLog};
///
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let log = RedbLog::open("/var/lib/chat")?;
/// let server = HubServer::builder().log(Arc::new(log)).build()?;
/// # Ok(())
/// # }
/// ```
///
/// Its epoch stays the same, so that clients go on after a restart with the cursors that they have: queues without a
/// gap, live topics with one. Where the disk fails, appends to queues and changes of leases fail and reading goes on;
/// when it works again, so do they. The newest part of each queue is in memory as well ([`LogOptions::cache`]); a longer
/// backlog is read from the disk as it is asked for.
#[derive(Debug)]
pub struct RedbLog {
    shared: Arc<Shared>,
    /// Keeps others out, as long as this is there.
    lock: Option<std::fs::File>,
}

#[derive(Debug)]
struct Shared {
    kept: Kept,
    options: LogOptions,
    clock: Clock,
    file: File,
    writer: Mutex<Writer>,
    jobs: Jobs,
    /// A transaction is done: there is room for what is live.
    room: Notify,
}

impl RedbLog {
    /// Opens what is kept in a directory, and makes it if there is none.
    ///
    /// # Errors
    /// When another server has it open, when it can't be read or written, or when it is damaged beyond single entries.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(dir, LogOptions::default())
    }

    /// The same, with limits of your own.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    #[allow(clippy::needless_pass_by_value, reason = "options are made for it")]
    pub fn open_with(dir: impl AsRef<Path>, options: LogOptions) -> Result<Self, OpenError> {
        let dir = dir.as_ref();
        let lock = place::prepare(dir)?;
        let mut log = Self::open_on(
            place::opener(dir.join(place::FILE)),
            dir,
            &options,
            clock::wall(),
        )?;
        log.lock = Some(lock);
        tracing::info!(path = %dir.display(), "queues and leases are kept on disk");
        Ok(log)
    }

    fn open_on(
        opener: Opener,
        path: &Path,
        options: &LogOptions,
        wall: u64,
    ) -> Result<Self, OpenError> {
        let shared = load::open(opener, path, options, wall)?;
        Ok(Self {
            shared: Arc::new(shared),
            lock: None,
        })
    }

    /// Ends the live tail: [`Log::next`] returns [`LogError::Closed`] once everything before was handed out.
    pub fn close(&self) {
        self.shared.kept.close();
        self.shared.room.notify_waiters();
    }

    /// Has something done by the writer.
    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, LogError> {
        let (reply, answer) = oneshot::channel();
        self.submit(job(reply));
        // The sender is dropped where the runtime goes.
        answer.await.unwrap_or(Err(LogError::Closed))
    }

    fn submit(&self, job: Job) {
        if let Some(work) = self.shared.jobs.add(job, &self.shared) {
            // Not awaited: it goes on if whoever asked does not wait.
            drop(tokio::task::spawn_blocking(move || work.run()));
        }
    }

    /// Appends where nothing is kept: memory alone.
    async fn append_live(&self, entries: Vec<Append>) -> Result<Vec<Receipt>, LogError> {
        let mut entries = Some(entries);
        loop {
            let mut room = std::pin::pin!(self.shared.room.notified());
            let reserve = {
                let mut state = self.shared.kept.lock();
                if state.is_closed() {
                    return Err(LogError::Closed);
                }
                let count = entries.as_ref().map_or(0, Vec::len) as u64;
                if state.end + count <= state.ceiling {
                    let entries = entries.take().unwrap_or_default();
                    let place = Placed::New(None);
                    let receipts = entries.into_iter().map(|entry| state.append(entry, place));
                    let receipts = receipts.collect();
                    let low = state.reserved - state.end < RESERVE / 2 && !state.reserving;
                    state.reserving |= low;
                    self.shared.kept.notify(state);
                    if low {
                        self.submit(Job::Reserve(oneshot::channel().0));
                    }
                    return Ok(receipts);
                }
                room.as_mut().enable();
                state.ceiling == state.reserved
            };
            if reserve {
                self.ask(Job::Reserve).await?;
            } else {
                room.await;
            }
        }
    }
}

impl Drop for RedbLog {
    /// Waits for the transaction under way, so that the directory is free afterwards.
    fn drop(&mut self) {
        self.close();
        let writer = self.shared.writer.lock();
        let _writer = writer.unwrap_or_else(PoisonError::into_inner);
        self.shared.file.close();
    }
}

#[async_trait]
impl Log for RedbLog {
    fn epoch(&self) -> Epoch {
        self.shared.kept.epoch
    }

    fn end(&self) -> u64 {
        self.shared.kept.lock().end
    }

    fn is_shared(&self) -> bool {
        false
    }

    async fn append(&self, entries: Vec<Append>) -> Result<Vec<Receipt>, LogError> {
        State::check(&self.shared.options, &entries)?;
        let mut queued = entries.iter();
        if queued.any(|entry| matches!(entry.topic, Topic::Queue(..))) {
            if !entries.iter().all(|entry| entry::is_known(&entry.body)) {
                return Err(LogError::Unavailable("a body of an unknown kind".into()));
            }
            let drafts = entries.iter().map(entry::draft).collect();
            self.ask(|reply| Job::Append(entries, drafts, reply)).await
        } else {
            self.append_live(entries).await
        }
    }

    async fn read(&self, topics: &[Topic], after: Cursor, limit: Limit) -> Result<Page, LogError> {
        paging::read(&self.shared, topics, after, limit).await
    }

    fn watch(&self, topic: &Topic, change: Interest) -> u64 {
        self.shared.kept.lock().watch(topic, change)
    }

    fn shrink(&self, short: bool) {
        self.shared.kept.lock().shrink(short);
    }

    fn in_memory(&self) -> usize {
        self.shared.kept.lock().in_memory()
    }

    async fn next(&self) -> Result<Notice, LogError> {
        self.shared.kept.next().await
    }
}

#[async_trait]
impl Leases for RedbLog {
    async fn take(&self, key: &LeaseKey) -> Result<Taken, LogError> {
        let mut taken = self.ask(|reply| Job::Take(key.clone(), reply)).await?;
        if let Some(lease) = &taken.lease {
            taken.lost = self.shared.kept.lost(self, key, lease).await;
        }
        Ok(taken)
    }

    async fn put(
        &self,
        key: &LeaseKey,
        fence: u64,
        lease: Option<Lease>,
        held: bool,
    ) -> Result<(), LogError> {
        self.ask(|reply| Job::Put(key.clone(), fence, lease, held, reply))
            .await
    }

    async fn sweep(&self) -> Result<Vec<LeaseKey>, LogError> {
        self.ask(Job::Sweep).await
    }

    async fn leases(&self, hub: &HubName) -> Result<Vec<Subscriber>, LogError> {
        Ok(self.shared.kept.lock().leases.on(hub))
    }

    async fn bind(&self, owner: &PersistentId, user: Option<&str>) -> Result<bool, LogError> {
        let bound = self.shared.kept.lock().leases.is_bound(owner, user);
        match (bound, user) {
            (Some(bound), _) => Ok(bound),
            (None, None) => Ok(true),
            (None, Some(user)) => {
                self.ask(|reply| Job::Bind(owner.clone(), user.into(), reply))
                    .await
            }
        }
    }
}
