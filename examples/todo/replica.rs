//! [`Replica`]: a client's list, made of a snapshot and of the changes since.

use std::collections::BTreeMap;

use crate::list::{Change, Item, List};

/// What a client knows of the list.
#[derive(Debug, Default)]
pub(crate) struct Replica {
    list: List,
    /// Changes that came before those that they follow.
    early: BTreeMap<u64, Change>,
}

impl Replica {
    pub(crate) fn list(&self) -> &List {
        &self.list
    }

    /// Takes over a snapshot: the items at this version. What was early is in it: it was taken later.
    pub(crate) fn replace(&mut self, version: u64, items: Vec<Item>) {
        let items = items.into_iter().map(|item| (item.id, item)).collect();
        self.list = List { version, items };
        self.early.clear();
    }

    /// Takes the change that leads to this version; gives those that could be made now, in order.
    pub(crate) fn hear(&mut self, version: u64, change: Change) -> Vec<Change> {
        let mut made = Vec::new();
        if version > self.list.version {
            self.early.insert(version, change);
        }
        while let Some(next) = self.early.remove(&(self.list.version + 1)) {
            self.list.apply(&next);
            made.push(next);
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(id: u64) -> Change {
        Change::Added(Item {
            id,
            text: format!("thing {id}"),
            done: false,
        })
    }

    #[test]
    fn changes_are_made_once_and_in_the_order_of_their_versions() {
        let mut replica = Replica::default();
        assert_eq!(replica.hear(2, Change::Removed { id: 1 }), []);
        assert_eq!(
            replica.hear(1, added(1)),
            [added(1), Change::Removed { id: 1 }]
        );
        assert_eq!(replica.hear(1, added(1)), []);
        assert_eq!(
            *replica.list(),
            List {
                version: 2,
                items: BTreeMap::new()
            }
        );
    }

    #[test]
    fn a_snapshot_takes_the_place_of_all_before_it() {
        let mut replica = Replica::default();
        replica.hear(3, added(3));
        let item = |done| Item {
            id: 7,
            text: "thing 7".into(),
            done,
        };
        replica.replace(7, vec![item(false)]);
        assert_eq!(replica.hear(7, added(7)), []);
        assert_eq!(replica.hear(4, added(4)), []);
        let done = Change::Done { id: 7, done: true };
        assert_eq!(replica.hear(8, done.clone()), [done]);
        assert_eq!(replica.list().version, 8);
        assert!(replica.list().items.values().eq(&[item(true)]));
        // Another process begins anew.
        replica.replace(0, vec![]);
        assert_eq!(replica.hear(1, added(1)), [added(1)]);
    }
}
