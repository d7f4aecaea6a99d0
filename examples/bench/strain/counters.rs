//! [`Counters`]: the counters of the server's metrics, and nothing else of them: what keeps samples would grow under strain by itself.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// By their names, whatever their labels are.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters(Arc<Mutex<HashMap<String, Arc<AtomicU64>>>>);

impl Counters {
    pub(super) fn of(&self, name: &str) -> u64 {
        let counter = self.all().get(name).cloned();
        counter.map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<AtomicU64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let mut all = self.all();
        let counter = all.entry(key.name().to_owned()).or_default();
        Counter::from_arc(Arc::clone(counter))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_the_sum_over_its_labels() {
        let counters = Counters::default();
        metrics::with_local_recorder(&counters, || {
            metrics::counter!("sends", "why" => "a").increment(3);
            metrics::counter!("sends", "why" => "b").increment(4);
            metrics::counter!("others").increment(7);
        });
        assert_eq!(
            ["sends", "others", "none"].map(|name| counters.of(name)),
            [7, 7, 0]
        );
    }
}
