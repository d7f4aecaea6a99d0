//! The suite of logs, on the log in memory and on one that a user wrote.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "common/shared_log.rs"]
#[allow(dead_code, unreachable_pub, reason = "other tests use the rest")]
mod shared_log;

use std::sync::Arc;

use hub_server::MemoryLog;
use hub_server::log_suite::{self, Kept};
use shared_log::SharedLog;

#[test]
fn the_log_in_memory_passes() {
    let cases =
        log_suite::run(|kept: &Kept| Arc::new(MemoryLog::new(kept.entries, kept.bytes, kept.idle)));
    assert!(cases >= 120, "{cases}");
}

#[cfg(feature = "redb")]
#[test]
fn the_log_on_disk_passes() {
    use hub_server::{RedbLog, RedbOptions};
    // In memory if there is such a place: other tests are about the disk.
    let memory = std::path::PathBuf::from("/dev/shm");
    let temporary = if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    };
    let dir = temporary.join(format!("hub-suite-{}", std::process::id()));
    let made = std::cell::Cell::new(0);
    log_suite::run(|kept: &Kept| {
        made.set(made.get() + 1);
        let options = RedbOptions::default()
            .retain(kept.entries, kept.bytes)
            .idle(kept.idle);
        Arc::new(RedbLog::open_with(dir.join(made.get().to_string()), options).unwrap())
    });
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_log_that_a_user_wrote_passes() {
    log_suite::run(|kept: &Kept| {
        let kept = MemoryLog::new(kept.entries, kept.bytes, kept.idle);
        SharedLog::over(kept, 1).remove(0)
    });
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
