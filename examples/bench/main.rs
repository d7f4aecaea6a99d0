//! The project's own benchmark: our server next to plain tokio-tungstenite, as work per CPU second.
//!
//! Every server is a child process of this binary on a core of its own; the parent is the load generator. Only the
//! ratios within one run mean something: absolute figures move by a factor of two on shared machines.
//!
//! ```text
//! cargo run --release -p examples --bin bench [-- --quick | --full] [--only SCENARIO] [--floor SHARE] [--json[=FILE]] [--chart=FILE]
//! bench growth [--quick] [--only TABLE]
//! bench strain [slow|overload|storm] [--quick]
//! bench serve raw-default|raw-tuned|hub|growth|strain --port PORT
//! ```

// Counts become ratios: nothing here comes near 2^53.
#![allow(clippy::cast_precision_loss)]

mod chart;
mod child;
mod classic;
mod durable;
mod frame;
mod growth;
mod hub;
mod measure;
mod negotiated;
mod raw;
mod report;
mod scenario;
mod serve;
mod socket;
mod strain;
mod swarm;
mod table;
#[cfg(test)]
mod tests;
mod wire;

use std::{env, fs, io, process::ExitCode, time::Duration};

use child::{Cores, ROWS, Row, Server, cpu, machine};
use measure::Timing;
use report::Report;
use scenario::{Scenario, Size};

const USAGE: &str =
    "usage: bench [--quick | --full] [--rounds N] [--only SCENARIO[,SCENARIO]] [--floor SHARE]
             [--json[=FILE]] [--chart=FILE]
       bench growth [--quick] [--only TABLE[,TABLE]]
       bench strain [slow|overload|storm] [--quick]
       bench serve ROW [--port PORT]
       bench durable redb|hub WARM_UP ROUND

  --quick  3 rounds of 0.5 s with fewer connections, and --floor 0.5: a smoke test
  --full   5 rounds of 1.5 s, and memory
  --only   of echo-1, echo-16, fan-out, paced, connect, negotiated, durable, memory
  --floor  fail when a ratio is below this share of what must be reached
  --json   one JSON line per measurement, to stdout or to a file
  --chart  the ratios as a picture (SVG)

growth prints how costs grow, as Markdown: deliveries, groups, resume, memory
strain puts a server under it, and fails where it does not hold: slow readers, three times what it can do, a storm";

/// A short run on a shared machine says no more than this.
const QUICK_FLOOR: f64 = 0.5;

/// What to run.
#[derive(Debug)]
struct Plan {
    rounds: usize,
    timing: Timing,
    size: Size,
    scenarios: Vec<Scenario>,
    /// Whether queued messages are written to a disk.
    durable: bool,
    /// Connections of the memory scenario, which only some plans have.
    memory: Option<usize>,
    /// Below this share of what must be reached the run fails.
    floor: Option<f64>,
    json: Option<String>,
    chart: Option<String>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.split_first() {
        Some((&"serve", rest)) => serve::run(rest),
        Some((&durable::NAME, rest)) => durable::run(rest),
        Some((&growth::NAME, rest)) => {
            growth::run(rest).unwrap_or_else(|| Err(io::Error::other(USAGE)))
        }
        Some((&strain::NAME, rest)) => {
            strain::run(rest).unwrap_or_else(|| Err(io::Error::other(USAGE)))
        }
        _ => match Plan::parse(&arguments) {
            Some(plan) => run(&plan),
            None => Err(io::Error::other(USAGE)),
        },
    };
    if let Err(error) = result {
        eprintln!("bench: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

impl Plan {
    fn parse(arguments: &[&str]) -> Option<Self> {
        let timing = |milliseconds| Timing {
            warm_up: Duration::from_millis(300),
            round: Duration::from_millis(milliseconds),
        };
        let mut plan = Self {
            rounds: 3,
            timing: timing(1000),
            size: Size {
                echo: 64,
                subscribers: 1000,
            },
            scenarios: scenario::ALL.to_vec(),
            durable: true,
            memory: None,
            floor: None,
            json: None,
            chart: None,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match *argument {
                "--quick" => {
                    (plan.timing, plan.size.subscribers) = (timing(500), 250);
                    plan.floor = plan.floor.or(Some(QUICK_FLOOR));
                }
                "--full" => {
                    (plan.rounds, plan.timing, plan.memory) = (5, timing(1500), Some(10_000))
                }
                "--rounds" => {
                    plan.rounds = arguments
                        .next()?
                        .parse()
                        .ok()
                        .filter(|rounds| *rounds > 0)?
                }
                "--only" => {
                    let names: Vec<&str> = arguments.next()?.split(',').collect();
                    plan.scenarios
                        .retain(|scenario| names.contains(&scenario.name().as_str()));
                    plan.durable = names.contains(&durable::NAME);
                    plan.memory = names
                        .contains(&"memory")
                        .then_some(plan.memory.unwrap_or(10_000));
                }
                "--floor" => plan.floor = Some(arguments.next()?.parse().ok()?),
                "--json" => plan.json = Some(String::new()),
                other => match other.split_once('=')? {
                    ("--json", file) => plan.json = Some(file.to_owned()),
                    ("--chart", file) => plan.chart = Some(file.to_owned()),
                    _ => return None,
                },
            }
        }
        Some(plan)
    }
}

fn run(plan: &Plan) -> io::Result<()> {
    let cores = Cores::pin();
    let mut report = Report::new(plan.json.as_deref())?;
    let rows = ROWS.iter().filter(|_| !plan.scenarios.is_empty());
    let servers = rows
        .map(|row| Server::start(*row, cores))
        .collect::<io::Result<Vec<Server>>>()?;
    let before = machine()?;
    for round in 0..plan.rounds {
        eprintln!("round {} of {}", round + 1, plan.rounds);
        for scenario in &plan.scenarios {
            // Every row is first, second and last equally often.
            for index in 0..servers.len() {
                let Some(server) = servers.get((index + round) % servers.len()) else {
                    continue;
                };
                server.settle()?;
                let sample = scenario.run(server, plan.size, plan.timing);
                let context = |error| explain(server.row, &scenario.name(), &error);
                report.sample(server.row, *scenario, round, sample.map_err(context)?)?;
            }
        }
    }
    let others = others(&servers, before)?;
    drop(servers);
    let rounds = if plan.durable { plan.rounds } else { 0 };
    for round in 0..rounds {
        eprintln!("{}: round {} of {rounds}", durable::NAME, round + 1);
        let mut stores = durable::STORES;
        if round % 2 == 1 {
            stores.reverse();
        }
        for store in stores {
            let sample = store.round(cores, plan.timing);
            let context = |error| io::Error::other(format!("durable {}: {error}", store.name()));
            report.durable(store, round, sample.map_err(context)?)?;
        }
    }
    for row in ROWS.iter().filter(|_| plan.memory.is_some()) {
        let server = Server::start(*row, cores)?;
        let connections = plan.memory.unwrap_or_default();
        let memory = scenario::memory(&server, connections)
            .map_err(|error| explain(*row, "memory", &error))?;
        report.memory(*row, connections, memory)?;
    }
    let table = report
        .table(plan, cores.is_some(), others)
        .map_err(io::Error::other)?;
    if let Some(file) = &plan.chart {
        let title = format!("{} rounds of {:?}", plan.rounds, plan.timing.round);
        let chart = chart::svg(&report.ratios(plan), &title).map_err(io::Error::other)?;
        fs::write(file, chart)?;
    }
    if plan.json.as_deref() == Some("") {
        // The lines on stdout are for a program to read.
        eprint!("{table}");
    } else {
        print!("{table}");
    }
    let fallen = plan
        .floor
        .map(|floor| (floor, report.fallen(plan, floor)))
        .filter(|(_, fallen)| !fallen.is_empty());
    match fallen {
        None => Ok(()),
        Some((floor, fallen)) => Err(io::Error::other(format!(
            "below {floor} of what must be reached: {}",
            fallen.join("; ")
        ))),
    }
}

/// The share of this machine that other programs used since `before`.
fn others(servers: &[Server], before: (Duration, Duration)) -> io::Result<f64> {
    let (busy, all) = machine()?;
    let mut ours = cpu("self")?;
    for server in servers {
        ours += server.cpu()?;
    }
    let others = (busy.saturating_sub(before.0)).saturating_sub(ours);
    Ok(others.as_secs_f64()
        / all
            .saturating_sub(before.1)
            .as_secs_f64()
            .max(f64::MIN_POSITIVE))
}

fn explain(row: Row, scenario: &str, error: &io::Error) -> io::Error {
    io::Error::other(format!("{} failed in {scenario}: {error}", row.name))
}
