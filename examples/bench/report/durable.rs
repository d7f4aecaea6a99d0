//! The rows of queued messages on a disk.

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

use super::{Report, SPREAD, Spread, mark};
use crate::{
    durable::{self, Store},
    measure::{Latency, Sample},
};

/// How many receipts a second our server must give, times the rows of redb alone.
pub(super) const DURABLE: f64 = 0.6;

impl Report {
    pub(super) fn durable_rows(&self, out: &mut String) -> fmt::Result {
        if self.durable.is_empty() {
            return Ok(());
        }
        let (tasks, bytes) = (durable::TASKS, durable::BODY);
        writeln!(
            out,
            "\nbodies of {bytes} bytes queued by {tasks} tasks at once; redb alone writes {tasks} rows a transaction\n\n\
             {:10} {:12} {:>9}  {:19} {:9} {:>9} {:>9} {:>9}",
            "scenario", "store", "CPU us/op", "ratio of op/s", "must", "op/s", "p50 ms", "p99 ms"
        )?;
        for store in durable::STORES {
            let median = |figure: &dyn Fn(&Sample) -> Option<f64>| {
                let figures = self
                    .rounds_of(store)
                    .filter_map(|(_, sample)| figure(sample));
                Spread::of(figures).map_or(f64::NAN, |spread| spread.median)
            };
            let latency = |of: fn(Latency) -> Duration| {
                median(&|sample| Some(of(sample.latency?).as_secs_f64() * 1e3))
            };
            let Some(Spread {
                min,
                median: ratio,
                max,
            }) = self.durable_ratio(store)
            else {
                continue;
            };
            let hub = store == Store::Hub;
            let below = mark(hub && ratio < DURABLE, '-');
            let apart = mark(max > min * SPREAD, '~');
            let must = if hub {
                format!("{DURABLE:.2}")
            } else {
                String::new()
            };
            writeln!(
                out,
                "{:10} {:12} {:9.2}  {:16}{apart:1}{below:1} {must:9} {:9.0} {:>9.3} {:>9.3}",
                durable::NAME,
                store.name(),
                median(&|sample| Some(sample.cpu_per_message())),
                format!("{ratio:.2} ({min:.2}-{max:.2})"),
                median(&|sample| Some(sample.messages_per_second())),
                latency(|latency| latency.p50),
                latency(|latency| latency.p99),
            )?;
        }
        writeln!(out)
    }

    /// Receipts a second, in units of redb's rows in the same round.
    pub(super) fn durable_ratio(&self, store: Store) -> Option<Spread> {
        Spread::of(self.rounds_of(store).filter_map(|(round, sample)| {
            let (_, bare) = self
                .rounds_of(Store::Bare)
                .find(|(other, _)| *other == round)?;
            Some(sample.messages_per_second() / bare.messages_per_second())
        }))
    }

    fn rounds_of(&self, store: Store) -> impl Iterator<Item = (usize, &Sample)> {
        let all = self.durable.iter().filter(move |(of, ..)| *of == store);
        all.map(|(_, round, sample)| (*round, sample))
    }
}
