//! [`Ring`]: the newest entries of one topic.

use std::collections::VecDeque;
use std::sync::Arc;

use hub_core::{Body, Entry};
use tokio::time::Instant;

use super::Keep;

/// What an entry weighs beside its arguments.
pub(super) const ENTRY_OVERHEAD: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Ring {
    pub(super) entries: VecDeque<Arc<Entry>>,
    pub(super) bytes: usize,
    pub(super) offset: u64,
    /// The order of the last entry that was trimmed.
    pub(super) trimmed: u64,
    /// When it was made, topics had been forgotten up to this order; it may have been one of them.
    pub(super) forgotten: u64,
    /// The log's end when somebody listened and it was made: from there on everything is kept.
    pub(super) made: u64,
    pub(super) listeners: usize,
    pub(super) idle_since: Option<Instant>,
}

impl Ring {
    /// The ring of a topic that may be one of those that were forgotten up to this order.
    pub(super) fn after(forgotten: u64) -> Self {
        Self {
            forgotten,
            ..Self::default()
        }
    }

    /// The same, as somebody listens to it from this order on.
    pub(super) fn made_at(end: u64, forgotten: u64) -> Self {
        Self {
            made: end,
            ..Self::after(forgotten)
        }
    }

    pub(super) fn push(&mut self, entry: Arc<Entry>, keep: &Keep) {
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
    pub(super) fn trim(&mut self) {
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
