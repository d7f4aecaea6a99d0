//! [`Buckets`]: how long things took, as counts in buckets that grow by a twelfth: percentiles are right within 5 %, and a
//! histogram takes 2 KiB however much it has seen.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics::HistogramFn;

/// What doubles a duration is so many buckets.
const PER_OCTAVE: f64 = 8.0;

/// The first bucket ends here: 100 ns. The last one begins after about 7 minutes.
const LEAST: f64 = 1e-7;

const BUCKETS: usize = 256;

/// Seconds, counted.
#[derive(Debug)]
pub(super) struct Buckets([AtomicU64; BUCKETS]);

impl Default for Buckets {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }
}

impl HistogramFn for Buckets {
    fn record(&self, seconds: f64) {
        if let Some(bucket) = self.0.get(bucket(seconds)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Buckets {
    /// What has been counted so far.
    pub(super) fn counts(&self) -> Counts {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        Counts(counts.collect())
    }
}

/// The bucket of a duration. What is no number counts as nothing.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast to an integer stays in its range"
)]
fn bucket(seconds: f64) -> usize {
    let above = (seconds / LEAST).log2() * PER_OCTAVE;
    (above.ceil() as usize).min(BUCKETS - 1)
}

/// What stands for a bucket: the middle of it, as its durations are spread by their logarithm.
#[allow(clippy::cast_precision_loss, reason = "there are 256 of them")]
fn middle(bucket: usize) -> f64 {
    LEAST * ((bucket as f64 - 0.5) / PER_OCTAVE).exp2()
}

/// Counts of one moment, or between two.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts(Vec<u64>);

impl Counts {
    /// What has been counted since.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let earlier = earlier.0.iter().chain(std::iter::repeat(&0));
        let counts = self.0.iter().zip(earlier);
        Self(
            counts
                .map(|(now, then)| now.saturating_sub(*then))
                .collect(),
        )
    }

    pub(super) fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// How long the quickest took of which this part, from 0 to 1, was no slower; `None` if there were none.
    #[allow(
        clippy::cast_precision_loss,
        reason = "nobody counts as far as that in a second"
    )]
    pub(super) fn quantile(&self, part: f64) -> Option<f64> {
        let total = self.total();
        let rank = (total as f64 * part).ceil().max(1.0);
        let mut below = 0.0;
        let found = self.0.iter().position(|count| {
            below += *count as f64;
            below >= rank
        });
        found.map(middle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_near(found: Option<f64>, expected: f64) {
        let found = found.unwrap();
        let off = (found / expected - 1.0).abs();
        assert!(off < 0.05, "{found} in place of {expected}");
    }

    #[test]
    fn percentiles_are_right_within_a_twentieth() {
        let buckets = Buckets::default();
        for milliseconds in 1..=1_000 {
            buckets.record(f64::from(milliseconds) / 1e3);
        }
        let counts = buckets.counts();
        assert_eq!(counts.total(), 1_000);
        for (part, expected) in [
            (0.01, 0.01),
            (0.5, 0.5),
            (0.95, 0.95),
            (0.99, 0.99),
            (1.0, 1.0),
        ] {
            is_near(counts.quantile(part), expected);
        }
        // A few slow ones are seen where they are, and nowhere else.
        let buckets = Buckets::default();
        buckets.record_many(20e-6, 980);
        buckets.record_many(3.0, 20);
        let counts = buckets.counts();
        is_near(counts.quantile(0.5), 20e-6);
        is_near(counts.quantile(0.98), 20e-6);
        is_near(counts.quantile(0.99), 3.0);
    }

    #[test]
    fn only_what_is_new_counts() {
        let buckets = Buckets::default();
        buckets.record_many(1.0, 100);
        let before = buckets.counts();
        assert!(buckets.counts().since(&before).quantile(0.5).is_none());
        buckets.record(0.001);
        let new = buckets.counts().since(&before);
        assert_eq!(new.total(), 1);
        is_near(new.quantile(0.5), 0.001);
        is_near(new.quantile(0.99), 0.001);
        assert_eq!(before.since(&Counts::default()).total(), 100);
    }

    #[test]
    fn whatever_it_is_told_has_its_bucket() {
        let buckets = Buckets::default();
        for seconds in [
            0.0,
            -1.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            1e300,
            1e-300,
        ] {
            buckets.record(seconds);
        }
        assert_eq!(buckets.counts().total(), 7);
    }
}
