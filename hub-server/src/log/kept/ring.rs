//! [`Ring`]: the newest entries of one topic.

use std::collections::VecDeque;
use std::sync::Arc;

use hub_core::{Body, Entry};
use tokio::time::Instant;

use super::Keep;

/// What an entry weighs beside its arguments.
pub(in crate::log) const ENTRY_OVERHEAD: usize = 256;

#[derive(Debug, Default)]
pub(in crate::log) struct Ring {
    pub(in crate::log) entries: VecDeque<Arc<Entry>>,
    pub(in crate::log) bytes: usize,
    pub(in crate::log) offset: u64,
    /// The order of the last entry that was trimmed.
    pub(in crate::log) trimmed: u64,
    /// When it was made, topics had been forgotten up to this order; it may have been one of them.
    pub(in crate::log) forgotten: u64,
    /// The log's end when somebody listened and it was made: from there on everything is kept.
    pub(in crate::log) made: u64,
    /// Up to this order the store has lost entries.
    pub(in crate::log) damaged: u64,
    pub(in crate::log) listeners: usize,
    pub(in crate::log) idle_since: Option<Instant>,
}

impl Ring {
    /// The ring of a topic that may be one of those that were forgotten up to this order.
    pub(in crate::log) fn after(forgotten: u64) -> Self {
        Self {
            forgotten,
            ..Self::default()
        }
    }

    /// The same, as somebody listens to it from this order on.
    pub(in crate::log) fn made_at(end: u64, forgotten: u64) -> Self {
        Self {
            made: end,
            ..Self::after(forgotten)
        }
    }

    pub(in crate::log) fn push(&mut self, entry: Arc<Entry>, keep: &Keep) {
        self.bytes += weight(&entry);
        self.entries.push_back(entry);
        // The newest entry stays, however large: it is on its way to those who listen.
        while self.entries.len() > keep.entries
            || (self.bytes > keep.bytes && self.entries.len() > 1)
        {
            self.trim();
        }
    }

    /// Lets the oldest entry go.
    pub(in crate::log) fn trim(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
            self.bytes -= weight(&oldest);
            self.trimmed = oldest.order;
        }
    }
}

fn weight(entry: &Entry) -> usize {
    let payload = match &entry.body {
        Body::Event(event) => event.args.as_bytes().len(),
        Body::Progress(item) => item.value.as_bytes().len(),
        Body::Value(value) => value.as_bytes().len(),
        _ => 0,
    };
    payload + ENTRY_OVERHEAD
}
