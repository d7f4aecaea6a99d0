//! The suite of logs, on the log in memory and on one that a user wrote.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "common/shared_log.rs"]
#[allow(dead_code, unreachable_pub, reason = "other tests use the rest")]
mod shared_log;

use std::sync::Arc;

use hub_server::{LogOptions, MemoryLog, log_suite};
use shared_log::SharedLog;

#[test]
fn the_log_in_memory_passes() {
    let cases = log_suite::run(|options: &LogOptions| Arc::new(MemoryLog::with(options)));
    assert!(cases >= 120, "{cases}");
}

/// Runs the suite on logs on a disk, with options that are made of what a case asks for.
#[cfg(feature = "redb")]
fn on_disk(name: &str, alter: impl Fn(LogOptions) -> LogOptions) {
    use hub_server::RedbLog;
    // In memory if there is such a place: other tests are about the disk.
    let memory = std::path::PathBuf::from("/dev/shm");
    let temporary = if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    };
    let dir = temporary.join(format!("hub-suite-{name}-{}", std::process::id()));
    let made = std::cell::Cell::new(0);
    log_suite::run(|options: &LogOptions| {
        made.set(made.get() + 1);
        let options = alter(options.clone());
        Arc::new(RedbLog::open_with(dir.join(made.get().to_string()), options).unwrap())
    });
    std::fs::remove_dir_all(dir).unwrap();
}

#[cfg(feature = "redb")]
#[test]
fn the_log_on_disk_passes() {
    on_disk("usual", |options| options);
}

#[cfg(feature = "redb")]
#[test]
fn the_log_on_disk_passes_with_little_in_memory() {
    on_disk("little", |options| options.cache(3, 2_000, 5_000));
}

#[cfg(feature = "redb")]
#[test]
fn the_log_on_disk_passes_with_nothing_in_memory() {
    on_disk("nothing", |options| options.cache(0, 0, 0));
}

#[test]
fn a_log_that_a_user_wrote_passes() {
    log_suite::run(|options: &LogOptions| SharedLog::over(MemoryLog::with(options), 1).remove(0));
}

#[test]
fn names_of_cases_are_unique() {
    let mut names: Vec<String> = log_suite::cases()
        .iter()
        .map(|case| case.name().to_owned())
        .collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
