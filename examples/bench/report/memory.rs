//! The rows of what a connection takes of memory.

use std::fmt::{self, Write as _};

use super::{Report, mark};
use crate::{
    child::{REFERENCE, Row},
    scenario::Memory,
};

/// What our server may take of memory, times the reference: at most, and as its aim.
pub(super) const MEMORY: (f64, f64) = (1.5, 1.0);

impl Report {
    pub(super) fn memory_rows(&self, out: &mut String) -> fmt::Result {
        if self.memory_ratios().next().is_none() {
            return Ok(());
        }
        let (scenario, server, used, ratio, idle) =
            ("scenario", "server", "KiB/conn", "ratio", "KiB before echo");
        writeln!(
            out,
            "\n{scenario:10} {server:12} {used:>9}  {ratio:17} {:9} {idle}",
            "must/aim"
        )?;
        for (memory, (row, ratio)) in self
            .memory
            .iter()
            .map(|(_, memory)| memory)
            .zip(self.memory_ratios())
        {
            let (used, idle) = (memory.used / 1024.0, memory.idle / 1024.0);
            let (must, aim) = MEMORY;
            let targets = if row.is_ours() {
                format!("{must:.1}/{aim:.1}")
            } else {
                String::new()
            };
            let below = mark(!targets.is_empty() && ratio > must, '-');
            writeln!(
                out,
                "memory     {:12} {used:9.1}  {ratio:<17.2}{below:1} {targets:9} {idle:.1}",
                row.name
            )?;
        }
        writeln!(out)
    }

    /// What a connection takes on each server, in units of the reference.
    pub(super) fn memory_ratios(&self) -> impl Iterator<Item = (Row, f64)> {
        let of_reference = |(row, _): &&(Row, Memory)| row.name == REFERENCE;
        let reference = self.memory.iter().find(of_reference);
        reference.into_iter().flat_map(|(_, reference)| {
            let all = self.memory.iter();
            all.map(|(row, memory)| (*row, memory.used / reference.used))
        })
    }
}
