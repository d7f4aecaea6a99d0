//! Classic ASP.NET SignalR 2.x, the server's side: `{"H","M","A","I","S"}` in; `{"C",..,"M":[..]}`, `{"R","I"}` and
//! `{"I","E"}` out (`classic-signalr.md` 5 and 8). The client's side is in `client.rs`.

mod client;
mod json;
mod plain;
mod said;
mod tagged;

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use super::{Envelope, Format, Part, Protocol};
use crate::Cursor;
use crate::error::ProtocolError;
use crate::message::{Completion, Event, Item, Message, Tag};
use crate::value::Payload;

pub use client::ClassicClient;
use json::put_str;
use said::Said;
pub use tagged::Tagged;

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
        let call = Said::read(&frame)?.call(&frame)?;
        out.push_back(Message::Call(call));
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

#[cfg(test)]
mod tests;
