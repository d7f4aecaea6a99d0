//! [`Clock`]: what time it is on the disk.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::rows::millis;

/// The wall clock as it was when the log was opened, and since then the time that has passed: whatever the wall clock does
/// meanwhile, nothing is over too early or too late.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    base: Instant,
    wall: u64,
}

impl Clock {
    /// Begins at this time of the wall clock, in milliseconds, or at the last one that the file knows: the clock may have
    /// been set back, time does not go backwards.
    pub(super) fn begin(wall: u64, known: u64) -> Self {
        Self {
            base: Instant::now(),
            wall: wall.max(known),
        }
    }

    /// A moment in milliseconds of the wall clock.
    pub(super) fn wall(&self, at: Instant) -> u64 {
        let since = millis(at.saturating_duration_since(self.base));
        self.wall.saturating_add(since)
    }

    /// The moment of so many milliseconds, at most `life` from now; `None` if it is beyond all clocks.
    pub(super) fn moment(&self, wall: u64, life: Duration) -> Option<Instant> {
        let left = Duration::from_millis(wall.saturating_sub(self.wall));
        let moment = self.base.checked_add(left)?;
        Some(moment.min(Instant::now().checked_add(life)?))
    }

    /// A moment before the log was opened; `None` if it is too long ago.
    pub(super) fn earlier(&self, wall: u64) -> Option<Instant> {
        let ago = Duration::from_millis(self.wall.saturating_sub(wall));
        self.base.checked_sub(ago)
    }
}

/// The wall clock, in milliseconds.
pub(super) fn wall() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    millis(since.unwrap_or_default())
}
