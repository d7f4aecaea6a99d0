//! [`Protocol`]: how messages become bytes and bytes messages. A protocol is pure: no state, no I/O.

pub(crate) mod classic;
pub(crate) mod packet;
pub(crate) mod text;
pub(crate) mod xsockets;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::error::ProtocolError;
use crate::log::Gap;
use crate::message::{Event, Item, Message, Tag};

pub use classic::{Classic, ClassicClient, Tagged};
pub use packet::{Packet, Packets};
pub use text::{Line, Text};
pub use xsockets::XSockets;

/// A message encoded once, shared by everybody who receives it.
pub type Part = Bytes;

/// Whether a protocol's frames are text or bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// UTF-8.
    Text,
    /// Anything.
    Binary,
}

/// What surrounds the parts of one frame: only classic SignalR writes it (`classic-signalr.md` 5.1), but for the number.
#[derive(Debug, Clone, Copy, Default)]
pub struct Envelope<'a> {
    /// `S`: this is the frame that says the transport works.
    pub init: bool,
    /// `T`: the host is going.
    pub leave: bool,
    /// `G`: the new groups token.
    pub groups: Option<&'a str>,
    /// `L`: milliseconds to wait before the next poll.
    pub delay: Option<u64>,
    /// The number of the first part, where receivers acknowledge each (`delivery.md` e.1).
    pub first: Option<u64>,
    /// `X`: what the receiver has missed for good, where it can be told.
    pub gaps: &'a [Gap],
}

/// A wire protocol, for one side of it.
///
/// `decode` reads what the peer sends. The three encoders differ in how their output travels: what [`event`] and
/// [`item`] make is shared by all receivers and wrapped by [`frame`]; what [`write`] makes stands alone and belongs to
/// one connection.
///
/// [`event`]: Self::event
/// [`item`]: Self::item
/// [`frame`]: Self::frame
/// [`write`]: Self::write
pub trait Protocol: Send + Sync + std::fmt::Debug + 'static {
    /// Its name in handshakes and logs.
    fn name(&self) -> &'static str;

    /// Text or binary frames.
    fn format(&self) -> Format;

    /// Its place in an entry's cache of encoded parts; every protocol of a process has its own.
    fn slot(&self) -> usize;

    /// Whether clients answer events that ask for it, and can be told what they missed.
    fn answers(&self) -> bool {
        false
    }

    /// Takes whole messages from the front of `input` and leaves an incomplete rest there.
    ///
    /// # Errors
    /// When the bytes are not this protocol. What was decoded before stays in `out`.
    fn decode(&self, input: &mut Bytes, out: &mut VecDeque<Message>) -> Result<(), ProtocolError>;

    /// Encodes an event for [`frame`](Self::frame). Most protocols have no room for its tag.
    fn event(&self, event: &Event, tag: Tag) -> Part;

    /// Encodes an item of a stream, or progress, for [`frame`](Self::frame).
    fn item(&self, item: &Item) -> Part;

    /// Writes one frame of parts, to a reader who then stands at `cursor`. Cheap: the parts are copied, nothing is
    /// encoded again.
    fn frame(
        &self,
        cursor: crate::Cursor,
        envelope: Envelope<'_>,
        parts: &[&Part],
        out: &mut BytesMut,
    );

    /// Writes a message that is a frame of its own. A message that the protocol has no form for writes nothing.
    fn write(&self, message: &Message, out: &mut BytesMut);
}
