//! The list and what changes it. The server has one; a client's copy is made of the same changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Something to do. Ids are never used again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) id: u64,
    pub(crate) text: String,
    pub(crate) done: bool,
}

/// What happened to an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Change {
    Added(Item),
    Done { id: u64, done: bool },
    Removed { id: u64 },
}

/// Items by id, and how many changes have led here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) version: u64,
    pub(crate) items: BTreeMap<u64, Item>,
}

impl List {
    /// Makes the next change.
    pub(crate) fn apply(&mut self, change: &Change) {
        self.version += 1;
        match change {
            Change::Added(item) => drop(self.items.insert(item.id, item.clone())),
            Change::Done { id, done } => {
                if let Some(item) = self.items.get_mut(id) {
                    item.done = *done;
                }
            }
            Change::Removed { id } => drop(self.items.remove(id)),
        }
    }
}
