//! How costs grow: `bench growth` prints what a delivery, a publish, a return and memory cost as more is there, as Markdown.
//!
//! All of it is measured on a server that is a process of its own, over sockets, as clients meet it.

mod deliveries;
mod groups;
mod hub;
mod memory;
mod resume;

use std::{
    io::{self, Write},
    time::Duration,
};

use crate::{
    child::{Cores, Row},
    measure::Timing,
    table::Table,
    wire::Dialect,
};

/// The mode's name, and that of the server that it starts.
pub(crate) const NAME: &str = "growth";
const ROW: Row = Row {
    name: NAME,
    dialect: Dialect::Classic,
};

/// How much of everything.
struct Setting {
    rounds: usize,
    timing: Timing,
    subscribers: &'static [usize],
    groups: &'static [usize],
    /// How many messages a client has missed, and how often it comes back.
    missed: &'static [(usize, usize)],
    connections: &'static [usize],
    /// Groups that are held in memory.
    memberships: &'static [usize],
    entries: &'static [usize],
}

const FULL: Setting = Setting {
    rounds: 3,
    timing: Timing {
        warm_up: Duration::from_millis(300),
        round: Duration::from_millis(1000),
    },
    subscribers: &[10, 100, 1_000, 10_000],
    groups: &[1, 100, 10_000],
    missed: &[(10, 200), (1_000, 50), (100_000, 5)],
    connections: &[100, 1_000, 10_000],
    memberships: &[1_000, 10_000, 100_000],
    entries: &[1_000, 10_000, 100_000],
};

/// Does everything once, and says little.
const QUICK: Setting = Setting {
    rounds: 1,
    timing: Timing {
        warm_up: Duration::from_millis(50),
        round: Duration::from_millis(100),
    },
    subscribers: &[10, 50],
    groups: &[1, 200],
    missed: &[(10, 2), (2_000, 2)],
    connections: &[50],
    memberships: &[500],
    entries: &[2_000],
};

type Measure = fn(&Setting, Option<Cores>) -> io::Result<Table>;

/// By the name that `--only` knows them by.
const TABLES: [(&str, Measure); 4] = [
    ("deliveries", deliveries::table),
    ("groups", groups::table),
    ("resume", resume::table),
    ("memory", memory::table),
];

/// `bench growth [--quick] [--only TABLE,TABLE]`; `None` if it is to be called in another way.
pub(crate) fn run(arguments: &[&str]) -> Option<io::Result<()>> {
    let (mut setting, mut only) = (&FULL, None);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match *argument {
            "--quick" => setting = &QUICK,
            "--only" => only = Some(arguments.next()?.split(',').collect::<Vec<_>>()),
            _ => return None,
        }
    }
    let known = |name: &&str| TABLES.iter().any(|(table, _)| table == name);
    if !only.iter().flatten().all(known) {
        return None;
    }
    let tables = TABLES
        .iter()
        .filter(|(name, _)| only.as_ref().is_none_or(|only| only.contains(name)));
    Some(print(setting, tables))
}

fn print<'a>(
    setting: &Setting,
    tables: impl Iterator<Item = &'a (&'static str, Measure)>,
) -> io::Result<()> {
    let cores = Cores::pin();
    for (name, measure) in tables {
        eprintln!("{NAME}: {name}");
        let table = measure(setting, cores)
            .map_err(|error| io::Error::other(format!("{name}: {error}")))?;
        writeln!(io::stdout(), "{table}")?;
    }
    Ok(())
}

/// The server's side: `bench serve growth`.
pub(crate) async fn serve(port: u16) -> Result<(), Box<dyn std::error::Error>> {
    hub::serve(port).await
}
