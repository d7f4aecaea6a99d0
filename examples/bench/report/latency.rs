//! How long the slowest hundredth waits, in times of the reference's.

use std::fmt::{self, Write as _};

use super::{REFERENCE, Report, Spread, mark};
use crate::{
    Plan,
    child::{ROWS, Row},
    scenario::Scenario,
};

impl Report {
    pub(super) fn latency_rows(&self, plan: &Plan, out: &mut String) -> fmt::Result {
        let rows: Vec<_> = self.latencies(plan).collect();
        if rows.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "p99 in times of that of {REFERENCE} in the same round, median (min-max): less is better\n\n\
             {:10} {:12} {:19} {:>5}",
            "scenario", "server", "p99", "must"
        )?;
        for (scenario, row, most, Spread { min, median, max }) in rows {
            let over = mark(median > most, '-');
            let times = format!("{median:.2} ({min:.2}-{max:.2})");
            writeln!(
                out,
                "{:10} {:12} {times:17}{over:2} {most:5.1}",
                scenario.name(),
                row.name
            )?;
        }
        writeln!(out)
    }

    /// Of our own server, where something is asked of it: what, and what was measured.
    pub(super) fn latencies(
        &self,
        plan: &Plan,
    ) -> impl Iterator<Item = (Scenario, Row, f64, Spread)> {
        let ours = ROWS.iter().copied().filter(|row| row.is_ours());
        ours.flat_map(move |row| {
            plan.scenarios.iter().filter_map(move |&scenario| {
                let most = scenario.most_p99()?;
                Some((scenario, row, most, self.latency(scenario, row)?))
            })
        })
    }

    fn latency(&self, scenario: Scenario, row: Row) -> Option<Spread> {
        let reference = self.samples_of(scenario, REFERENCE);
        let samples = self.samples_of(scenario, row.name);
        Spread::of(samples.iter().filter_map(|(round, sample)| {
            let (_, reference) = reference.iter().find(|(other, _)| other == round)?;
            let p99 = sample.latency?.p99.as_secs_f64();
            Some(p99 / reference.latency?.p99.as_secs_f64().max(f64::MIN_POSITIVE))
        }))
    }
}
