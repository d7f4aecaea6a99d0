//! Classic ASP.NET SignalR 2.x, the server's side: `{"H","M","A","I","S"}` in; `{"C",..,"M":[..]}`, `{"R","I"}` and
//! `{"I","E"}` out (`classic-signalr.md` 5 and 8). The client's side is in `client.rs`.

mod client;
mod json;
mod tagged;

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::value::RawValue;
use smol_str::SmolStr;

use super::{Envelope, Format, Part, Protocol};
use crate::Cursor;
use crate::error::ProtocolError;
use crate::id::InvocationId;
use crate::message::{Call, Completion, Event, Item, Message, Tag};
use crate::value::{Args, Payload};

pub use client::ClassicClient;
use json::{Object, is_null, put_str, slice_of, text_of};
pub use tagged::Tagged;

/// The most characters of state that a call may carry, measured without blanks (`classic-signalr.md` 8.1).
const MAX_STATE: usize = 4096;

/// The server's side of classic SignalR: decodes calls, encodes everything that a client receives.
#[derive(Debug, Clone, Copy, Default)]
pub struct Classic;

impl Protocol for Classic {
    fn name(&self) -> &'static str {
        "classic"
    }

    fn format(&self) -> Format {
        Format::Text
    }

    fn slot(&self) -> usize {
        0
    }

    fn decode(&self, input: &mut Bytes, out: &mut VecDeque<Message>) -> Result<(), ProtocolError> {
        let frame = std::mem::take(input);
        let object = Object::parse(&frame)?;
        out.push_back(Message::Call(call(&frame, &object)?));
        Ok(())
    }

    fn event(&self, event: &Event, _: Tag) -> Part {
        put_event(event, |_| {})
    }

    // The outer id begins with `P|`, so that clients without progress take it for the result of a call they don't know
    // (`classic-signalr.md` 8.5).
    fn item(&self, item: &Item) -> Part {
        let mut out = BytesMut::new();
        out.put_u8(b'{');
        put_state(item.state.as_ref(), &mut out);
        out.put_slice(b"\"I\":");
        put_str(&format!("P|{}", item.id.as_str()), &mut out);
        out.put_slice(b",\"P\":{\"I\":");
        put_str(item.id.as_str(), &mut out);
        out.put_slice(b",\"D\":");
        out.put_slice(item.value.as_bytes());
        out.put_slice(b"}}");
        out.freeze()
    }

    fn frame(&self, cursor: Cursor, envelope: Envelope<'_>, parts: &[&Part], out: &mut BytesMut) {
        put_envelope(cursor, envelope, out);
        put_messages(parts, out);
    }

    fn write(&self, message: &Message, out: &mut BytesMut) {
        match message {
            Message::Complete(completion) => put_completion(completion, out),
            Message::Ping => out.put_slice(b"{}"),
            _ => {}
        }
    }
}

/// Reads a call (`classic-signalr.md` 8.1).
fn call(frame: &Bytes, object: &Object<'_>) -> Result<Call, ProtocolError> {
    let &Object { h, m, a, i, s, .. } = object;
    let hub = text_of(h)?
        .filter(|hub| !hub.is_empty())
        .ok_or(ProtocolError::Malformed("no hub"))?;
    let method = text_of(m)?.ok_or(ProtocolError::Malformed("no method"))?;
    let args = match a.filter(|raw| !is_null(raw)) {
        Some(raw) => Args::parse(slice_of(frame, raw))?.lenient(),
        None => Args::none(),
    };
    let state = s
        .filter(|raw| !is_null(raw))
        .map(|raw| state_of(frame, raw))
        .transpose()?;
    let id = i.map(invocation_id).transpose()?.flatten();
    Ok(Call {
        id,
        hub: SmolStr::new(hub),
        method: SmolStr::new(method),
        args,
        state,
        streams: Vec::new(),
    })
}

/// Writes an event, and what `more` adds to it.
fn put_event(event: &Event, more: impl FnOnce(&mut BytesMut)) -> Part {
    let mut out =
        BytesMut::with_capacity(event.args.as_bytes().len() + event.hub.as_str().len() + 64);
    out.put_slice(b"{\"H\":");
    put_str(event.hub.as_str(), &mut out);
    out.put_slice(b",\"M\":");
    put_str(&event.method, &mut out);
    out.put_slice(b",\"A\":");
    out.put_slice(event.args.as_bytes());
    if let Some(state) = &event.state {
        out.put_slice(b",\"S\":");
        out.put_slice(state.as_bytes());
    }
    more(&mut out);
    out.put_u8(b'}');
    out.freeze()
}

/// Begins a frame.
fn put_envelope(cursor: Cursor, envelope: Envelope<'_>, out: &mut BytesMut) {
    put_fmt(format_args!("{{\"C\":\"{cursor}\""), out);
    if envelope.init {
        out.put_slice(b",\"S\":1");
    }
    if envelope.leave {
        out.put_slice(b",\"T\":1");
    }
    if let Some(groups) = envelope.groups {
        out.put_slice(b",\"G\":");
        put_str(groups, out);
    }
    if let Some(delay) = envelope.delay {
        put_fmt(format_args!(",\"L\":{delay}"), out);
    }
}

/// Ends a frame. Without `M` clients ignore the cursor, too (`classic-signalr.md` 15.1).
fn put_messages(parts: &[&Part], out: &mut BytesMut) {
    out.put_slice(b",\"M\":[");
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            out.put_u8(b',');
        }
        out.put_slice(part);
    }
    out.put_slice(b"]}");
}

fn put_completion(completion: &Completion, out: &mut BytesMut) {
    out.put_u8(b'{');
    put_state(completion.state.as_ref(), out);
    if let Ok(Some(value)) = &completion.outcome {
        out.put_slice(b"\"R\":");
        out.put_slice(value.as_bytes());
        out.put_u8(b',');
    }
    out.put_slice(b"\"I\":");
    match &completion.id {
        Some(id) => put_str(id.as_str(), out),
        None => out.put_slice(b"null"),
    }
    if let Err(failure) = &completion.outcome {
        if failure.public {
            out.put_slice(b",\"H\":true");
        }
        out.put_slice(b",\"E\":");
        put_str(&failure.message, out);
        if let Some(data) = &failure.data {
            out.put_slice(b",\"D\":");
            out.put_slice(data.as_bytes());
        }
    }
    out.put_u8(b'}');
}

fn put_state(state: Option<&Payload>, out: &mut BytesMut) {
    if let Some(state) = state {
        out.put_slice(b"\"S\":");
        out.put_slice(state.as_bytes());
        out.put_u8(b',');
    }
}

fn put_fmt(text: std::fmt::Arguments<'_>, out: &mut BytesMut) {
    // Writing to memory can't fail.
    let _ = std::fmt::Write::write_fmt(out, text);
}

/// A call's id, as text: numbers and strings are what clients send; the rest is what the original makes of it.
fn invocation_id(raw: &RawValue) -> Result<Option<InvocationId>, ProtocolError> {
    match raw.get() {
        "null" => Ok(None),
        "true" => Ok(Some(InvocationId::new("True"))),
        "false" => Ok(Some(InvocationId::new("False"))),
        text => match text.as_bytes().first() {
            Some(b'"') => Ok(text_of(Some(raw))?.map(InvocationId::new)),
            Some(b'{' | b'[') => Err(ProtocolError::Malformed("the id is no text or number")),
            _ => Ok(Some(InvocationId::new(text))),
        },
    }
}

fn state_of(frame: &Bytes, raw: &RawValue) -> Result<Payload, ProtocolError> {
    if !raw.get().starts_with('{') {
        return Err(ProtocolError::Malformed("the state is no object"));
    }
    if raw.get().len() > MAX_STATE {
        // Only a state that is large as written has to be measured as the original does: rewritten without blanks,
        // in UTF-16 units.
        let value: serde_json::Value = serde_json::from_str(raw.get())?;
        if value.to_string().encode_utf16().count() > MAX_STATE {
            return Err(ProtocolError::TooLarge {
                what: "State",
                limit: MAX_STATE,
            });
        }
    }
    Ok(Payload::parsed(slice_of(frame, raw)))
}

#[cfg(test)]
mod tests;
