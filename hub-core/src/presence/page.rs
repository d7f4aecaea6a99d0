//! What is answered to whoever asks who is there: a list by pages, and the counts alone.

use serde::{Deserialize, Serialize};

use super::Member;

/// Who is there, as of a version; of long lists a part. JSON of it is what a hub method gives to a client.
///
/// Members stand in the order in which they came. The pages of a long list are taken one after the other, so that later ones
/// may be newer: the list as a whole is of the version of its *first* page, and whoever takes the changes since then, which
/// includes those that later pages show already, has it right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PresencePage {
    /// Which changes are in it: those up to this version. It says nothing else; numbers begin anywhere below 2^48, so that
    /// nobody takes what another process tells for what follows.
    pub version: u64,
    /// Who is there.
    pub members: Vec<Member>,
    /// Where the next page begins, if there is one: for [`Presence::page`](super::Presence::page).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<u64>,
}

impl PresencePage {
    pub(super) const fn new(version: u64, members: Vec<Member>, next: Option<u64>) -> Self {
        Self {
            version,
            members,
            next,
        }
    }
}

/// How many are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PresenceStats {
    /// Connections.
    pub clients: u64,
    /// Users with at least one connection; who is anonymous is none.
    pub users: u64,
}

impl PresenceStats {
    pub(super) fn of(clients: usize, users: usize) -> Self {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Self {
            clients: count(clients),
            users: count(users),
        }
    }
}
