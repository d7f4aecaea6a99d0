//! The client's side of classic SignalR: payloads, results and keep-alives in; calls out (`classic-signalr.md` 5.2, 8.1).

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::value::RawValue;
use smol_str::SmolStr;

use super::Classic;
use super::json::{Object, invocation_id, is_null, put_str, slice_of, text_of};
use super::tagged::{put_answer, tag_of};
use crate::Cursor;
use crate::error::ProtocolError;
use crate::id::{HubName, InvocationId};
use crate::message::{Completion, Event, Failure, Item, Message, Missed, Position, Tag};
use crate::protocol::{Envelope, Format, Part, Protocol};
use crate::value::Payload;

/// The client's side of classic SignalR: encodes calls, decodes everything that a server sends.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClassicClient;

impl Protocol for ClassicClient {
    fn name(&self) -> &'static str {
        "classic-client"
    }

    fn format(&self) -> Format {
        Format::Text
    }

    fn slot(&self) -> usize {
        1
    }

    fn decode(&self, input: &mut Bytes, out: &mut VecDeque<Message>) -> Result<(), ProtocolError> {
        let frame = std::mem::take(input);
        let object = Object::parse(&frame)?;
        if let Some(message) = item_or_result(&frame, &object)? {
            out.push_back(message);
            return Ok(());
        }
        if let Some(error) = text_of(object.e)? {
            out.push_back(Message::Close {
                error: Some(error.into_owned()),
                reconnect: false,
            });
            return Ok(());
        }
        // As the .NET client has it: cursor, messages and init count only when there is an array of messages.
        let Some(messages) = object.m.filter(|raw| raw.get().starts_with('[')) else {
            out.push_back(Message::Ping);
            return Ok(());
        };
        let position = Position {
            cursor: text_of(object.c)?.filter(|c| !c.is_empty()).map(Into::into),
            groups: text_of(object.g)?.filter(|g| !g.is_empty()).map(Into::into),
            init: object.s.is_some_and(|raw| raw.get() == "1"),
            leave: object.t.is_some_and(|raw| raw.get() == "1"),
            delay: object.l.and_then(|raw| raw.get().parse().ok()),
            missed: missed(object.x)?,
        };
        let elements: Vec<&RawValue> = serde_json::from_str(messages.get())?;
        for element in elements {
            // Raw connections may send anything; hubs send objects.
            if !element.get().starts_with('{') {
                continue;
            }
            let object = Object::parse(element.get().as_bytes())?;
            match item_or_result(&frame, &object)? {
                Some(message) => out.push_back(message),
                None => out.extend(event(&frame, &object)?),
            }
        }
        // After its messages, so that whoever stores the cursor has already handed them on.
        out.push_back(Message::Position(position));
        Ok(())
    }

    fn event(&self, event: &Event, tag: Tag) -> Part {
        Classic.event(event, tag)
    }

    fn item(&self, item: &Item) -> Part {
        Classic.item(item)
    }

    fn frame(&self, _: Cursor, _: Envelope<'_>, parts: &[&Part], out: &mut BytesMut) {
        parts.iter().for_each(|part| out.put_slice(part));
    }

    fn write(&self, message: &Message, out: &mut BytesMut) {
        let call = match message {
            Message::Call(call) => call,
            Message::Ack(ask) => return put_answer(*ask, &Ok(None), out),
            Message::Complete(answer) => return put_completion(answer, out),
            _ => return,
        };
        out.put_slice(b"{\"H\":");
        put_str(&call.hub, out);
        out.put_slice(b",\"M\":");
        put_str(&call.method, out);
        out.put_slice(b",\"A\":[");
        for (n, arg) in call.args.remaining().enumerate() {
            if n > 0 {
                out.put_u8(b',');
            }
            out.put_slice(arg);
        }
        out.put_slice(b"],\"I\":");
        match &call.id {
            Some(id) => put_str(id.as_str(), out),
            None => out.put_slice(b"null"),
        }
        if let Some(state) = &call.state {
            out.put_slice(b",\"S\":");
            out.put_slice(state.as_bytes());
        }
        out.put_u8(b'}');
    }
}

/// An answer to an event, whose id is the number of the ask.
fn put_completion(answer: &Completion, out: &mut BytesMut) {
    let ask = answer.id.as_ref().and_then(|id| id.as_str().parse().ok());
    if let Some(ask) = ask {
        put_answer(ask, &answer.outcome, out);
    }
}

/// What the server says is missing, as it stands in a frame.
#[derive(serde::Deserialize)]
struct Gone {
    #[serde(rename = "H")]
    hub: Option<String>,
    #[serde(rename = "T")]
    of: String,
    #[serde(rename = "N")]
    name: Option<String>,
    #[serde(rename = "W")]
    why: String,
}

fn missed(raw: Option<&RawValue>) -> Result<Vec<Missed>, ProtocolError> {
    let Some(raw) = raw else {
        return Ok(Vec::new());
    };
    let gone: Vec<Gone> = serde_json::from_str(raw.get())?;
    let told = |gone: Gone| Missed {
        hub: gone.hub.map(HubName::from),
        of: gone.of,
        name: gone.name,
        why: gone.why,
    };
    Ok(gone.into_iter().map(told).collect())
}

/// `P` is tested before `I`, as clients that know progress do (`classic-signalr.md` 8.5).
fn item_or_result(frame: &Bytes, object: &Object<'_>) -> Result<Option<Message>, ProtocolError> {
    let state = payload(frame, object.s.filter(|raw| raw.get().starts_with('{')));
    if let Some(progress) = object.p.filter(|raw| raw.get().starts_with('{')) {
        let progress = Object::parse(progress.get().as_bytes())?;
        let id = progress
            .i
            .map(invocation_id)
            .transpose()?
            .flatten()
            .unwrap_or_else(|| InvocationId::new(""));
        let value = payload(frame, progress.d)
            .unwrap_or_else(|| Payload::parsed(Bytes::from_static(b"null")));
        return Ok(Some(Message::Item(Item { id, value, state })));
    }
    let Some(id) = object.i else { return Ok(None) };
    let id = invocation_id(id)?;
    let outcome = match text_of(object.e)? {
        Some(message) => Err(Failure {
            message: message.into_owned(),
            public: object.h.is_some_and(|raw| raw.get() == "true"),
            data: payload(frame, object.d),
        }),
        None => Ok(payload(frame, object.r)),
    };
    Ok(Some(Message::Complete(Completion { id, outcome, state })))
}

fn event(frame: &Bytes, object: &Object<'_>) -> Result<Option<Message>, ProtocolError> {
    let (Some(hub), Some(method)) = (text_of(object.h)?, text_of(object.m)?) else {
        return Ok(None);
    };
    let args =
        payload(frame, object.a.filter(|raw| !is_null(raw))).unwrap_or_else(Payload::empty_array);
    let state = payload(frame, object.s);
    let tag = match text_of(object.o)? {
        Some(order) => Some(Tag {
            order: tag_of(&order)?,
            ask: text_of(object.k)?.map(|ask| tag_of(&ask)).transpose()?,
        }),
        None => None,
    };
    Ok(Some(Message::Event(Event {
        hub: HubName::from(&*hub),
        method: SmolStr::new(method),
        args,
        state,
        tag,
    })))
}

fn payload(frame: &Bytes, raw: Option<&RawValue>) -> Option<Payload> {
    raw.map(|raw| Payload::parsed(slice_of(frame, raw)))
}
