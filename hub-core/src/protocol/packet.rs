//! [`Packet`]: what both wires of XSockets carry, a topic of a hub and data (`delivery.md` e.1, e.2). The wires differ in
//! how they write it down ([`Packets`]).

use bytes::{BufMut, Bytes, BytesMut};
use smol_str::SmolStr;

use super::{Part, Protocol};
use crate::error::ProtocolError;
use crate::id::InvocationId;
use crate::message::Call;
use crate::value::{Args, Payload};

/// One thing that is said on a topic of a hub.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Packet {
    /// The hub, as its sender wrote it.
    pub hub: SmolStr,
    /// A method, a topic that others have subscribed to, or a number that the protocol gives a meaning.
    pub topic: SmolStr,
    /// What is said; `None` for nothing, and for null.
    pub data: Option<Payload>,
    /// Bytes beside it.
    pub blob: Option<Bytes>,
    /// The number of a message, as its sender wrote it: of this one, or of the one that it acknowledges.
    pub number: Option<SmolStr>,
    /// Whether its sender wants it acknowledged.
    pub asks: bool,
}

/// A protocol whose messages are packets.
pub trait Packets: Protocol {
    /// Reads a message, whole.
    ///
    /// # Errors
    /// When it is none.
    fn read(&self, message: &[u8]) -> Result<Packet, ProtocolError>;

    /// Says something to one client, as a frame of its own.
    fn say(&self, hub: &str, topic: &str, data: Option<&Payload>) -> Part;

    /// Tells a client that a hub is open, and who it is there: its persistent id, and its connection's.
    fn opened(&self, hub: &str, owner: &str, id: &str) -> Part;

    /// Tells a client that a packet that wants it has come.
    fn acknowledge(&self, packet: &Packet) -> Option<Part>;

    /// The largest number that a message has; they begin at 1, and again after this one.
    fn highest(&self) -> u64;
}

impl Packet {
    /// It as a call, whose answer comes back on its topic. An array is the arguments, everything else is one; a blob is one
    /// more, as base64.
    ///
    /// # Errors
    /// When the data is no JSON.
    pub fn call(&self) -> Result<Call, ProtocolError> {
        let args = match (&self.data, &self.blob) {
            (None, None) => Args::none(),
            (Some(data), None) if is_array(data) => Args::parse(data.as_bytes().clone())?,
            _ => Args::parse(self.array().as_bytes().clone())?,
        };
        Ok(Call {
            id: Some(InvocationId::new(format!("{}|{}", self.hub, self.topic))),
            hub: self.hub.clone(),
            method: self.topic.clone(),
            args: args.lenient(),
            state: None,
            streams: Vec::new(),
        })
    }

    /// It as what is published: the data is one argument, whatever it is.
    #[must_use]
    pub fn published(&self) -> Payload {
        let whole = Self {
            data: self.data.as_ref().map(|data| match is_array(data) {
                true => enclosed(data.as_bytes()),
                false => data.clone(),
            }),
            ..self.clone()
        };
        whole.array()
    }

    /// Data and blob as an array; an array stays one.
    fn array(&self) -> Payload {
        let mut inner = BytesMut::new();
        if let Some(data) = &self.data {
            let text = data.as_bytes().trim_ascii();
            let elements = text.strip_prefix(b"[").and_then(|t| t.strip_suffix(b"]"));
            inner.put_slice(elements.unwrap_or(text).trim_ascii());
        }
        if let Some(blob) = &self.blob {
            if !inner.is_empty() {
                inner.put_u8(b',');
            }
            let text = crate::value::base64::encode(blob);
            inner.put_slice(format!("\"{text}\"").as_bytes());
        }
        enclosed(&inner)
    }
}

fn is_array(data: &Payload) -> bool {
    data.as_bytes().trim_ascii_start().starts_with(b"[")
}

fn enclosed(inner: &[u8]) -> Payload {
    Payload::parsed([b"[", inner, b"]"].concat().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(data: Option<&str>, blob: Option<&'static [u8]>) -> Packet {
        Packet {
            hub: "foo".into(),
            topic: "bar".into(),
            data: data.map(|data| Payload::from_json(data.to_owned().into()).unwrap()),
            blob: blob.map(Bytes::from_static),
            ..Packet::default()
        }
    }

    #[test]
    fn an_array_is_arguments_to_a_call_and_one_value_to_a_topic_and_a_blob_is_one_more() {
        for (data, blob, called, published) in [
            (None, None, "", "[]"),
            (None, Some(&b"\x01\x02\x03"[..]), "\"AQID\"", "[\"AQID\"]"),
            (Some("\"x\""), None, "\"x\"", "[\"x\"]"),
            (Some(" [1, 2] "), None, "1;2", "[[1, 2]]"),
            (Some("[]"), None, "", "[[]]"),
            (Some("[]"), Some(b""), "\"\"", "[[],\"\"]"),
            (Some("[1]"), Some(b"\x01"), "1;\"AQ==\"", "[[1],\"AQ==\"]"),
            (
                Some("{}"),
                Some(b"\x01\x02"),
                "{};\"AQI=\"",
                "[{},\"AQI=\"]",
            ),
        ] {
            let packet = packet(data, blob);
            let args = packet.call().unwrap().args;
            let args: Vec<_> = args.remaining().map(String::from_utf8_lossy).collect();
            assert_eq!(args.join(";"), called, "{packet:?}");
            // Blanks around an array don't matter.
            let text = packet.published();
            let text = String::from_utf8_lossy(text.as_bytes()).replace("[ [", "[[");
            assert_eq!(text.replace("] ]", "]]"), published, "{packet:?}");
        }
    }
}
