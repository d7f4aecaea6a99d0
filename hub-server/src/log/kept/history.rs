//! How much of their history live topics keep, how much of it when memory is short, and what topics have in memory.

use hub_core::Topic;

use super::State;
use crate::meter;

/// When memory is short a live topic keeps this part of what it would.
const LEAST: usize = 10;

impl State {
    /// How many entries and bytes a live topic keeps.
    pub(super) fn room_of_live(&self) -> (usize, usize) {
        let (entries, bytes) = (self.options.entries, self.options.bytes);
        match self.short {
            true => (entries.div_ceil(LEAST), bytes.div_ceil(LEAST)),
            false => (entries, bytes),
        }
    }

    /// Memory is short, or not any more. What goes is a gap for who has not had it, as ever.
    pub(in crate::log) fn shrink(&mut self, short: bool) {
        self.short = short;
        if !short {
            return;
        }
        let (entries, bytes) = self.room_of_live();
        for (topic, ring) in &mut self.rings {
            if !matches!(topic, Topic::Queue(..)) {
                meter::left_out(topic.hub(), "memory", ring.cut(entries, bytes));
                ring.entries.shrink_to_fit();
            }
        }
    }

    /// What topics have in memory, live ones and queues. An entry of several topics counts in each of them.
    pub(in crate::log) fn in_memory(&self) -> usize {
        self.rings.values().map(|ring| ring.bytes).sum()
    }
}
