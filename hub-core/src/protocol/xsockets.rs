//! The WebSocket sub-protocol of XSockets, the server's side: JSON objects `{"C":hub,"T":topic,"D":data}`
//! (`delivery.md` e.2).

use std::collections::VecDeque;
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use smol_str::SmolStr;

use super::{Envelope, Format, Packet, Packets, Part, Protocol};
use crate::Cursor;
use crate::error::ProtocolError;
use crate::id::InvocationId;
use crate::message::{Completion, Event, Item, Message, Tag};
use crate::value::Payload;

/// The server's side of XSockets' sub-protocol. A frame of the WebSocket is one message; several in one payload stand on a
/// line each. The data is written as a string that holds JSON, and read so or as the JSON itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct XSockets;

impl XSockets {
    /// What the sub-protocol is called as a WebSocket is opened.
    pub const NAME: &'static str = "XSocketsNET";

    /// Reads a binary message: how long the JSON is (64 bits, the smallest first), the JSON, and bytes beside it. The length
    /// is of bytes, or of UTF-16 units, as one client counts.
    ///
    /// # Errors
    /// When it is none.
    pub fn read_binary(self, message: &[u8]) -> Result<Packet, ProtocolError> {
        const SHORT: ProtocolError = ProtocolError::Malformed("a binary message ends early");
        let (length, rest) = message.split_first_chunk::<8>().ok_or(SHORT)?;
        let length = i64::from_le_bytes(*length);
        let length = usize::try_from(length)
            .map_err(|_| ProtocolError::Malformed("a binary message has a wrong length"))?;
        let (json, blob) = rest.split_at_checked(length).ok_or(SHORT)?;
        let (packet, blob) = match self.read(json) {
            Ok(packet) => (packet, blob),
            Err(error) => {
                let (json, blob) = split_at_units(rest, length).ok_or(error)?;
                (self.read(json)?, blob)
            }
        };
        Ok(Packet {
            blob: Some(Bytes::copy_from_slice(blob)),
            ..packet
        })
    }
}

impl Protocol for XSockets {
    fn name(&self) -> &'static str {
        "xsockets"
    }

    fn format(&self) -> Format {
        Format::Text
    }

    fn slot(&self) -> usize {
        3
    }

    /// Takes one message.
    fn decode(&self, input: &mut Bytes, out: &mut VecDeque<Message>) -> Result<(), ProtocolError> {
        let message = std::mem::take(input);
        out.push_back(Message::Call(self.read(&message)?.call()?));
        Ok(())
    }

    fn event(&self, event: &Event, _: Tag) -> Part {
        let data = match event.args.read::<Vec<Box<RawValue>>>().as_deref() {
            Ok([]) => None,
            Ok([one]) => Some(Payload::parsed(Bytes::copy_from_slice(
                one.get().as_bytes(),
            ))),
            _ => Some(event.args.clone()),
        };
        self.say(event.hub.as_str(), &event.method, data.as_ref())
    }

    /// Progress has no form here.
    fn item(&self, _: &Item) -> Part {
        Part::new()
    }

    fn frame(&self, _: Cursor, envelope: Envelope<'_>, parts: &[&Part], out: &mut BytesMut) {
        for (n, part) in (0..).zip(parts) {
            match (envelope.first, part.strip_suffix(b"}\n")) {
                (Some(first), Some(open)) => {
                    let number = wrapped(first + n);
                    out.put_slice(open);
                    out.put_slice(format!(",\"I\":{number},\"Q\":1}}\n").as_bytes());
                }
                _ => out.put_slice(part),
            }
        }
    }

    fn write(&self, message: &Message, out: &mut BytesMut) {
        let Message::Complete(Completion { id, outcome, .. }) = message else {
            return;
        };
        let id = id.as_ref().map(InvocationId::as_str).unwrap_or_default();
        let (hub, topic) = id.split_once('|').unwrap_or((id, ""));
        match outcome {
            Ok(None) => {}
            Ok(Some(value)) => out.put_slice(&self.say(hub, topic, Some(value))),
            Err(failure) => {
                let error = serde_json::json!({ "Message": failure.message });
                out.put_slice(&self.say(hub, "4", Payload::of(&error).ok().as_ref()));
            }
        }
    }
}

impl Packets for XSockets {
    fn read(&self, message: &[u8]) -> Result<Packet, ProtocolError> {
        let mut deserializer = serde_json::Deserializer::from_slice(message);
        let Members { c, t, d, i, q } = deserializer.deserialize_map(MembersVisitor)?;
        deserializer.end()?;
        let topic = t.map(scalar).transpose()?.flatten();
        let topic = topic.filter(|topic| !topic.is_empty());
        let asks = q.map(scalar).transpose()?.flatten();
        Ok(Packet {
            hub: c.map(scalar).transpose()?.flatten().unwrap_or_default(),
            topic: topic.ok_or(ProtocolError::Malformed("there is no topic T"))?,
            data: d.map(said).transpose()?.flatten(),
            blob: None,
            number: i.map(scalar).transpose()?.flatten(),
            asks: asks.is_some_and(|asks| asks == "1"),
        })
    }

    fn say(&self, hub: &str, topic: &str, data: Option<&Payload>) -> Part {
        let null = Bytes::from_static(b"null");
        let data = data.map_or(&null, Payload::as_bytes);
        let mut out = BytesMut::with_capacity(hub.len() + topic.len() + data.len() + 32);
        let data = String::from_utf8_lossy(data);
        for (before, text) in [("{\"C\":", hub), (",\"T\":", topic), (",\"D\":", &*data)] {
            out.put_slice(before.as_bytes());
            out.put_slice(&quoted(text));
        }
        out.put_slice(b"}\n");
        out.freeze()
    }

    fn opened(&self, hub: &str, owner: &str, id: &str) -> Part {
        let who = serde_json::json!({ "CI": id, "PI": owner, "C": hub });
        self.say(hub, "2", Payload::of(&who).ok().as_ref())
    }

    fn acknowledge(&self, packet: &Packet) -> Option<Part> {
        let number: u16 = packet.number.as_ref()?.parse().ok()?;
        let said = self.say(&packet.hub, "9", None);
        let open = said.strip_suffix(b"}\n")?;
        let number = format!(",\"I\":{number}}}\n");
        Some([open, number.as_bytes()].concat().into())
    }

    /// 16 bits; no message is 0, which is what clients say that name none.
    fn highest(&self) -> u64 {
        HIGHEST
    }
}

const HIGHEST: u64 = 0xFFFF;

/// The number of the n-th message, from 1.
fn wrapped(n: u64) -> u64 {
    n.saturating_sub(1) % HIGHEST + 1
}

/// The members of a message that count, as they stand.
#[derive(Default)]
struct Members<'a> {
    c: Option<&'a RawValue>,
    t: Option<&'a RawValue>,
    d: Option<&'a RawValue>,
    i: Option<&'a RawValue>,
    q: Option<&'a RawValue>,
}

/// Finds them in any case.
struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some(name) = map.next_key::<String>()? {
            let value = Some(map.next_value::<&'de RawValue>()?);
            match name.to_ascii_uppercase().as_str() {
                "C" => members.c = value,
                "T" => members.t = value,
                "D" => members.d = value,
                "I" => members.i = value,
                "Q" => members.q = value,
                _ => {}
            }
        }
        Ok(members)
    }
}

/// A string, or a number as it was written; `None` for null.
fn scalar(raw: &RawValue) -> Result<Option<SmolStr>, ProtocolError> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'"') => Ok(Some(SmolStr::new(serde_json::from_str::<String>(text)?))),
        Some(b'-' | b'0'..=b'9') => Ok(Some(SmolStr::new(text))),
        Some(b'n') => Ok(None),
        _ => Err(ProtocolError::Malformed(
            "C, T, I and Q are strings or numbers",
        )),
    }
}

/// The data: JSON, JSON in a string, or the string itself if that is none.
fn said(raw: &RawValue) -> Result<Option<Payload>, ProtocolError> {
    let as_it_is = || Payload::parsed(Bytes::copy_from_slice(raw.get().as_bytes()));
    let data = if raw.get().starts_with('"') {
        let text: String = serde_json::from_str(raw.get())?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        Payload::from_json(text.trim().to_owned().into()).unwrap_or_else(|_| as_it_is())
    } else {
        as_it_is()
    };
    Ok(Some(data).filter(|data| !data.is_null()))
}

/// Splits off so many UTF-16 units of text.
fn split_at_units(bytes: &[u8], units: usize) -> Option<(&[u8], &[u8])> {
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text.len(),
        Err(error) => error.valid_up_to(),
    };
    let text = std::str::from_utf8(bytes.get(..valid)?).ok()?;
    let (mut count, mut at) = (0, 0);
    for c in text.chars() {
        if count >= units {
            break;
        }
        count += c.len_utf16();
        at += c.len_utf8();
    }
    (count == units).then(|| bytes.split_at_checked(at))?
}

fn quoted(text: &str) -> Vec<u8> {
    let quoted = Payload::of(text);
    quoted.map_or_else(|_| b"\"\"".to_vec(), |text| text.as_bytes().to_vec())
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
