//! The log's vocabulary: what is written ([`Entry`]), where ([`Topic`]), and how far somebody has read ([`Cursor`]).

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::ack::AckError;
use crate::id::{ConnectionId, GroupName, HubName, NodeId, QueueName, UserId};
use crate::log::Append;
use crate::message::{Event, Item, Tag};
use crate::parts::Parts;
use crate::protocol::{Part, Protocol};
use crate::slow::WhenFull;
use crate::terms::{Recipients, Terms};
use crate::value::Payload;

/// Made when a log is created, and again whenever it may have lost entries: orders of different epochs don't compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(pub u64);

/// How far a reader has come: everything up to and including `order` has been seen.
///
/// One number is enough for any set of topics, since a node's pump hands on entries in `order`. To clients it is
/// opaque text, `d-<EPOCH>-<ORDER>` in upper-case hex: classic's `C` and `messageId`. While queued messages are replayed
/// to a client that was away, `.<REPLAYED>` follows: how far that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The log it belongs to.
    pub epoch: Epoch,
    /// The last order seen; 0 before the first entry.
    pub order: u64,
    /// The last order of the replay that goes on beside.
    pub replayed: Option<u64>,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "d-{:X}-{:X}", self.epoch.0, self.order)?;
        match self.replayed {
            Some(replayed) => write!(f, ".{replayed:X}"),
            None => Ok(()),
        }
    }
}

/// Its text.
impl serde::Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where a receive request wants to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// At the current end: the client has no cursor.
    End,
    /// At the current end, because the cursor is of another log; what lies between is a gap.
    Foreign,
    /// After this cursor.
    After(Cursor),
}

/// A cursor that begins like one of ours and goes on as none does (`classic-signalr.md` 5.3 rule 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid cursor")]
pub struct InvalidCursor;

impl Cursor {
    /// A cursor without a replay.
    #[must_use]
    pub const fn at(epoch: Epoch, order: u64) -> Self {
        Self {
            epoch,
            order,
            replayed: None,
        }
    }

    /// Reads a client's cursor against the log of `epoch`. Missing and foreign cursors are normal: a client may come
    /// from another node or a restarted server (`classic-signalr.md` 5.3 rules 1 to 4).
    ///
    /// # Errors
    /// When the text has this log's prefix and no number after it.
    pub fn parse(text: Option<&str>, epoch: Epoch) -> Result<Start, InvalidCursor> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(Start::End);
        };
        let own = text
            .strip_prefix("d-")
            .and_then(|rest| rest.split_once('-'));
        let Some((prefix, order)) = own else {
            return Ok(Start::Foreign);
        };
        if u64::from_str_radix(prefix, 16) != Ok(epoch.0) {
            return Ok(Start::Foreign);
        }
        let (order, replayed) = match order.split_once('.') {
            Some((order, replayed)) => (order, Some(hex(replayed)?)),
            None => (order, None),
        };
        Ok(Start::After(Self {
            epoch,
            order: hex(order)?,
            replayed,
        }))
    }
}

fn hex(text: &str) -> Result<u64, InvalidCursor> {
    let digits = text.bytes().all(|b| b.is_ascii_hexdigit());
    let number = u64::from_str_radix(text, 16).ok().filter(|_| digits);
    number.ok_or(InvalidCursor)
}

/// A named sequence of entries.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Topic {
    /// Everybody on a hub.
    All(HubName),
    /// A group of a hub.
    Group(HubName, GroupName),
    /// All connections of a user on a hub.
    User(HubName, UserId),
    /// One connection on a hub.
    Connection(HubName, ConnectionId),
    /// One connection whatever the hub: commands and progress.
    Control(ConnectionId),
    /// One node, where several share the log: acknowledgements.
    Node(NodeId),
    /// What is kept for those who are away.
    Queue(HubName, QueueName),
}

impl Topic {
    /// The hub that it is of.
    #[must_use]
    pub fn hub(&self) -> Option<&HubName> {
        match self {
            Self::All(hub)
            | Self::Group(hub, _)
            | Self::User(hub, _)
            | Self::Connection(hub, _)
            | Self::Queue(hub, _) => Some(hub),
            Self::Control(_) | Self::Node(_) => None,
        }
    }
}

/// One entry of a log.
#[derive(Debug)]
pub struct Entry {
    /// Total order in the log, from 1.
    pub order: u64,
    /// Position in its topic, from 1, without holes.
    pub offset: u64,
    /// Where it was written.
    pub topic: Topic,
    /// Where it is to be found, too: those who listen to a queued event while it is written.
    pub also: Box<[Topic]>,
    /// Who does not get it.
    pub except: Arc<[ConnectionId]>,
    /// What it says.
    pub body: Body,
    /// Whom of those who are owed the queue it is for; `None` for all of them.
    pub only: Option<Recipients>,
    /// From then on no queue owes it any more.
    pub expires: Option<Instant>,
    /// Where those who receive it are expected to answer.
    pub ack: Option<Ack>,
    /// What becomes of it for those who read slowly.
    pub when_full: WhenFull,
    parts: Parts,
}

/// What an entry says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Body {
    /// A call of a client's callback.
    Event(Event),
    /// A report of progress.
    Progress(Item),
    /// A value for clients of a persistent connection.
    Value(Payload),
    /// An instruction to the node that listens, mostly for a connection. Commands are entries, so that a resumed connection re-applies
    /// the group changes that it missed (`classic-signalr.md` 11.4).
    Command(Command),
}

/// An instruction to the node that has a connection, or to a node itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Become a member; somebody waits for the acknowledgement.
    Join(HubName, GroupName, Ack),
    /// Stop being a member.
    Leave(HubName, GroupName, Ack),
    /// End: the client said goodbye.
    Abort,
    /// The connection's newest request came to this node; others that had it forget it.
    Claim(NodeId),
    /// What the node waits for by this number has been done.
    Acknowledge(u64),
    /// Somebody has answered what the node asked.
    Answered(Answered),
}

/// An answer to an event that asked for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// What the node waits for.
    pub number: u64,
    /// Who answers.
    pub who: ConnectionId,
    /// With what.
    pub outcome: Result<Option<Payload>, AckError>,
}

/// Names what somebody waits for, on whatever node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Where he waits.
    pub node: NodeId,
    /// Which of those who wait there. That of an event goes to clients, who answer by it: no other has it, also after a
    /// restart.
    pub number: u64,
}

impl Entry {
    /// Gives an appended entry its place. The log, which has a clock, sets when it [`expires`](Self::expires).
    #[must_use]
    pub fn new(order: u64, offset: u64, append: Append) -> Self {
        let Append {
            topic,
            also,
            except,
            body,
            terms: Terms { only, .. },
            ack,
            when_full,
        } = append;
        Self {
            order,
            offset,
            topic,
            also,
            except,
            body,
            only,
            expires: None,
            ack,
            when_full,
            parts: Parts::default(),
        }
    }

    /// The body as `protocol` writes it, made once and shared by all who receive it; `None` for commands.
    pub fn part(&self, protocol: &dyn Protocol) -> Option<&Part> {
        if matches!(self.body, Body::Command(_)) {
            return None;
        }
        let tag = Tag {
            order: self.order,
            ask: self.ack.map(|ack| ack.number),
        };
        let make = || match &self.body {
            Body::Event(event) => protocol.event(event, tag),
            Body::Progress(item) => protocol.item(item),
            Body::Value(value) => value.as_bytes().clone(),
            Body::Command(_) => Part::new(),
        };
        let part = self.parts.get_or_make(protocol.slot(), make);
        (!part.is_empty()).then_some(part)
    }

    /// Whether `who` is excepted from it.
    #[must_use]
    pub fn excepts(&self, who: &ConnectionId) -> bool {
        self.except.iter().any(|id| id == who)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: Epoch = Epoch(0x4E3C);

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let cursor = Cursor::at(EPOCH, 0x2F);
        assert_eq!(cursor.to_string(), "d-4E3C-2F");
        let replaying = Cursor {
            replayed: Some(0x1A),
            ..cursor
        };
        assert_eq!(replaying.to_string(), "d-4E3C-2F.1A");
        assert_eq!(
            Cursor::parse(Some("d-4E3C-2F.1a"), EPOCH),
            Ok(Start::After(replaying))
        );
        assert_eq!(
            Cursor::parse(Some("d-4E3C-2F"), EPOCH),
            Ok(Start::After(cursor))
        );
        assert_eq!(
            Cursor::parse(Some("d-4e3c-02f"), EPOCH),
            Ok(Start::After(cursor))
        );
    }

    #[test]
    fn missing_and_foreign_cursors_are_normal() {
        assert_eq!(Cursor::parse(None, EPOCH), Ok(Start::End));
        assert_eq!(Cursor::parse(Some(""), EPOCH), Ok(Start::End));
        for text in ["d-4E3D-1", "s-0,2F", "nonsense", "d-", "d-4E3C", "d--1"] {
            assert_eq!(
                Cursor::parse(Some(text), EPOCH),
                Ok(Start::Foreign),
                "{text}"
            );
        }
    }

    #[test]
    fn the_right_prefix_with_anything_but_a_number_is_invalid() {
        for text in [
            "d-4E3C-",
            "d-4E3C-x",
            "d-4E3C-+1",
            "d-4E3C-1-1",
            "d-4E3C-1.",
            "d-4E3C-.1",
            "d-4E3C-1.+1",
            "d-4E3C-1.1.1",
            "d-4E3C-10000000000000000",
        ] {
            assert_eq!(
                Cursor::parse(Some(text), EPOCH),
                Err(InvalidCursor),
                "{text}"
            );
        }
    }
}
