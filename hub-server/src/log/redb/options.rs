//! What a [`RedbLog`](super::RedbLog) keeps, and why it can't be opened.

use std::path::PathBuf;
use std::time::Duration;

/// What a [`RedbLog`](super::RedbLog) keeps.
#[derive(Debug, Clone)]
#[must_use]
pub struct RedbOptions {
    pub(super) entries: usize,
    pub(super) bytes: usize,
    pub(super) idle: Duration,
    pub(super) queue_entries: usize,
    pub(super) queue_bytes: usize,
    pub(super) max_body: usize,
}

impl Default for RedbOptions {
    fn default() -> Self {
        Self {
            entries: 1_000,
            bytes: 1 << 20,
            idle: Duration::from_secs(100),
            queue_entries: 10_000,
            queue_bytes: 16 << 20,
            max_body: 64 << 10,
        }
    }
}

impl RedbOptions {
    /// How much of a live topic is kept in memory: 1,000 entries and 1 MiB by default.
    pub fn retain(mut self, entries: usize, bytes: usize) -> Self {
        (self.entries, self.bytes) = (entries.max(1), bytes);
        self
    }

    /// How long a live topic is kept that nobody listens to, 100 s by default.
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// How much a queue keeps at most: 10,000 entries and 16 MiB by default, on disk and in memory. Beyond that the oldest
    /// is let go, and whoever is owed it has a gap.
    pub fn queue(mut self, entries: usize, bytes: usize) -> Self {
        (self.queue_entries, self.queue_bytes) = (entries.max(1), bytes);
        self
    }

    /// The largest body of a queued entry, 64 KiB by default and 16 MiB at most; larger ones are refused with
    /// [`LogError::TooLarge`](hub_core::LogError::TooLarge).
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes.min(16 << 20);
        self
    }
}

/// Why a [`RedbLog`](super::RedbLog) can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or this one, has the directory open.
    #[error("{} is in use: one server at a time can keep its messages there", .0.display())]
    InUse(PathBuf),
    /// The directory can't be made, or the file in it can't be read or written.
    #[error("{} can't be opened", .0.display())]
    Unavailable(PathBuf, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// The file is damaged beyond single entries.
    #[error("{} is damaged: {what}; move it away to begin anew without what is queued there", path.display())]
    Damaged {
        /// The directory.
        path: PathBuf,
        /// Where in the file.
        what: &'static str,
    },
}
