//! [`History`]: what the log still has of a topic (`delivery.md` b.2).

use serde::{Serialize, Serializer};
use smol_str::SmolStr;

use crate::cursor::Cursor;
use crate::value::Payload;

/// What was sent after a position, as far as the log has it. Serialises to
/// `{"recovered","position","events":[{"order","method","args"}]}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct History {
    /// Whether nothing is missing between the position that was asked for and [`position`](Self::position).
    pub recovered: bool,
    /// Where the reader stands with these events: ask from here the next time.
    pub position: Cursor,
    /// What was sent, oldest first.
    pub events: Vec<Past>,
}

impl History {
    /// These events, up to a position.
    #[must_use]
    pub const fn of(recovered: bool, position: Cursor, events: Vec<Past>) -> Self {
        Self {
            recovered,
            position,
            events,
        }
    }
}

/// An event that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Past {
    /// Its place in the log's total order; on the wire in upper-case hex, as in cursors.
    #[serde(serialize_with = "hex")]
    pub order: u64,
    /// The callback.
    pub method: SmolStr,
    /// Its arguments, an array.
    pub args: Payload,
}

fn hex<S: Serializer>(order: &u64, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("{order:X}"))
}
