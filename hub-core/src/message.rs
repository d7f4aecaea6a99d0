//! The protocol-neutral vocabulary: everything that peers say to each other, in both directions.
//!
//! ASP.NET Core's nine message types are all here (the table in `ARCHITECTURE.md` maps them); classic SignalR uses
//! [`Call`], [`Event`], [`Item`], [`Completion`], `Ping` and [`Position`].

use smol_str::SmolStr;

use crate::error::HubError;
use crate::id::{HubName, InvocationId};
use crate::value::{Args, Payload};

/// One thing that one peer says to the other.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Message {
    /// A call of a method, with or without an answer expected (Core 1 and 4).
    Call(Call),
    /// A call of a client's callback; nobody answers (Core 1 without id, an element of classic's `M`).
    Event(Event),
    /// One value of a stream, or a report of progress (Core 2, classic `P`).
    Item(Item),
    /// The end of a call or stream (Core 3, classic hub result).
    Complete(Completion),
    /// The caller no longer wants the rest of a stream (Core 5).
    Cancel(InvocationId),
    /// "I am alive" (Core 6, classic keep-alive).
    Ping,
    /// The connection ends (Core 7, classic `E`).
    Close {
        /// Why, for the peer.
        error: Option<String>,
        /// Whether a client may come back by itself.
        reconnect: bool,
    },
    /// Everything up to this sequence number has arrived (Core 8); or the event that asked under this number has (ours).
    Ack(u64),
    /// The next tracked message has this sequence number (Core 9).
    Sequence(u64),
    /// Where the receiver stands in the log, and what else classic SignalR writes around `M` (5.1).
    Position(Position),
}

/// Messages that a client should have got and never will, as its server tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// The hub, unless everything may be missing.
    pub hub: Option<HubName>,
    /// Of what: `all`, `group`, `topic`, `user`, `connection`, `queue`, or `log` for everything.
    pub of: String,
    /// The name of the group, topic or queue.
    pub name: Option<String>,
    /// Why: `trimmed`, `expired`, `damaged`, `dropped` or `epochChanged`.
    pub why: String,
}

/// A call of a hub method.
#[derive(Debug, Clone)]
pub struct Call {
    /// How the answer is named; `None` wants no answer on Core, and is answered with a null id on classic.
    pub id: Option<InvocationId>,
    /// The hub, as the caller wrote it. Core connections have one hub and leave it empty.
    pub hub: SmolStr,
    /// The method, as the caller wrote it.
    pub method: SmolStr,
    /// The arguments.
    pub args: Args,
    /// Classic: the caller's state object, whole.
    pub state: Option<Payload>,
    /// Core: ids of the streams that the caller will send as arguments.
    pub streams: Vec<InvocationId>,
}

/// What an event is called where receivers are told so (`ARCHITECTURE.md`, "Tags").
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Tag {
    /// Its place in the log's total order.
    pub order: u64,
    /// What an answer names, where the sender waits for one: a number that no other ask has, of whatever log.
    pub ask: Option<u64>,
}

/// A call of a client's callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The hub that speaks, in its declared casing.
    pub hub: HubName,
    /// The callback, as the sender wrote it.
    pub method: SmolStr,
    /// A JSON array.
    pub args: Payload,
    /// Classic: what changed in the caller's state, an object.
    pub state: Option<Payload>,
    /// What the server called it, on the side of a client that is told.
    pub tag: Option<Tag>,
}

/// One value of a stream, or a report of progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The call it belongs to.
    pub id: InvocationId,
    /// The value.
    pub value: Payload,
    /// Classic: what changed in the caller's state, an object.
    pub state: Option<Payload>,
}

/// The end of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The call's id.
    pub id: Option<InvocationId>,
    /// The value (`None` where there is nothing to say: `void`, null) or what went wrong.
    pub outcome: Result<Option<Payload>, Failure>,
    /// Classic: what changed in the caller's state, an object.
    pub state: Option<Payload>,
}

/// A failed call, as its caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The text.
    pub message: String,
    /// Whether it was meant for the caller (`H` in classic: a `HubException`).
    pub public: bool,
    /// Data for the caller.
    pub data: Option<Payload>,
}

impl Failure {
    /// What of `error` its caller may see: all of it if it is public or errors are detailed, else `neutral`.
    pub fn of(error: &HubError, detailed: bool, neutral: impl FnOnce() -> String) -> Self {
        if error.is_public() {
            return Self {
                message: error.message().to_owned(),
                public: true,
                data: error.data().cloned(),
            };
        }
        let message = if detailed {
            error.message().to_owned()
        } else {
            neutral()
        };
        Self {
            message,
            public: false,
            data: None,
        }
    }
}

/// What classic SignalR writes around the messages of a payload (`classic-signalr.md` 5.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    /// `C`: the cursor to come back with.
    pub cursor: Option<String>,
    /// `G`: the new groups token.
    pub groups: Option<String>,
    /// `S`: the transport works.
    pub init: bool,
    /// `T`: the host is going, reconnect.
    pub leave: bool,
    /// `L`: milliseconds to wait before the next poll.
    pub delay: Option<u64>,
    /// `X`: what the receiver has missed for good.
    pub missed: Vec<Missed>,
}
