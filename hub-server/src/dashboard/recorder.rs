//! [`DashboardRecorder`]: what the dashboard remembers of the process's metrics. It knows by name what it shows, and gives a
//! handle that does nothing for everything else, so that no application fills it with metrics of its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use super::HUB;
use super::buckets::{Buckets, Counts};
use crate::meter;

/// No gauge has more values than this by its label; what comes later is left out. Labels are the server's own names, of
/// hubs, transports and protocols.
const MAX_VALUES: usize = 1_024;

/// The dashboard's recorder of the `metrics` facade. Cheap to clone: all clones are one.
#[derive(Clone, Debug, Default)]
pub struct DashboardRecorder(Arc<Cells>);

#[derive(Debug, Default)]
struct Cells {
    /// Whether somebody has taken it to hear of anything.
    taken: AtomicBool,
    calls: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    gaps: Arc<AtomicU64>,
    slow: Arc<AtomicU64>,
    call_seconds: Arc<Buckets>,
    lag_seconds: Arc<Buckets>,
    transports: Values,
    protocols: Values,
    groups: Values,
    queued: Values,
    leases: Values,
}

/// A gauge, by its label.
#[derive(Debug, Default)]
struct Values(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Values {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<AtomicU64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gauge(&self, label: &str) -> Gauge {
        let mut values = self.lock();
        if let Some(value) = values.get(label) {
            return Gauge::from_arc(value.clone());
        }
        if values.len() >= MAX_VALUES {
            return Gauge::noop();
        }
        let value = Arc::<AtomicU64>::default();
        values.insert(label.to_owned(), value.clone());
        Gauge::from_arc(value)
    }

    fn read(&self) -> BTreeMap<String, u64> {
        let values = self.lock();
        let read = |(label, value): (&String, &Arc<AtomicU64>)| (label.clone(), amount(value));
        values.iter().map(read).collect()
    }

    fn sum(&self) -> u64 {
        self.lock().values().map(|value| amount(value)).sum()
    }
}

/// A gauge of how many there are.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast to an integer stays in its range"
)]
fn amount(gauge: &AtomicU64) -> u64 {
    f64::from_bits(gauge.load(Ordering::Acquire)).round() as u64
}

/// All that is known at one moment. Counts are those since the recorder was made.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    pub(super) transports: BTreeMap<String, u64>,
    pub(super) protocols: BTreeMap<String, u64>,
    pub(super) groups: u64,
    pub(super) queued: u64,
    pub(super) leases: u64,
    pub(super) calls: u64,
    pub(super) failed: u64,
    pub(super) gaps: u64,
    pub(super) slow: u64,
    pub(super) call_seconds: Counts,
    pub(super) lag_seconds: Counts,
}

impl DashboardRecorder {
    pub(super) fn take(&self) {
        self.0.taken.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_taken(&self) -> bool {
        self.0.taken.load(Ordering::Relaxed)
    }

    pub(super) fn read(&self) -> Reading {
        let cells = &self.0;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Reading {
            transports: cells.transports.read(),
            protocols: cells.protocols.read(),
            groups: cells.groups.sum(),
            queued: cells.queued.sum(),
            leases: cells.leases.sum(),
            calls: count(&cells.calls),
            failed: count(&cells.failed),
            gaps: count(&cells.gaps),
            slow: count(&cells.slow),
            call_seconds: cells.call_seconds.counts(),
            lag_seconds: cells.lag_seconds.counts(),
        }
    }
}

impl Recorder for DashboardRecorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let counter = match key.name() {
            meter::CALLS if is_own(key) => return Counter::noop(),
            meter::CALLS if label(key, "outcome") == "ok" => &self.0.calls,
            meter::CALLS => &self.0.failed,
            meter::GAPS => &self.0.gaps,
            meter::SLOW => &self.0.slow,
            _ => return Counter::noop(),
        };
        Counter::from_arc(counter.clone())
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let (values, name) = match key.name() {
            meter::CONNECTIONS => (&self.0.transports, "signalr.transport"),
            meter::PROTOCOLS => (&self.0.protocols, "protocol"),
            meter::GROUPS if !is_own(key) => (&self.0.groups, "hub"),
            meter::QUEUED => (&self.0.queued, "hub"),
            meter::LEASES => (&self.0.leases, "hub"),
            _ => return Gauge::noop(),
        };
        values.gauge(label(key, name))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let histogram = match key.name() {
            meter::CALL_SECONDS if !is_own(key) => &self.0.call_seconds,
            meter::LAG_SECONDS => &self.0.lag_seconds,
            _ => return Histogram::noop(),
        };
        Histogram::from_arc(histogram.clone())
    }
}

fn label<'k>(key: &'k Key, name: &str) -> &'k str {
    let found = key.labels().find(|label| label.key() == name);
    found.map(metrics::Label::value).unwrap_or_default()
}

/// Whether it is of the dashboard itself: who watches should see what there is without that.
fn is_own(key: &Key) -> bool {
    label(key, "hub") == HUB
}

#[cfg(test)]
mod tests {
    use metrics::{counter, gauge, histogram, with_local_recorder};

    use super::*;

    #[test]
    fn what_is_shown_is_summed_over_hubs_and_told_by_transport() {
        let recorder = DashboardRecorder::default();
        with_local_recorder(&recorder, || {
            for hub in ["chat", "foo", HUB] {
                counter!(meter::CALLS, "hub" => hub, "outcome" => "ok").increment(2);
                counter!(meter::CALLS, "hub" => hub, "outcome" => "error").increment(1);
                histogram!(meter::CALL_SECONDS, "hub" => hub).record(0.5);
                gauge!(meter::GROUPS, "hub" => hub).increment(1.0);
            }
            for hub in ["chat", "foo"] {
                gauge!(meter::QUEUED, "hub" => hub).set(9.0);
                gauge!(meter::QUEUED, "hub" => hub).set(5.0);
            }
            for transport in ["text", "web_sockets"] {
                meter::came(transport, "classic");
            }
            meter::went("text", "classic");
        });
        let read = recorder.read();
        assert_eq!((read.calls, read.failed), (4, 2));
        assert_eq!((read.groups, read.queued), (2, 10));
        assert_eq!(read.call_seconds.total(), 2);
        let transports: Vec<_> = read.transports.into_iter().collect();
        let expected = [("text", 0), ("web_sockets", 1)].map(|(name, n)| (name.to_owned(), n));
        assert_eq!(transports, expected);
        assert_eq!(read.protocols["classic"], 1);
    }

    #[test]
    fn an_application_can_not_fill_it() {
        let recorder = DashboardRecorder::default();
        with_local_recorder(&recorder, || {
            for n in 0..2 * MAX_VALUES {
                counter!("mine", "n" => n.to_string()).increment(1);
                gauge!(meter::LEASES, "hub" => n.to_string()).set(1.0);
            }
        });
        assert_eq!(recorder.read().leases, MAX_VALUES as u64);
    }
}
