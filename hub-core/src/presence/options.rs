//! [`PresenceOptions`]: what presence of a hub keeps and tells at most.

use std::time::Duration;

use smol_str::SmolStr;

/// How presence of a hub is: `PresenceOptions::default().leave_delay(Duration::from_secs(5))`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PresenceOptions {
    /// How long a connection that has ended counts as there; 0 by default, and at most the server's disconnect timeout. Within
    /// it a client with a persistent id may come back as another connection and has not left. A client that has lost its
    /// link and may resume has not ended.
    pub leave_delay: Duration,
    /// The callback that gets a [`PresenceDiff`](super::PresenceDiff); `presence` by default.
    pub method: SmolStr,
    /// How many members a room may have for each change to be told, 1,000 by default; beyond that the counts are.
    pub max_told: usize,
    /// How often counts are told then: once a second at most, by default.
    pub stats_every: Duration,
    /// How many members a page of a list has, 1,000 by default.
    pub page: usize,
    /// How long an info may be as JSON, 1,024 bytes by default.
    pub max_info: usize,
}

impl Default for PresenceOptions {
    fn default() -> Self {
        Self {
            leave_delay: Duration::ZERO,
            method: SmolStr::new_static("presence"),
            max_told: 1_000,
            stats_every: Duration::from_secs(1),
            page: 1_000,
            max_info: 1_024,
        }
    }
}

impl PresenceOptions {
    /// How long a connection that has ended counts as there.
    #[must_use]
    pub fn leave_delay(mut self, delay: Duration) -> Self {
        self.leave_delay = delay;
        self
    }

    /// The callback that gets what has changed.
    #[must_use]
    pub fn method(mut self, name: impl AsRef<str>) -> Self {
        self.method = SmolStr::new(name);
        self
    }

    /// How many members a room may have for each change to be told.
    #[must_use]
    pub fn max_told(mut self, members: usize) -> Self {
        self.max_told = members;
        self
    }

    /// How often counts are told beyond that.
    #[must_use]
    pub fn stats_every(mut self, at_most: Duration) -> Self {
        self.stats_every = at_most;
        self
    }

    /// How many members a page of a list has, 1 at least.
    #[must_use]
    pub fn page(mut self, members: usize) -> Self {
        self.page = members.max(1);
        self
    }

    /// How long an info may be as JSON, in bytes.
    #[must_use]
    pub fn max_info(mut self, bytes: usize) -> Self {
        self.max_info = bytes;
        self
    }
}
