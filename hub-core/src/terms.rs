//! [`Terms`]: how a queue keeps an entry: for whom, for how long, and under which name (`delivery.md` a.1).

use std::sync::Arc;
use std::time::Duration;

use crate::id::{PersistentId, UserId};

/// How a queue keeps an entry. The default keeps it for whoever has subscribed, for as long as the queue owes anybody
/// anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terms {
    /// Whom of those who have subscribed it is for; `None` for all of them.
    pub only: Option<Recipients>,
    /// Names it: what is tried again under the same name is written once.
    pub dedupe: Option<DedupeId>,
    /// It is owed no longer than this from when it is written, whatever the wall clock does: after that `read` leaves it out
    /// and counts it, and that is no gap. `None` is for as long as the queue keeps it.
    pub expires_in: Option<Duration>,
}

/// Whom a queued entry is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recipients {
    /// These clients.
    pub owners: Arc<[PersistentId]>,
    /// And all clients of these users.
    pub users: Arc<[UserId]>,
}

impl Recipients {
    /// So many clients one entry names at most; more are several entries.
    pub const MOST: usize = 1_024;

    /// Whether a client is meant.
    #[must_use]
    pub fn include(&self, owner: &PersistentId, user: Option<&UserId>) -> bool {
        self.owners.contains(owner) || user.is_some_and(|user| self.users.contains(user))
    }
}

/// A name that its sender gives an entry, at most 64 bytes long: what is sent again under the same name, within the
/// window that the log keeps, is not written again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DedupeId(Arc<str>);

impl DedupeId {
    /// The longest name, in bytes.
    pub const MAX: usize = 64;

    /// Takes the text; `None` if it is empty or longer than [`MAX`](Self::MAX).
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (1..=Self::MAX)
            .contains(&text.len())
            .then(|| Self(text.into()))
    }

    /// The name of one of several entries that were sent as one.
    #[must_use]
    pub fn part(&self, n: usize) -> Self {
        Self(format!("{}/{n}", self.0).into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_not_empty() {
        assert!(DedupeId::new("").is_none());
        assert_eq!(DedupeId::new("a").unwrap().as_str(), "a");
        assert!(DedupeId::new(&"x".repeat(64)).is_some());
        assert!(DedupeId::new(&"x".repeat(65)).is_none());
    }

    #[test]
    fn recipients_are_clients_and_users() {
        let id = |n: u8| PersistentId::parse(&format!("{n:032x}")).unwrap();
        let to = Recipients {
            owners: Arc::from([id(1)]),
            users: Arc::from([UserId::from("ann")]),
        };
        assert!(to.include(&id(1), None));
        assert!(to.include(&id(2), Some(&"ann".into())));
        assert!(!to.include(&id(2), Some(&"bob".into())));
        assert!(!to.include(&id(2), None));
    }
}
