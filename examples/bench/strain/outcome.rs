//! [`Outcome`]: what a run came to, and which of its bounds were not held.

use std::fmt;

use crate::table::Table;

pub(super) struct Outcome {
    table: Table,
    broken: Vec<String>,
}

impl Outcome {
    /// The caption says what was done.
    pub(super) fn new(title: &'static str, caption: &'static str) -> Self {
        Self {
            table: Table::new(title, caption, &["what", "figure", "bound"]),
            broken: Vec::new(),
        }
    }

    /// What there is no promise about.
    pub(super) fn figure(&mut self, what: impl Into<String>, figure: impl Into<String>) {
        let cells = [what.into(), figure.into(), String::new()];
        self.table.row(cells);
    }

    /// What has to hold, and whether it does.
    pub(super) fn bound(
        &mut self,
        what: impl Into<String>,
        figure: impl Into<String>,
        bound: impl Into<String>,
        holds: bool,
    ) {
        let (what, figure, bound) = (what.into(), figure.into(), bound.into());
        if !holds {
            self.broken
                .push(format!("{what}: {figure}, which should be {bound}"));
        }
        self.table.row([what, figure, bound]);
    }

    /// What was not held, as sentences.
    pub(super) fn broken(&self) -> impl Iterator<Item = &String> {
        self.broken.iter()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table.fmt(f)
    }
}

/// Bytes, as people read them.
pub(super) fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// A time, as people read it.
pub(super) fn ms(time: std::time::Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_hold_is_said_and_what_holds_is_not() {
        let mut outcome = Outcome::new("Strain", "What was done.");
        outcome.figure("clients", "2000");
        outcome.bound("ratio", "1.2", "at most 2", true);
        outcome.bound("memory", mib(3 << 20), "at most 2 MiB", false);
        let broken: Vec<_> = outcome.broken().collect();
        assert_eq!(broken, ["memory: 3.0 MiB, which should be at most 2 MiB"]);
        let text = outcome.to_string();
        assert!(text.contains("| clients | 2000 |  |"), "{text}");
        assert!(text.contains("| ratio | 1.2 | at most 2 |"), "{text}");
    }
}
