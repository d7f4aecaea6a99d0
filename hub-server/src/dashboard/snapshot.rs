//! [`Snapshot`]: what the dashboard shows of one second, made of what was read at its ends.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::buckets::Counts;
use super::recorder::Reading;

/// One second of the process, as the page gets it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Snapshot {
    /// When it was made: milliseconds since the server was built.
    pub(super) at: u64,
    transports: BTreeMap<String, u64>,
    protocols: BTreeMap<String, u64>,
    groups: u64,
    /// Messages that are kept for clients, and how many clients are known to come back.
    queued: u64,
    leases: u64,
    /// Per second, those that failed among them.
    calls: f64,
    failed: f64,
    /// Of the calls that ended in this second.
    latency: Option<Percentiles>,
    /// What was sent per second, and how long it took until it was with this node's connections.
    sent: f64,
    lag: Option<Percentiles>,
    /// So many were new in this second, and all there were.
    gaps: u64,
    slow: u64,
    all_gaps: u64,
    all_slow: u64,
}

/// 50, 95 and 99 %, in milliseconds.
type Percentiles = [f64; 3];

impl Snapshot {
    /// What happened between two readings.
    pub(super) fn between(then: &Reading, now: &Reading, at: Duration, took: Duration) -> Self {
        let rate = |now: u64, then: u64| {
            let per_second = count(now.saturating_sub(then)) / took.as_secs_f64().max(1e-3);
            (per_second * 10.0).round() / 10.0
        };
        let all = |of: &Reading| of.calls + of.failed;
        Self {
            at: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            transports: now.transports.clone(),
            protocols: now.protocols.clone(),
            groups: now.groups,
            queued: now.queued,
            leases: now.leases,
            calls: rate(all(now), all(then)),
            failed: rate(now.failed, then.failed),
            latency: percentiles(&now.call_seconds.since(&then.call_seconds)),
            sent: rate(now.lag_seconds.total(), then.lag_seconds.total()),
            lag: percentiles(&now.lag_seconds.since(&then.lag_seconds)),
            gaps: now.gaps.saturating_sub(then.gaps),
            slow: now.slow.saturating_sub(then.slow),
            all_gaps: now.gaps,
            all_slow: now.slow,
        }
    }
}

fn percentiles(counts: &Counts) -> Option<Percentiles> {
    let at = |part| Some((counts.quantile(part)? * 1e6).round() / 1e3);
    Some([at(0.5)?, at(0.95)?, at(0.99)?])
}

#[allow(
    clippy::cast_precision_loss,
    reason = "nothing here is counted as far as that"
)]
fn count(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use metrics::{counter, histogram, with_local_recorder};

    use super::super::recorder::DashboardRecorder;
    use super::*;
    use crate::meter;

    #[test]
    fn rates_are_of_the_time_between_and_percentiles_of_what_ended_in_it() {
        let recorder = DashboardRecorder::default();
        let called = |times: u64, seconds: f64| {
            with_local_recorder(&recorder, || {
                counter!(meter::CALLS, "hub" => "foo", "outcome" => "ok").increment(times);
                for _ in 0..times {
                    histogram!(meter::CALL_SECONDS, "hub" => "foo").record(seconds);
                }
            });
            recorder.read()
        };
        let (before, now) = (called(1_000, 9.0), called(100, 0.002));
        let second = Duration::from_secs(1);
        let snapshot = Snapshot::between(&before, &now, second, second * 2);
        assert_eq!(
            (snapshot.at, snapshot.calls, snapshot.failed),
            (1_000, 50.0, 0.0)
        );
        let latency = snapshot.latency.unwrap();
        assert!(
            latency.iter().all(|ms| (ms / 2.0 - 1.0).abs() < 0.05),
            "{latency:?}"
        );
        let quiet = Snapshot::between(&now, &now, second, second);
        assert_eq!((quiet.calls, quiet.latency), (0.0, None));
    }
}
