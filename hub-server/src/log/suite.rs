//! The suite that every [`Log`] passes: the one in memory, the one on disk, and one of your own.
//!
//! ```no_run
//! # use std::sync::Arc;
//! use hub_server::{LogOptions, MemoryLog, log_suite};
//!
//! // In a `#[test]`:
//! let cases = log_suite::run(|options: &LogOptions| Arc::new(MemoryLog::with(options)));
//! assert!(cases >= 120);
//! ```
//!
//! Each case gets a log of its own and a tokio runtime whose clock stands still unless the case moves it. What the suite
//! asks for is in the contracts of [`Log`] and [`Leases`](hub_core::Leases): a log may hand out orders with holes between
//! two appends, and its tail may leave out what nobody listens to.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "checks fail by panics"
)]

mod checked;
mod crowds;
mod entries;
mod histories;
mod leases;
mod limits;
mod owed;
mod queues;
mod reading;
mod tail;
mod terms;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hub_core::{BoxFuture, Log};

use super::options::LogOptions;
use checked::Checked;

/// One check of a log.
pub struct Case {
    name: String,
    options: LogOptions,
    run: Box<dyn Fn(Checked) -> BoxFuture<'static, ()>>,
}

impl Case {
    /// What it checks, as a sentence.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs it on a log of its own.
    ///
    /// # Panics
    /// When the log does not do as it should.
    pub fn run(&self, make: impl Fn(&LogOptions) -> Arc<dyn Log>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let log = make(&self.options);
            (self.run)(Checked::new(log)).await;
        });
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish()
    }
}

/// All checks. The seeds of random histories are the numbers in their names.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = Cases(Vec::new());
    entries::add(&mut cases);
    reading::add(&mut cases);
    tail::add(&mut cases);
    queues::add(&mut cases);
    leases::add(&mut cases);
    terms::add(&mut cases);
    limits::add(&mut cases);
    crowds::add(&mut cases);
    owed::add(&mut cases);
    histories::add(&mut cases);
    cases.0
}

/// Runs every check on a log of its own; gives how many there are.
///
/// # Panics
/// When a check fails, once all have run; the text names those that failed.
pub fn run(make: impl Fn(&LogOptions) -> Arc<dyn Log>) -> usize {
    let cases = cases();
    let failed = |case: &&Case| catch_unwind(AssertUnwindSafe(|| case.run(&make))).is_err();
    let failed: Vec<&str> = cases.iter().filter(failed).map(Case::name).collect();
    assert!(
        failed.is_empty(),
        "{} of {} checks failed: {failed:#?}",
        failed.len(),
        cases.len()
    );
    cases.len()
}

/// Checks as they are collected.
struct Cases(Vec<Case>);

impl Cases {
    fn add<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        name: impl Into<String>,
        run: impl Fn(Checked) -> F + 'static,
    ) {
        self.add_with(name, LogOptions::default(), run);
    }

    /// The same, for a log with limits of its own. Live topics keep ten entries.
    fn add_with<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        name: impl Into<String>,
        options: LogOptions,
        run: impl Fn(Checked) -> F + 'static,
    ) {
        let bytes = options.bytes;
        self.0.push(Case {
            name: name.into(),
            options: options.retain(10, bytes),
            run: Box::new(move |log| Box::pin(run(log))),
        });
    }
}
