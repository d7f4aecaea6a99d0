//! [`LogOptions`]: what a log keeps, and what it does beyond that (`delivery.md` a.4).

use std::time::Duration;

/// What a log keeps: [`MemoryLog`](crate::MemoryLog), `RedbLog`, and what the suite asks of one of your own.
#[derive(Debug, Clone)]
#[must_use]
#[non_exhaustive]
pub struct LogOptions {
    /// The newest entries of a live topic: 1,000.
    pub entries: usize,
    /// The most bytes of a live topic: 1 MiB.
    pub bytes: usize,
    /// How long a live topic is kept that nobody listens to: 100 s.
    pub idle: Duration,
    /// The most entries of a queue: 10,000.
    pub queue_entries: usize,
    /// The most bytes of a queue: 16 MiB. Each entry counts 256 bytes beside its body.
    pub queue_bytes: usize,
    /// The most bytes of all queues of a hub: 1 GiB.
    pub hub_bytes: usize,
    /// What becomes of an entry beyond that.
    pub overflow: Overflow,
    /// The largest body of a queued entry: 64 KiB.
    pub max_body: usize,
    /// The most queues of a lease: 128.
    pub queues_per_lease: usize,
    /// The most unread entries of a lease, in all its queues: 10,000.
    pub unread: usize,
    /// The most leases of a user on a hub: 32.
    pub leases_per_user: usize,
    /// The most leases on a hub: 100,000.
    pub leases_per_hub: usize,
    /// The longest time to live of a lease: 30 days.
    pub max_ttl: Duration,
    /// How long a [`DedupeId`](crate::DedupeId) is remembered: 5 minutes.
    pub dedupe_window: Duration,
    /// How many of them on a hub: 100,000, the newest.
    pub dedupe_names: usize,
    /// Of a log in a file: the newest entries of a queue that are in memory, too: 1,000.
    pub cached_entries: usize,
    /// Of a log in a file: the most bytes of a queue that are in memory, too: 1 MiB.
    pub cached_bytes: usize,
    /// Of a log in a file: the most bytes of all queues that are in memory, too: 64 MiB.
    pub cached_in_all: usize,
}

/// What becomes of an entry for a queue that is full, or a hub.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The oldest is let go; whoever is owed it has a gap.
    #[default]
    DropOldest,
    /// It is refused, with [`LogError::Full`](crate::LogError::Full).
    RejectNew,
    /// Clients that are away and owed the oldest lose all that the queue owes to nobody but them, in one gap: one that
    /// stays away does not keep the queue full.
    DropLaggards,
}

/// The largest body that a log may be told to keep.
const LARGEST_BODY: usize = 16 << 20;

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            entries: 1_000,
            bytes: 1 << 20,
            idle: Duration::from_secs(100),
            queue_entries: 10_000,
            queue_bytes: 16 << 20,
            hub_bytes: 1 << 30,
            overflow: Overflow::DropOldest,
            max_body: 64 << 10,
            queues_per_lease: 128,
            unread: 10_000,
            leases_per_user: 32,
            leases_per_hub: 100_000,
            max_ttl: Duration::from_secs(30 * 24 * 60 * 60),
            dedupe_window: Duration::from_secs(5 * 60),
            dedupe_names: 100_000,
            cached_entries: 1_000,
            cached_bytes: 1 << 20,
            cached_in_all: 64 << 20,
        }
    }
}

impl LogOptions {
    /// How much of a live topic is kept: 1,000 entries and 1 MiB by default.
    pub fn retain(mut self, entries: usize, bytes: usize) -> Self {
        (self.entries, self.bytes) = (entries.max(1), bytes);
        self
    }

    /// How long a live topic is kept that nobody listens to, 100 s by default.
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// How much a queue keeps at most: 10,000 entries and 16 MiB by default.
    pub fn queue(mut self, entries: usize, bytes: usize) -> Self {
        (self.queue_entries, self.queue_bytes) = (entries.max(1), bytes);
        self
    }

    /// How much all queues of a hub keep together at most: 1 GiB by default. Beyond that the [`Overflow`] is the same: what
    /// is let go is the oldest on the hub, whatever the queue.
    pub fn hub_bytes(mut self, bytes: usize) -> Self {
        self.hub_bytes = bytes;
        self
    }

    /// What becomes of an entry for a queue that is full.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// The largest body of a queued entry, 64 KiB by default and 16 MiB at most; larger ones are refused with
    /// [`LogError::TooLarge`](crate::LogError::TooLarge).
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes.min(LARGEST_BODY);
        self
    }

    /// How many queues a lease may have, 128 by default and 1,024 at most; beyond that it is refused with
    /// [`LogError::TooMany`](crate::LogError::TooMany).
    pub fn queues_per_lease(mut self, queues: usize) -> Self {
        self.queues_per_lease = queues.min(1_024);
        self
    }

    /// How many entries of all its queues a lease may have unread, 10,000 by default. Who comes back to more gets the newest,
    /// and a gap in place of the rest ([`Taken::lost`](crate::Taken::lost)); to other leases nothing is lost.
    pub fn unread(mut self, entries: usize) -> Self {
        self.unread = entries.max(1);
        self
    }

    /// How many leases a user may have on a hub, 32 by default, and a hub in all, 100,000 by default. One more ends the
    /// user's lease that is away for longest; where there is none, it is refused with
    /// [`LogError::TooMany`](crate::LogError::TooMany).
    pub fn leases(mut self, per_user: usize, per_hub: usize) -> Self {
        (self.leases_per_user, self.leases_per_hub) = (per_user, per_hub);
        self
    }

    /// The longest time to live of a lease, 30 days by default; a longer one is cut to it.
    pub fn max_ttl(mut self, ttl: Duration) -> Self {
        self.max_ttl = ttl;
        self
    }

    /// How long the name of an entry is remembered, 5 minutes by default, and how many on a hub, the newest 100,000 by
    /// default.
    pub fn dedupe(mut self, window: Duration, names: usize) -> Self {
        (self.dedupe_window, self.dedupe_names) = (window, names.max(1));
        self
    }

    /// Of a log in a file: how much of each queue is in memory, too, the newest 1,000 entries and 1 MiB by default, and
    /// of all queues together, 64 MiB by default. The rest is read when somebody wants it.
    pub fn cache(mut self, entries: usize, bytes: usize, in_all: usize) -> Self {
        (self.cached_entries, self.cached_bytes) = (entries, bytes);
        self.cached_in_all = in_all;
        self
    }
}
