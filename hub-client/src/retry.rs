//! How long to wait before the next attempt. Pure but for [`RetryPolicy::next`], which gives it a seed.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// How long a client waits before each attempt to reconnect: `first`, then `factor` times as long each time, at most
/// `cap`, and then spread by `jitter`, so that the clients of a server that went down don't all come back at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    first: Duration,
    factor: f64,
    cap: Duration,
    jitter: f64,
}

impl Default for RetryPolicy {
    /// Half a second, doubling up to five, each spread over ±50 %. The original waits two seconds each time; the
    /// server holds a connection for thirty by default, so a handful of attempts fit.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            factor: 2.0,
            cap: Duration::from_secs(5),
            jitter: 0.5,
        }
    }
}

impl RetryPolicy {
    /// The same wait before every attempt, not spread.
    #[must_use]
    pub const fn every(wait: Duration) -> Self {
        Self {
            first: wait,
            factor: 1.0,
            cap: wait,
            jitter: 0.0,
        }
    }

    /// The wait before the first attempt.
    #[must_use]
    pub const fn first(mut self, wait: Duration) -> Self {
        self.first = wait;
        self
    }

    /// By how much each wait is longer than the one before; at least 1.
    #[must_use]
    pub const fn factor(mut self, factor: f64) -> Self {
        self.factor = factor.max(1.0);
        self
    }

    /// The longest wait, before it is spread.
    #[must_use]
    pub const fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// How far each wait is spread to both sides, as a part of it between 0 and 1. Applied after the cap: spreading
    /// before it would let all clients meet at the cap again.
    #[must_use]
    pub const fn jitter(mut self, part: f64) -> Self {
        self.jitter = part.clamp(0.0, 1.0);
        self
    }

    /// The wait before attempt number `attempt`, counted from 0, by chance as far as that goes.
    pub(crate) fn next(&self, attempt: u32) -> Duration {
        self.delay(attempt, RandomState::new().build_hasher().finish())
    }

    /// The wait before attempt number `attempt`, counted from 0.
    pub(crate) fn delay(&self, attempt: u32, seed: u64) -> Duration {
        let exponent = i32::try_from(attempt).unwrap_or(i32::MAX);
        let longest = self.cap.as_secs_f64();
        let grown = self.first.as_secs_f64() * self.factor.powi(exponent);
        // Also catches what is no number any more after many attempts.
        let capped = if grown < longest { grown } else { longest };
        let spread = 1.0 + self.jitter * (2.0 * unit(seed) - 1.0);
        Duration::try_from_secs_f64(capped * spread).unwrap_or(self.cap)
    }
}

/// A number in [0, 1) from the seed's upper 53 bits.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
fn unit(seed: u64) -> f64 {
    (seed >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDDLE: u64 = 1 << 63;

    #[test]
    fn waits_grow_up_to_the_cap() {
        let policy = RetryPolicy::default();
        let waits: Vec<_> = (0..6)
            .map(|n| policy.delay(n, MIDDLE).as_millis())
            .collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 5000, 5000]);
    }

    #[test]
    fn waits_are_spread_after_the_cap() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.delay(9, 0), Duration::from_millis(2500));
        let most = policy.delay(9, u64::MAX);
        assert!(most > Duration::from_millis(7499) && most < Duration::from_millis(7501));
        let seeds = (0..1000u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let waits: std::collections::BTreeSet<_> =
            seeds.map(|seed| policy.delay(20, seed)).collect();
        assert!(waits.len() > 990, "clients must not meet again at the cap");
    }

    #[test]
    fn any_attempt_and_any_policy_give_a_wait() {
        for policy in [
            RetryPolicy::default().factor(f64::NAN).jitter(f64::NAN),
            RetryPolicy::default().factor(f64::INFINITY),
            RetryPolicy::default().first(Duration::ZERO),
            RetryPolicy::every(Duration::MAX).jitter(1.0),
        ] {
            for attempt in [0, 1, 1000, u32::MAX] {
                for seed in [0, MIDDLE, u64::MAX] {
                    policy.delay(attempt, seed);
                }
            }
        }
    }

    #[test]
    fn every_waits_the_same() {
        let policy = RetryPolicy::every(Duration::from_secs(2));
        for (attempt, seed) in [(0, 0), (1, MIDDLE), (100, u64::MAX)] {
            assert_eq!(policy.delay(attempt, seed), Duration::from_secs(2));
        }
    }
}
