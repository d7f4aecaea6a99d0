//! The client against the real server over a network that delays, cuts, falls silent, lets bytes through one at a time and
//! refuses, by scripts that a seed makes: it always ends in the state that the model of the script (`script`) predicts, with
//! everything that was sent once and in order, and leaves no task and no socket behind.
//!
//! A script that fails is told with its seed; `HUB_FAULTS_SEED=<seed> cargo test -p hub-client --test faults` runs that one
//! alone.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod asks;
#[path = "../real/dice.rs"]
mod dice;
mod proxy;
mod run;
mod script;
mod told;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use script::Script;
use tokio::runtime::Runtime;

/// How many scripts run at the same time: they mostly wait.
const AT_ONCE: u64 = 80;

/// Where the numbers of the seeds begin.
const FIRST: u64 = 1;

/// Sockets are counted for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

fn run_all(scripts: u64) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let seeds = match std::env::var("HUB_FAULTS_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("HUB_FAULTS_SEED is a number");
            println!("{:#?}", Script::of(seed));
            seed..=seed
        }
        Err(_) => FIRST..=FIRST + scripts - 1,
    };
    // The first runtime of a process makes a pair for signals, which stays.
    drop(workers());
    let sockets = sockets();
    let workers = workers();
    let next = AtomicU64::new(*seeds.start());
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(seeds.end() - seeds.start() + 1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !seeds.contains(&seed) {
                        return;
                    }
                    let script = Script::of(seed);
                    let worker = workers.handle().clone();
                    if let Err(why) = run::run(&script, worker) {
                        failed
                            .lock()
                            .unwrap()
                            .push((seed, format!("{why}\n{script:?}")));
                    }
                }
            });
        }
    });
    drop(workers);
    let failed = failed.into_inner().unwrap();
    for (seed, why) in &failed {
        eprintln!(
            "seed {seed}: {why}\nagain: HUB_FAULTS_SEED={seed} cargo test -p hub-client --test faults\n"
        );
    }
    assert!(failed.is_empty(), "{} scripts failed", failed.len());
    assert_eq!(self::sockets(), sockets, "sockets were left behind");
}

/// Where servers and proxies run.
fn workers() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

/// How many sockets this process has.
fn sockets() -> usize {
    let Ok(files) = std::fs::read_dir("/proc/self/fd") else {
        // Not on this system.
        return 0;
    };
    let is_socket = |file: std::io::Result<std::fs::DirEntry>| {
        let to = file.and_then(|file| std::fs::read_link(file.path()));
        to.is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))
    };
    files.map(is_socket).filter(|is| *is).count()
}

#[test]
fn the_client_ends_as_predicted_in_100_scripts() {
    run_all(100);
}

#[test]
#[ignore = "takes a minute or two; `cargo xtask test` runs it"]
fn the_client_ends_as_predicted_in_1_000_scripts() {
    run_all(1_000);
}
