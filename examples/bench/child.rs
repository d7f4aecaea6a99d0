//! A server as a child process: its CPU time and its memory are then its own.

use std::{
    env, fs,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::wire::Dialect;

/// A kind of server: a row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) dialect: Dialect,
}

impl Row {
    /// Whether it is our server, which has ratios to reach.
    pub(crate) fn is_ours(self) -> bool {
        self.dialect != Dialect::Raw
    }
}

/// The row that every ratio is taken against.
pub(crate) const REFERENCE: &str = "raw-tuned";

/// Our server, as a user writes it.
pub(crate) const OURS: Row = Row {
    name: "hub",
    dialect: Dialect::Classic,
};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "raw-default",
        dialect: Dialect::Raw,
    },
    Row {
        name: REFERENCE,
        dialect: Dialect::Raw,
    },
    OURS,
];

/// Which core the server gets and which one the load generator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    server: usize,
    load: usize,
}

impl Cores {
    /// Two of the cores that this process may use, if there are two and `taskset` is there to pin with. The load
    /// generator is pinned at once.
    pub(crate) fn pin() -> Option<Self> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let list = status
            .lines()
            .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
        let mut allowed = list.trim().split(',').flat_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            first.parse().unwrap_or(1)..=last.parse().unwrap_or(0_usize)
        });
        let cores = Self {
            server: allowed.next()?,
            load: allowed.next()?,
        };
        let pinned = Command::new("taskset")
            .args([
                "-pc",
                &cores.load.to_string(),
                &std::process::id().to_string(),
            ])
            .stdout(Stdio::null())
            .status();
        pinned.is_ok_and(|status| status.success()).then_some(cores)
    }

    /// Both, for a child that is measured alone.
    pub(crate) fn both(self) -> String {
        format!("{},{}", self.server, self.load)
    }
}

/// This program once more, on these cores.
pub(crate) fn program(cores: Option<String>) -> io::Result<Command> {
    let program = env::current_exe()?;
    Ok(match cores {
        Some(cores) => {
            let mut command = Command::new("taskset");
            command.args(["-c", &cores]).arg(program);
            command
        }
        None => Command::new(program),
    })
}

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) row: Row,
    pub(crate) address: SocketAddr,
    child: Child,
    /// The server ends when this closes, so it ends too when the benchmark is killed.
    _stdin: Option<ChildStdin>,
}

impl Server {
    pub(crate) fn start(row: Row, cores: Option<Cores>) -> io::Result<Self> {
        let mut child = program(cores.map(|cores| cores.server.to_string()))?
            .args(["serve", row.name, "--port", "0", "--until-stdin-closes"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("no pipe to the server"))?;
        let mut server = Self {
            row,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            child,
            _stdin: stdin,
        };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        server.address = line
            .trim()
            .strip_prefix("listening on ")
            .and_then(|address| address.parse().ok())
            .ok_or_else(|| io::Error::other(format!("{} did not start: {line:?}", row.name)))?;
        Ok(server)
    }

    /// The process, for whoever looks at it meanwhile.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// User and system time so far.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        cpu(&self.child.id().to_string())
    }

    /// Resident bytes.
    pub(crate) fn memory(&self) -> io::Result<u64> {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        rollup
            .lines()
            .find_map(|line| {
                line.strip_prefix("Rss:")?
                    .trim()
                    .strip_suffix(" kB")?
                    .parse::<u64>()
                    .ok()
            })
            .map(|kilobytes| kilobytes * 1024)
            .ok_or_else(|| io::Error::other("no Rss in smaps_rollup"))
    }

    /// Waits until the server has nothing left to do, for instance with connections that have just ended.
    pub(crate) fn settle(&self) -> io::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut before = self.cpu()?;
        loop {
            thread::sleep(Duration::from_millis(50));
            let now = self.cpu()?;
            if now == before || Instant::now() > deadline {
                return Ok(());
            }
            before = now;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The time that all programs of this machine have been running, and the time there was for it, on all cores.
pub(crate) fn machine() -> io::Result<(Duration, Duration)> {
    let stat = fs::read_to_string("/proc/stat")?;
    // user, nice, system, idle, iowait, irq, softirq, steal; the two after them are part of the first two.
    let line = stat.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = line
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|ticks| ticks.parse().ok())
        .collect();
    let idle: u64 = ticks.iter().skip(3).take(2).sum();
    let all: u64 = ticks.iter().sum();
    Ok((
        Duration::from_millis((all - idle) * 10),
        Duration::from_millis(all * 10),
    ))
}

/// User and system time of a process, all threads together.
pub(crate) fn cpu(process: &str) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field, the name, may hold blanks; utime and stime are fields 14 and 15.
    let ticks = stat.rsplit_once(") ").and_then(|(_, fields)| {
        let mut fields = fields.split(' ').skip(11);
        Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
    });
    // Linux counts in hundredths of a second there, whatever the kernel's own rate is.
    ticks
        .map(|ticks| Duration::from_millis(ticks * 10))
        .ok_or_else(|| io::Error::other("cannot read /proc/PID/stat"))
}
