//! [`Watch`]: looks at the server while it is under strain, from a thread of its own: its memory, its sockets, and what it says
//! that waits in it.

use std::{
    fs, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::NAME;
use crate::{child::Server, socket::Socket};

const EVERY: Duration = Duration::from_millis(250);

/// What was seen at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) at: Instant,
    /// Resident bytes.
    pub(super) memory: u64,
    /// Files that it has open: sockets, and a few more, always the same.
    pub(super) files: usize,
    /// Bytes in all outboxes, as the server says.
    pub(super) waiting: u64,
}

pub(super) struct Watch {
    seen: Arc<Mutex<Vec<Look>>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<()>>,
}

impl Watch {
    /// Begins to look; whether the server is asked, too, which it may be too busy to answer.
    pub(super) fn begin(server: &Server, asks: bool) -> io::Result<Self> {
        let process = server.process();
        let mut caller = Socket::on(server.address, NAME)?;
        let (seen, stop) = (Arc::<Mutex<Vec<Look>>>::default(), Arc::default());
        let (all, stopped) = (Arc::clone(&seen), Arc::<AtomicBool>::clone(&stop));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let (at, memory, files) = (Instant::now(), resident(process)?, files(process)?);
                let waiting = match asks {
                    true => caller.number("waiting", "[]")?,
                    false => 0,
                };
                let look = Look {
                    at,
                    memory,
                    files,
                    waiting,
                };
                all.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(look);
                thread::sleep(EVERY);
            }
            Ok(())
        });
        Ok(Self { seen, stop, thread })
    }

    /// What was seen since then.
    pub(super) fn since(&self, then: Instant) -> Vec<Look> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let later = seen.iter().filter(|look| look.at >= then);
        later.copied().collect()
    }

    /// What is seen next.
    pub(super) fn next(&self) -> io::Result<Look> {
        let now = Instant::now();
        loop {
            if let Some(look) = self.since(now).first() {
                return Ok(*look);
            }
            if self.thread.is_finished() {
                return Err(io::Error::other("the server can't be looked at any more"));
            }
            thread::sleep(EVERY / 10);
        }
    }

    /// Looks no more.
    ///
    /// An error is what kept it from looking on before.
    pub(super) fn end(self) -> io::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| Err(io::Error::other("the watch panicked")))
    }
}

/// The most of something that was seen.
pub(super) fn most(looks: &[Look], of: fn(&Look) -> u64) -> u64 {
    looks.iter().map(of).max().unwrap_or_default()
}

/// Memory of a process, asked for in a way that costs it nothing.
fn resident(process: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let bytes = kilobytes.map(|kilobytes| kilobytes << 10);
    bytes.ok_or_else(|| io::Error::other("no VmRSS in /proc/PID/status"))
}

fn files(process: u32) -> io::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{process}/fd"))?.count())
}

/// What the kernel holds for all TCP sockets of this machine, in bytes.
pub(super) fn kernel() -> io::Result<u64> {
    let sockets = fs::read_to_string("/proc/net/sockstat")?;
    Ok(pages(&sockets).unwrap_or_default() * 4096)
}

fn pages(sockets: &str) -> Option<u64> {
    let line = sockets.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    let mut words = line.split_whitespace().skip_while(|word| *word != "mem");
    words.nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_it_holds() {
        let text =
            "sockets: used 9\nTCP: inuse 4 orphan 0 tw 3 alloc 7 mem 25\nUDP: inuse 0 mem 3\n";
        assert_eq!(pages(text), Some(25));
        assert!(resident(std::process::id()).unwrap() > 100 << 10);
        assert!(files(std::process::id()).unwrap() > 2);
    }
}
