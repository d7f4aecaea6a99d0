//! [`PresenceView`]: what a client makes of a list and of what it is told.

use std::collections::HashMap;

use super::{Member, PresenceChange, PresenceDiff, PresencePage};
use crate::id::ConnectionId;

/// Who is there, as a client knows it: a list, brought up to date with each diff. What comes before the list is there has to
/// wait for it.
#[derive(Debug, Clone, Default)]
pub struct PresenceView {
    version: Option<u64>,
    members: HashMap<ConnectionId, Member>,
}

impl PresenceView {
    /// A list, as of its version.
    #[must_use]
    pub fn new(first: PresencePage) -> Self {
        let mut view = Self {
            version: Some(first.version),
            members: HashMap::new(),
        };
        view.add(first);
        view
    }

    /// One more page of the list, before any diff is applied.
    pub fn add(&mut self, page: PresencePage) {
        for member in page.members {
            self.members.insert(member.conn.clone(), member);
        }
    }

    /// Takes what has changed. `false` if something before it is missing: a new list is due, and until then nothing is known.
    pub fn apply(&mut self, diff: PresenceDiff) -> bool {
        let Some(changes) = diff.changes else {
            // The list is not told any more.
            self.version = self.version.filter(|own| *own >= diff.version);
            return true;
        };
        for change in changes {
            let own = self.version;
            if own.is_some_and(|own| change.version <= own) {
                continue;
            }
            if own.is_none_or(|own| change.version != own + 1) {
                self.version = None;
                return false;
            }
            self.version = Some(change.version);
            self.change(change);
        }
        if self.version.is_none_or(|own| own < diff.version) {
            self.version = None;
        }
        self.version.is_some()
    }

    fn change(&mut self, change: PresenceChange) {
        let gone = [change.leave, change.was];
        for conn in gone.iter().flatten() {
            self.members.remove(conn);
        }
        for member in [change.join, change.update].into_iter().flatten() {
            self.members.insert(member.conn.clone(), member);
        }
    }

    /// The version, if it is in step with what is told.
    #[must_use]
    pub const fn version(&self) -> Option<u64> {
        self.version
    }

    /// Who is there.
    #[must_use]
    pub const fn members(&self) -> &HashMap<ConnectionId, Member> {
        &self.members
    }
}
