//! Queued messages on a disk: how many receipts a second a server with a [`RedbLog`] gives, against redb alone.
//!
//! Each is a child of its own, one after the other in every round, on both cores: a log writes on a thread beside those
//! who ask. What has a receipt is on the disk. Files are in the folder for temporary ones (`TMPDIR`), which should not be
//! one in memory.

use std::{
    error::Error,
    fs,
    io::{self, Write as _},
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use hub_server::{HubServer, LogOptions, RedbLog};
use redb::{Database, Durability, TableDefinition};

use crate::{
    child::{self, Cores},
    hub::Bench,
    measure::{Latency, Sample, Timing},
};

/// The scenario's name.
pub(crate) const NAME: &str = "durable";
/// Who asks at once, and how many rows redb alone writes in one transaction.
pub(crate) const TASKS: usize = 64;
/// The bytes of a body.
pub(crate) const BODY: usize = 256;
const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("bare");

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// redb alone.
    Bare,
    /// `queue` of a server.
    Hub,
}

pub(crate) const STORES: [Store; 2] = [Store::Bare, Store::Hub];

impl Store {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "redb",
            Self::Hub => "hub",
        }
    }

    /// One round, in a process of its own.
    pub(crate) fn round(self, cores: Option<Cores>, timing: Timing) -> io::Result<Sample> {
        let [warm_up, round] = [timing.warm_up, timing.round].map(|time| time.as_millis());
        let output = child::program(cores.map(Cores::both))?
            .args(["durable", self.name()])
            .args([warm_up.to_string(), round.to_string()])
            .stderr(Stdio::inherit())
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let numbers = said.split_whitespace().map(str::parse);
        let numbers: Vec<u64> = numbers.collect::<Result<_, _>>().unwrap_or_default();
        let &[messages, wall, cpu, p50, p99] = numbers.as_slice() else {
            return Err(io::Error::other(format!("it said {said:?}")));
        };
        let [wall, server, p50, p99] = [wall, cpu, p50, p99].map(Duration::from_nanos);
        Ok(Sample {
            messages,
            wall,
            server,
            load: Duration::ZERO,
            latency: Some(Latency { p50, p99 }),
        })
    }
}

/// The child's side: `bench durable ROW WARM_UP ROUND`, both in milliseconds.
pub(crate) fn run(arguments: &[&str]) -> io::Result<()> {
    let &[store, warm_up, round] = arguments else {
        return Err(io::Error::other("durable takes what, and two times"));
    };
    let time = |text: &str| text.parse().map(Duration::from_millis);
    let (Ok(warm_up), Ok(round)) = (time(warm_up), time(round)) else {
        return Err(io::Error::other("times are in milliseconds"));
    };
    let timing = Timing { warm_up, round };
    let dir = std::env::temp_dir().join(format!("hub-bench-{}", uuid::Uuid::new_v4()));
    fs::create_dir_all(&dir)?;
    let done = match store {
        "redb" => bare(&dir, timing).map_err(|error| error.to_string()),
        _ => hub(&dir, timing).map_err(|error| error.to_string()),
    };
    fs::remove_dir_all(&dir)?;
    let mut counted = done.map_err(io::Error::other)?;
    counted.took.sort_unstable();
    let at = |share: usize| {
        let time = counted.took.get(counted.took.len() * share / 100);
        time.map_or(0, Duration::as_nanos)
    };
    let (wall, cpu) = (counted.wall.as_nanos(), counted.cpu.as_nanos());
    let line = format!("{} {wall} {cpu} {} {}", counted.messages, at(50), at(99));
    writeln!(io::stdout(), "{line}")
}

/// What came of a round.
struct Counted {
    messages: usize,
    wall: Duration,
    cpu: Duration,
    /// How long each receipt took.
    took: Vec<Duration>,
}

fn bare(dir: &Path, timing: Timing) -> Result<Counted, Box<dyn Error>> {
    let open = Database::create(dir.join("bare.redb"))?;
    let (mut start, mut cpu, mut rows) = (Instant::now(), child::cpu("self")?, 0);
    let (mut took, mut warm) = (Vec::new(), false);
    loop {
        let asked = Instant::now();
        if !warm && asked - start >= timing.warm_up {
            (start, cpu, warm) = (asked, child::cpu("self")?, true);
            took.clear();
        }
        if warm && asked - start >= timing.round {
            break;
        }
        let mut transaction = open.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        let mut table = transaction.open_table(TABLE)?;
        for _ in 0..TASKS {
            table.insert(rows, [b'x'; BODY].as_slice())?;
            rows += 1;
        }
        drop(table);
        transaction.commit()?;
        took.push(asked.elapsed());
    }
    Ok(Counted {
        messages: took.len() * TASKS,
        wall: start.elapsed(),
        cpu: child::cpu("self")?.saturating_sub(cpu),
        took,
    })
}

fn hub(dir: &Path, timing: Timing) -> Result<Counted, Box<dyn Error>> {
    // What is queued is not to be let go meanwhile: that is another measurement.
    let options = LogOptions::default()
        .queue(10_000_000, 1 << 34)
        .hub_bytes(1 << 34);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let log = RedbLog::open_with(dir.join("hub"), options)?;
        let server = HubServer::builder().hub(Bench).log(Arc::new(log)).build()?;
        let clients = server.handle("Bench").ok_or("no hub")?.clients();
        // Keeps the pump going, which hands on what is queued to those who are there: nobody.
        let service = server.into_service();
        // JSON's quotes and brackets are part of a body.
        let text = "x".repeat(BODY - 4);
        let begin = Instant::now() + timing.warm_up;
        let end = begin + timing.round;
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let (queue, text) = (clients.queue("q"), text.clone());
                tokio::spawn(async move {
                    let mut took = Vec::new();
                    loop {
                        let asked = Instant::now();
                        if asked >= end {
                            return Ok::<_, hub_server::DeliveryError>(took);
                        }
                        queue.send("m", (&text,)).await?;
                        if asked >= begin {
                            took.push(asked.elapsed());
                        }
                    }
                })
            })
            .collect();
        tokio::time::sleep_until(begin.into()).await;
        let (start, cpu) = (Instant::now(), child::cpu("self")?);
        let mut took = Vec::new();
        for task in tasks {
            took.extend(task.await??);
        }
        let counted = Counted {
            messages: took.len(),
            wall: start.elapsed(),
            cpu: child::cpu("self")?.saturating_sub(cpu),
            took,
        };
        drop(service);
        Ok(counted)
    })
}
