//! What a run prints: a JSON line per measurement, and a table of ratios.

mod durable;
mod floor;
mod latency;
mod memory;
mod spread;

use std::{
    fmt::{self, Write as _},
    fs::File,
    io::{self, Write},
    time::Duration,
};

use serde_json::json;
pub(crate) use spread::Spread;

use crate::{
    Plan,
    chart::Ratio,
    child::{REFERENCE, ROWS, Row},
    durable::{NAME as DURABLE, Store},
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
    durable: Vec<(Store, usize, Sample)>,
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
            durable: Vec::new(),
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
        self.measured(&scenario.name(), row.name, round, &sample)?;
        self.samples.push((row, scenario, round, sample));
        Ok(())
    }

    pub(crate) fn durable(&mut self, of: Store, round: usize, sample: Sample) -> io::Result<()> {
        self.measured(DURABLE, of.name(), round, &sample)?;
        self.durable.push((of, round, sample));
        Ok(())
    }

    fn measured(
        &mut self,
        scenario: &str,
        row: &str,
        round: usize,
        sample: &Sample,
    ) -> io::Result<()> {
        let microseconds = |duration: Duration| duration.as_secs_f64() * 1e6;
        self.line(&json!({
            "scenario": scenario,
            "row": row,
            "round": round + 1,
            "messages": sample.messages,
            "seconds": sample.wall.as_secs_f64(),
            "cpu_us_per_message": sample.cpu_per_message(),
            "messages_per_second": sample.messages_per_second(),
            "p50_us": sample.latency.map(|latency| microseconds(latency.p50)),
            "p99_us": sample.latency.map(|latency| microseconds(latency.p99)),
            "load_cpu_share": sample.load_share(),
        }))
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

    /// The table, as text.
    pub(crate) fn table(
        &self,
        plan: &Plan,
        pinned: bool,
        others: f64,
    ) -> Result<String, fmt::Error> {
        let pinned = if pinned {
            "one core each for server and load"
        } else {
            "NOT pinned: no taskset or one core"
        };
        let (Plan { rounds, size, .. }, mut out) =
            (plan, format!("every server on {RUNTIME}; {pinned}"));
        if self.samples.is_empty() {
            writeln!(out)?;
        } else {
            let (echo, subscribers) = (size.echo, size.subscribers);
            writeln!(out, "; {rounds} rounds of {:?}", plan.timing.round)?;
            writeln!(
                out,
                "{echo} connections for echo, {subscribers} subscribers for fan-out and paced"
            )?;
            writeln!(
                out,
                "ratio: work per CPU second of the server against {REFERENCE} in the same round, median (min-max)"
            )?;
            let percent = others * 100.0;
            writeln!(
                out,
                "other programs used {percent:.0} % of this machine; op/s and latency suffer first, ratios last"
            )?;
            let (p50, p99) = ("p50 ms", "p99 ms");
            let (scenario, server, cpu, ratio, load) =
                ("scenario", "server", "CPU us/op", "ratio", "load CPU");
            writeln!(
                out,
                "\n{scenario:10} {server:12} {cpu:>9}  {ratio:19} {:9} {:>9} {p50:>9} {p99:>9} {load:>9}",
                "must/aim", "op/s"
            )?;
        }
        for scenario in &plan.scenarios {
            for row in ROWS {
                self.row(*scenario, *row, &mut out)?;
            }
            writeln!(out)?;
        }
        self.latency_rows(plan, &mut out)?;
        self.durable_rows(&mut out)?;
        self.memory_rows(&mut out)?;
        writeln!(
            out,
            "~ rounds far apart, repeat   - below must   ! the load generator was above {BUSY}: op/s and latency are its own"
        )?;
        Ok(out)
    }

    fn row(&self, scenario: Scenario, row: Row, out: &mut String) -> fmt::Result {
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
        let ratio = self.ratio(scenario, row);
        let (Some(cpu), Some(rate), Some(load), Some(ratio)) = (
            of(Sample::cpu_per_message),
            of(Sample::messages_per_second),
            of(Sample::load_share),
            ratio,
        ) else {
            return Ok(());
        };
        let targets = ratio.targets;
        let below = mark(targets.is_some_and(|(must, _)| ratio.median < must), '-');
        let targets = targets.map(|(must, aim)| format!("{must:.2}/{aim:.2}"));
        let targets = targets.unwrap_or_default();
        let apart = mark(ratio.max > ratio.min * SPREAD, '~');
        let ratio = format!("{:.2} ({:.2}-{:.2})", ratio.median, ratio.min, ratio.max);
        let p50 = milliseconds(|sample| Some(sample.latency?.p50));
        let p99 = milliseconds(|sample| Some(sample.latency?.p99));
        let (name, row, cpu, rate, share) = (
            scenario.name(),
            row.name,
            cpu.median,
            rate.median,
            load.median * 100.0,
        );
        let busy = mark(load.max > BUSY, '!');
        writeln!(
            out,
            "{name:10} {row:12} {cpu:9.2}  {ratio:16}{apart:1}{below:1} {targets:9} {rate:9.0} {p50:>9} {p99:>9} {share:>7.0} %{busy}"
        )
    }

    /// The ratios of all rows that were measured, for a picture.
    pub(crate) fn ratios(&self, plan: &Plan) -> Vec<Ratio> {
        let rows = |scenario: &Scenario| {
            let scenario = *scenario;
            ROWS.iter()
                .filter_map(move |row| self.ratio(scenario, *row))
        };
        plan.scenarios.iter().flat_map(rows).collect()
    }

    fn ratio(&self, scenario: Scenario, row: Row) -> Option<Ratio> {
        let reference = self.samples_of(scenario, REFERENCE);
        let samples = self.samples_of(scenario, row.name);
        let ratios = samples.iter().filter_map(|(round, sample)| {
            let (_, reference) = reference.iter().find(|(other, _)| other == round)?;
            Some(reference.cpu_per_message() / sample.cpu_per_message())
        });
        let Spread { min, median, max } = Spread::of(ratios)?;

        Some(Ratio {
            scenario: scenario.name(),
            server: row.name,
            min,
            median,
            max,
            targets: row.is_ours().then(|| scenario.must_and_aim()),
        })
    }

    fn samples_of(&self, scenario: Scenario, row: &str) -> Vec<(usize, &Sample)> {
        let mine = self
            .samples
            .iter()
            .filter(|(of, measured, ..)| of.name == row && *measured == scenario);
        mine.map(|(_, _, round, sample)| (*round, sample)).collect()
    }
}

fn mark(set: bool, mark: char) -> char {
    if set { mark } else { ' ' }
}
