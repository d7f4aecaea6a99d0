//! [`Load`]: how much a node carries, and whether it takes on more (`delivery.md` c). Who is connected already is never
//! refused: it may come back, call, and say goodbye.

mod spare;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::Config;
use spare::Spare;

/// Of the memory that there is so much is the budget, if nothing else is said.
const SHARE: u64 = 60;

/// From so much of the budget on the log keeps little history.
const SHORT: u64 = 60;

/// Below so much of it the log keeps as much as ever.
const AMPLE: u64 = 50;

/// From so much of the budget on nobody new is taken on.
const CROWDED: u64 = 75;

/// From so much of it on those go for whom most waits.
const HEAVY: u64 = 85;

/// Where memory has grown by so much of the budget it is asked before the next beat what the server holds.
const GROWN: u64 = 2;

/// Who is refused is asked to come back after so many seconds at least, and at most: not all at once.
const RETRY_AFTER: std::ops::RangeInclusive<u32> = 5..=30;

pub(crate) struct Load {
    max_connections: usize,
    /// In bytes; `None` where nobody can tell what there is.
    budget: Option<u64>,
    /// What of it is free to be used again.
    spare: Mutex<Spare>,
    /// What the process took at the last look and can't use again, in percent of the budget.
    percent: AtomicU64,
    /// Whether the log is to keep little.
    short: AtomicBool,
}

impl Load {
    pub(crate) fn new(config: &Config) -> Self {
        let share = || system::memory().map(|all| all / 100 * SHARE);
        Self {
            max_connections: config.max_connections.unwrap_or(usize::MAX),
            budget: config.memory_budget.or_else(share),
            spare: Mutex::default(),
            percent: AtomicU64::new(0),
            short: AtomicBool::new(false),
        }
    }

    /// Looks at what the process takes. What the server holds, log and outboxes together, is asked for with a beat, and else only
    /// where that may matter: somebody has to walk over all connections.
    pub(crate) fn look(&self, beats: bool, held: impl FnOnce() -> u64) {
        if let (Some(_), Some(resident)) = (self.budget, system::resident()) {
            self.look_at(resident, beats, held);
        }
    }

    fn look_at(&self, resident: u64, beats: bool, held: impl FnOnce() -> u64) {
        let Some(budget) = self.budget else { return };
        let asks = beats || self.spare().is_doubtful(resident, budget / 100 * GROWN);
        let counts = if asks {
            let held = held();
            self.spare().settle(resident, held)
        } else {
            self.spare().counts(resident)
        };
        let percent = counts.saturating_mul(100) / budget.max(1);
        let before = self.percent.swap(percent, Ordering::Relaxed);
        if (before < CROWDED) != (percent < CROWDED) {
            tracing::warn!(
                percent,
                budget,
                resident,
                "memory: whether clients are taken on has changed"
            );
        }
    }

    fn spare(&self) -> MutexGuard<'_, Spare> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether memory has become short, or no longer is; `None` if nothing has changed since this was asked.
    pub(crate) fn turned(&self) -> Option<bool> {
        let percent = self.percent.load(Ordering::Relaxed);
        let before = self.short.load(Ordering::Relaxed);
        let short = percent >= if before { AMPLE } else { SHORT };
        if short == before {
            return None;
        }
        self.short.store(short, Ordering::Relaxed);
        tracing::warn!(
            percent,
            short,
            "memory: how much history is kept has changed"
        );
        Some(short)
    }

    /// Whether one more may come, when there are so many.
    pub(crate) fn admits(&self, connections: usize) -> bool {
        connections < self.max_connections && self.percent.load(Ordering::Relaxed) < CROWDED
    }

    /// Whether some have to go.
    pub(crate) fn is_heavy(&self) -> bool {
        self.percent.load(Ordering::Relaxed) >= HEAVY
    }
}

/// After how many seconds somebody who is refused may try again.
pub(crate) fn retry_after() -> u32 {
    let spread = RETRY_AFTER.end() - RETRY_AFTER.start() + 1;
    RETRY_AFTER.start() + getrandom::u32().unwrap_or_default() % spread
}

#[cfg(target_os = "linux")]
mod system {
    //! What the kernel says.

    use std::fs::read_to_string;

    /// What the control group may take, or the machine has.
    pub(super) fn memory() -> Option<u64> {
        let group = [
            "/sys/fs/cgroup/memory.max",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        ];
        let limits = group.iter().filter_map(|path| read_to_string(path).ok());
        let limits = limits.filter_map(|text| text.trim().parse().ok());
        // "No limit" is a very large one.
        limits.chain(kilobytes("/proc/meminfo", "MemTotal:")).min()
    }

    /// What the process takes.
    pub(super) fn resident() -> Option<u64> {
        kilobytes("/proc/self/status", "VmRSS:")
    }

    fn kilobytes(path: &str, name: &str) -> Option<u64> {
        let text = read_to_string(path).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let number: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(number << 10)
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn the_kernel_tells() {
            let (all, taken) = (super::memory().unwrap(), super::resident().unwrap());
            assert!(taken > 100 << 10 && taken < all, "{taken} of {all}");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    //! Nobody asks other kernels.

    pub(super) fn memory() -> Option<u64> {
        None
    }

    pub(super) fn resident() -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(max_connections: Option<usize>, memory_budget: u64) -> Load {
        Load::new(&Config {
            max_connections,
            memory_budget: Some(memory_budget),
            ..Config::default()
        })
    }

    #[test]
    fn connections_are_admitted_up_to_the_limit() {
        let two = load(Some(2), u64::MAX);
        assert_eq!(
            [0, 1, 2, 3].map(|n| two.admits(n)),
            [true, true, false, false]
        );
        assert!(load(None, u64::MAX).admits(1_000_000));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_counts_from_the_next_look_on() {
        let small = load(None, 1);
        assert!(small.admits(0) && !small.is_heavy());
        assert_eq!(small.turned(), None);
        small.look(false, || 0);
        assert!(!small.admits(0) && small.is_heavy());
        assert_eq!((small.turned(), small.turned()), (Some(true), None));
        let large = load(None, 1 << 40);
        large.look(true, || 0);
        assert!(large.admits(0) && !large.is_heavy());
    }

    #[test]
    fn what_is_free_again_does_not_count_and_is_asked_for_before_the_beat_where_memory_grows() {
        let load = load(None, 1_000);
        load.look_at(200, true, || 100);
        load.look_at(900, false, || unreachable!("nothing is spare"));
        assert!(
            !load.admits(0) && load.is_heavy(),
            "what grows counts at once"
        );
        load.look_at(900, true, || 800);
        assert!(load.is_heavy());
        load.look_at(900, true, || 100);
        assert!(load.admits(0));
        assert_eq!(load.percent.load(Ordering::Relaxed), 20);
        // The log has taken it again, and a little more.
        load.look_at(919, false, || unreachable!("a little more"));
        assert_eq!(load.percent.load(Ordering::Relaxed), 21);
        load.look_at(920, false, || 800);
        assert!(load.is_heavy());
    }

    #[test]
    fn memory_is_short_from_60_percent_on_and_until_below_50() {
        let load = load(None, u64::MAX);
        let at = |percent: u64| {
            load.percent.store(percent, Ordering::Relaxed);
            load.turned()
        };
        let percents = [59, 60, 61, 50, 49, 59, 60];
        let turned = [None, Some(true), None, None, Some(false), None, Some(true)];
        assert_eq!(percents.map(at), turned);
    }

    #[test]
    fn who_is_refused_is_told_to_wait_for_5_to_30_s() {
        let all: std::collections::BTreeSet<u32> = (0..2_000).map(|_| retry_after()).collect();
        assert_eq!((all.first(), all.last()), (Some(&5), Some(&30)));
        assert!(all.len() > 20, "{all:?}");
    }
}
