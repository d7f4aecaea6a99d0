//! What a server stands: `bench strain` has clients that hardly read, publishers that ask for three times what it can do, and a
//! crowd that drops and comes back at once, at the sizes that are promised. Every number is looked for, in order and once, on
//! each connection; what is not held is an error that says so.

mod counters;
mod crowd;
mod flood;
mod hub;
mod outcome;
mod overload;
mod returning;
mod slow;
mod storm;
mod watch;

use std::{
    io::{self, Write},
    time::Duration,
};

use outcome::Outcome;

use crate::{
    child::{Cores, Row},
    wire::Dialect,
};

/// The mode's name, and that of the server that it starts.
pub(crate) const NAME: &str = "strain";
/// The same server, which loses patience soon.
pub(crate) const HASTY: &str = "strain-hasty";

/// What an outbox may hold, in bytes.
const OUTBOX: usize = 64 * 1024;
/// What may have left an outbox, and waits for its client's socket to take it.
const WRITE: usize = 16 * 1024;
/// What the server may take, in bytes.
const BUDGET: u64 = 256 << 20;

/// How much of everything.
struct Setting {
    row: Row,
    /// How long a client may take nothing.
    write_timeout: Duration,
    /// Clients of whom every tenth hardly reads.
    crowd: usize,
    /// How long that is measured without them.
    unloaded: Duration,
    publishers: usize,
    /// How long what can be done is measured, and how long a message takes.
    calm: Duration,
    flood: Duration,
    /// After how long it is to be as before.
    rest: Duration,
    /// Clients that drop at once.
    storm: usize,
    /// How long all may take to be back.
    back: Duration,
    /// What is less than this is the machine's own unrest.
    unrest: Duration,
}

const FULL: Setting = Setting {
    row: row(NAME),
    write_timeout: Duration::from_secs(10),
    crowd: 2_000,
    unloaded: Duration::from_secs(10),
    publishers: 40,
    calm: Duration::from_secs(4),
    flood: Duration::from_secs(60),
    rest: Duration::from_secs(10),
    storm: 5_000,
    back: Duration::from_secs(30),
    unrest: Duration::from_millis(5),
};

/// A tenth of it, also on a machine that has other things to do.
const QUICK: Setting = Setting {
    row: row(HASTY),
    write_timeout: Duration::from_secs(2),
    crowd: 200,
    unloaded: Duration::from_secs(2),
    publishers: 40,
    calm: Duration::from_secs(1),
    flood: Duration::from_secs(6),
    rest: Duration::from_secs(1),
    storm: 500,
    back: Duration::from_secs(10),
    unrest: Duration::from_millis(100),
};

const fn row(name: &'static str) -> Row {
    Row {
        name,
        dialect: Dialect::Classic,
    }
}

type Run = fn(&Setting, Option<Cores>) -> io::Result<Outcome>;

/// By the name that they are asked for by.
const RUNS: [(&str, Run); 3] = [
    ("slow", crowd::run),
    ("overload", overload::run),
    ("storm", storm::run),
];

/// `bench strain [slow|overload|storm] [--quick]`; `None` if it is to be called in another way.
pub(crate) fn run(arguments: &[&str]) -> Option<io::Result<()>> {
    let (mut setting, mut only) = (&FULL, Vec::new());
    for argument in arguments {
        match *argument {
            "--quick" => setting = &QUICK,
            name => only.push(RUNS.iter().find(|(run, _)| *run == name)?.0),
        }
    }
    let runs = RUNS.iter();
    Some(all(
        setting,
        runs.filter(|(name, _)| only.is_empty() || only.contains(name)),
    ))
}

fn all<'a>(
    setting: &Setting,
    runs: impl Iterator<Item = &'a (&'static str, Run)>,
) -> io::Result<()> {
    let cores = Cores::pin();
    let mut broken = Vec::new();
    for (name, run) in runs {
        eprintln!("{NAME}: {name}");
        let outcome =
            run(setting, cores).map_err(|error| io::Error::other(format!("{name}: {error}")))?;
        writeln!(io::stdout(), "{outcome}")?;
        broken.extend(
            outcome
                .broken()
                .map(|sentence| format!("{name}: {sentence}")),
        );
    }
    if broken.is_empty() {
        return Ok(());
    }
    Err(io::Error::other(broken.join("; ")))
}

/// Says how far a long run is.
fn progress(what: &str) {
    eprintln!("  {what}");
}

/// The server's side: `bench serve strain`.
pub(crate) async fn serve(port: u16, hasty: bool) -> Result<(), Box<dyn std::error::Error>> {
    let setting = if hasty { &QUICK } else { &FULL };
    hub::serve(port, setting).await
}
