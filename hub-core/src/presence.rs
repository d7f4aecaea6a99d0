//! Presence: who is on a hub and in its groups (`delivery.md` d). [`Roster`] is the state machine, [`Presence`] what hub code
//! asks, [`PresenceView`] what a client makes of the answers; the rest is what goes between them.
//!
//! A roster is of one node. It has no clock and writes nothing: a server tells it who comes and goes, and sends what it gives.
//!
//! How a farm comes into it: each [`Member`] bears its node, and a member is keyed by room and connection. A node of a farm
//! keeps its own members in a roster as now, which is where leave delays and replaced connections are settled; what a roster
//! tells then goes, in place of the log, into a shared roll with one version for a room, by one script that counts it on and
//! appends the diff to the room's topic. Liveness is a lease of the node, renewed with the heartbeat: whoever finds that a
//! lease has run out removes it by compare-and-delete, takes all members whose `node` it was out of the roll, and so tells of
//! each once. A node that starts anew has a new [`NodeId`], so that nothing of its old life comes back.

mod lookup;
mod options;
mod page;
mod room;
mod roster;
#[cfg(test)]
mod tests;
mod view;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::id::{ConnectionId, GroupName, NodeId, PersistentId, UserId};
use crate::value::Payload;

pub use lookup::{Presence, Roll};
pub use options::PresenceOptions;
pub use page::{PresencePage, PresenceStats};
pub use roster::{Roster, Untold};
pub use view::PresenceView;

/// A connection that is on a hub, or in one of its groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Member {
    /// The connection.
    #[serde(deserialize_with = "name")]
    pub conn: ConnectionId,
    /// The user, `None` for an anonymous one.
    #[serde(deserialize_with = "perhaps")]
    pub user: Option<UserId>,
    /// The node that has the connection; 16 hex digits on the wire.
    #[serde(serialize_with = "to_hex", deserialize_with = "of_hex")]
    pub node: NodeId,
    /// What was set with [`Presence::update`].
    #[serde(deserialize_with = "json")]
    pub info: Option<Payload>,
    /// Since when it is there, in milliseconds of Unix time.
    pub since: u64,
}

/// What has happened since the last one, in order: the argument of the callback `presence`.
///
/// Whoever has a list of version *v* leaves out the changes up to *v* and takes the others, if the first of them is of version
/// *v* + 1. Otherwise, or if that does not lead to [`version`](Self::version), something was missed and a new list is due.
/// [`PresenceView`] does just that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PresenceDiff {
    /// The group; `None` for the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(default, deserialize_with = "perhaps")]
    pub group: Option<GroupName>,
    /// Where this leads.
    pub version: u64,
    /// How many connections there are, as this is told.
    pub clients: u64,
    /// How many users.
    pub users: u64,
    /// The changes, each of its own version, without holes. `None` where too many are there to be told of each: then only the
    /// counts are told, once a second at most, until there are fewer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub changes: Option<Vec<PresenceChange>>,
}

/// One change of one member: one of `join`, `leave` and `update`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PresenceChange {
    /// One more than the version before.
    pub version: u64,
    /// Who is there now.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub join: Option<Member>,
    /// Who is there no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(default, deserialize_with = "perhaps")]
    pub leave: Option<ConnectionId>,
    /// Who is there as before, with another info or as another connection.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub update: Option<Member>,
    /// With an update: which connection it was before, if it is another one now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(default, deserialize_with = "perhaps")]
    pub was: Option<ConnectionId>,
    /// With a join: its user, if this is the user's first connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(default, deserialize_with = "perhaps")]
    pub user_join: Option<UserId>,
    /// With a leave: its user, if this was the user's last connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(default, deserialize_with = "perhaps")]
    pub user_leave: Option<UserId>,
}

/// A connection, as a roster is told of it.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// The connection.
    pub conn: ConnectionId,
    /// Its user.
    pub user: Option<UserId>,
    /// How its client is known again. It is told to nobody.
    pub owner: Option<PersistentId>,
    /// Who has it.
    pub node: NodeId,
    /// Of two connections of one client the one with the greater number is the newer.
    pub serial: u64,
}

fn to_hex<S: Serializer>(node: &NodeId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:016x}", node.0))
}

fn of_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NodeId, D::Error> {
    let text = String::deserialize(deserializer)?;
    let bits = u64::from_str_radix(&text, 16);
    bits.map(NodeId).map_err(serde::de::Error::custom)
}

fn name<'de, D: Deserializer<'de>, T: From<String>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer).map(T::from)
}

fn perhaps<'de, D, T: From<String>>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
{
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(T::from))
}

fn json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Payload>, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    let payload = Payload::parsed(String::from(Box::<str>::from(raw)).into());
    Ok(Some(payload).filter(|payload| !payload.is_null()))
}
