//! [`Flow`]: whether a client takes what is written to it. Who takes next to nothing is as stuck as who takes nothing: it holds an
//! outbox, and never gets to the end of it.

use std::time::Duration;

use tokio::time::Instant;

/// So many bytes a client has to take within the write timeout, unless that is all there is: with the usual timeout 400 a second.
const LEAST: usize = 4 * 1024;

/// How it goes with what waits for a client.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flow {
    /// When something waited that its client did not take, or when it last had taken enough.
    since: Option<Instant>,
    /// What it has taken since then.
    taken: usize,
}

impl Flow {
    /// Something waits that can't be written now.
    pub(crate) fn block(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// The client has taken some of what waits.
    pub(crate) fn take(&mut self, bytes: usize) {
        if self.is_blocked() {
            self.taken += bytes;
        }
        if self.taken >= LEAST {
            self.clear();
        }
    }

    /// Nothing waits any more.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether something waits that can't be written.
    pub(crate) fn is_blocked(&self) -> bool {
        self.since.is_some()
    }

    /// When its client has taken too little for so long, if it goes on like this.
    pub(crate) fn deadline(&self, timeout: Duration) -> Option<Instant> {
        self.since.and_then(|since| since.checked_add(timeout))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    #[test]
    fn who_takes_enough_has_the_whole_time_again_and_who_takes_little_has_not() {
        let start = Instant::now();
        let second = |n| start + Duration::from_secs(n);
        let mut flow = Flow::default();
        assert_eq!(flow.deadline(TIMEOUT), None);
        flow.block(start);
        for n in 1..9 {
            flow.take(LEAST / 10);
            flow.block(second(n));
            assert_eq!(flow.deadline(TIMEOUT), Some(second(10)), "{n}");
        }
        flow.take(LEAST / 5 + 10);
        assert!(!flow.is_blocked());
        flow.block(second(9));
        assert_eq!(flow.deadline(TIMEOUT), Some(second(19)));
        // What it took before does not count twice.
        flow.take(LEAST - 1);
        flow.block(second(10));
        assert_eq!(flow.deadline(TIMEOUT), Some(second(19)));
        flow.clear();
        assert_eq!(flow.deadline(TIMEOUT), None);
    }
}
