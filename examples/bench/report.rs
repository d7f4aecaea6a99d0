//! What a run prints: a JSON line per measurement, and a table of ratios.

use std::{
    fs::File,
    io::{self, Write},
    time::Duration,
};

use serde_json::json;

use crate::{
    Plan,
    child::{REFERENCE, ROWS, Row},
    measure::Sample,
    scenario::{Memory, Scenario},
    serve::RUNTIME,
};

/// Above this share of its core the load generator measures itself.
const BUSY: f64 = 0.9;
/// Rounds further apart than this say little.
const SPREAD: f64 = 1.3;

pub(crate) struct Report {
    json: Option<Box<dyn Write>>,
    samples: Vec<(Row, Scenario, usize, Sample)>,
    memory: Vec<(Row, Memory)>,
}

impl Report {
    /// `json` is a file to write to; the empty name stands for stdout.
    pub(crate) fn new(json: Option<&str>) -> io::Result<Self> {
        let json: Option<Box<dyn Write>> = match json {
            None => None,
            Some("") => Some(Box::new(io::stdout())),
            Some(name) => Some(Box::new(File::create(name)?)),
        };
        Ok(Self {
            json,
            samples: Vec::new(),
            memory: Vec::new(),
        })
    }

    pub(crate) fn sample(
        &mut self,
        row: Row,
        scenario: Scenario,
        round: usize,
        sample: Sample,
    ) -> io::Result<()> {
        let microseconds = |duration: Duration| duration.as_secs_f64() * 1e6;
        self.line(&json!({
            "scenario": scenario.name(),
            "row": row.name,
            "round": round + 1,
            "messages": sample.messages,
            "seconds": sample.wall.as_secs_f64(),
            "cpu_us_per_message": sample.cpu_per_message(),
            "messages_per_second": sample.messages_per_second(),
            "p50_us": sample.latency.map(|latency| microseconds(latency.p50)),
            "p99_us": sample.latency.map(|latency| microseconds(latency.p99)),
            "load_cpu_share": sample.load_share(),
        }))?;
        self.samples.push((row, scenario, round, sample));
        Ok(())
    }

    pub(crate) fn memory(
        &mut self,
        row: Row,
        connections: usize,
        memory: Memory,
    ) -> io::Result<()> {
        self.line(&json!({
            "scenario": "memory",
            "row": row.name,
            "connections": connections,
            "idle_bytes_per_connection": memory.idle,
            "bytes_per_connection": memory.used,
        }))?;
        self.memory.push((row, memory));
        Ok(())
    }

    fn line(&mut self, line: &serde_json::Value) -> io::Result<()> {
        match &mut self.json {
            Some(out) => writeln!(out, "{line}"),
            None => Ok(()),
        }
    }

    pub(crate) fn print(&self, plan: &Plan, pinned: bool) {
        let pinned = if pinned {
            "one core each for server and load"
        } else {
            "NOT pinned: no taskset or one core"
        };
        println!(
            "\n{} rounds of {:?}, {} echo connections, {} subscribers; every server on {RUNTIME}; {pinned}.",
            plan.rounds, plan.timing.round, plan.size.echo, plan.size.subscribers
        );
        println!(
            "ratio: work per CPU second of the server against {REFERENCE} in the same round, median (min-max)\n"
        );
        println!(
            "{:9} {:12} {:>9}  {:18} {:>9} {:>10} {:>10} {:>9}",
            "scenario", "server", "CPU us/op", "ratio", "op/s", "p50 ms", "p99 ms", "load CPU"
        );
        for scenario in &plan.scenarios {
            for row in ROWS {
                self.print_row(*scenario, *row);
            }
            println!();
        }
        self.print_memory();
        println!(
            "! the load generator was above {BUSY}: op/s and latency are its own. ~ rounds far apart: repeat."
        );
    }

    fn print_row(&self, scenario: Scenario, row: Row) {
        let samples = self.samples_of(scenario, row.name);
        let of = |figure: fn(&Sample) -> f64| {
            Spread::of(samples.iter().map(|(_, sample)| figure(sample)))
        };
        let milliseconds = |figure: fn(&Sample) -> Option<Duration>| {
            let all = samples
                .iter()
                .filter_map(|(_, sample)| figure(sample))
                .map(|time| time.as_secs_f64() * 1e3);
            Spread::of(all).map_or_else(|| "-".to_owned(), |spread| format!("{:.3}", spread.median))
        };
        let reference = self.samples_of(scenario, REFERENCE);
        let ratio = Spread::of(samples.iter().filter_map(|(round, sample)| {
            let (_, reference) = reference.iter().find(|(other, _)| other == round)?;
            Some(reference.cpu_per_message() / sample.cpu_per_message())
        }));
        let (Some(cpu), Some(rate), Some(load), Some(ratio)) = (
            of(Sample::cpu_per_message),
            of(Sample::messages_per_second),
            of(Sample::load_share),
            ratio,
        ) else {
            return;
        };
        println!(
            "{:9} {:12} {:9.2}  {:18} {:9.0} {:>10} {:>10} {:>7.0} %{}",
            scenario.name(),
            row.name,
            cpu.median,
            format!(
                "{:.2} ({:.2}-{:.2}){}",
                ratio.median,
                ratio.min,
                ratio.max,
                mark(ratio.max > ratio.min * SPREAD, '~')
            ),
            rate.median,
            milliseconds(|sample| Some(sample.latency?.p50)),
            milliseconds(|sample| Some(sample.latency?.p99)),
            load.median * 100.0,
            mark(load.max > BUSY, '!'),
        );
    }

    fn print_memory(&self) {
        let Some((_, reference)) = self.memory.iter().find(|(row, _)| row.name == REFERENCE) else {
            return;
        };
        println!(
            "{:9} {:12} {:>9} {:>18} {:>16}",
            "scenario", "server", "KiB/conn", "of raw-tuned", "KiB before echo"
        );
        for (row, memory) in &self.memory {
            let (used, idle) = (memory.used / 1024.0, memory.idle / 1024.0);
            println!(
                "{:9} {:12} {used:9.1} {:>17.2}x {idle:16.1}",
                "memory",
                row.name,
                memory.used / reference.used
            );
        }
        println!();
    }

    fn samples_of(&self, scenario: Scenario, row: &str) -> Vec<(usize, &Sample)> {
        let mine = self
            .samples
            .iter()
            .filter(|(of, measured, ..)| of.name == row && *measured == scenario);
        mine.map(|(_, _, round, sample)| (*round, sample)).collect()
    }
}

fn mark(set: bool, mark: char) -> String {
    if set {
        format!(" {mark}")
    } else {
        String::new()
    }
}

struct Spread {
    min: f64,
    median: f64,
    max: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        let median = if values.len() % 2 == 1 {
            upper
        } else {
            (values.get(middle - 1)? + upper) / 2.0
        };
        Some(Self {
            min: *values.first()?,
            median,
            max: *values.last()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let spread =
            |values: &[f64]| Spread::of(values.iter().copied()).map(|spread| spread.median);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(spread(&[]), None);
    }
}
