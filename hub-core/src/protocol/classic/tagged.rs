//! Classic SignalR for clients that ask for tags (`tags=1` in the query): ours. Each event says its place in the log
//! (`"O":"2F"`) and, where an answer is wanted, what that has to name (`"K":"9C51E07A"`); the client answers
//! `{"K":"9C51E07A"}`, with `"R"` or `"E"` for what its callback gave back; and a frame says what the client has missed for
//! good (`"X":[..]`). Everything else is as for other clients.
//!
//! An answer does not name the event's place: clients keep answers for their next link, and that may be to a server
//! whose log is another one, with another ask in that place.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::value::RawValue;

use super::json::{put_str, slice_of, text_of};
use super::said::Said;
use super::{Classic, put_envelope, put_event, put_fmt, put_messages};
use crate::cursor::{Cursor, Topic};
use crate::error::ProtocolError;
use crate::id::InvocationId;
use crate::log::{Gap, GapCause};
use crate::message::{Completion, Event, Failure, Item, Message, Tag};
use crate::protocol::{Envelope, Format, Part, Protocol};
use crate::value::Payload;

/// The server's side of classic SignalR with tags.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tagged;

impl Protocol for Tagged {
    fn name(&self) -> &'static str {
        "classic-tagged"
    }

    fn format(&self) -> Format {
        Format::Text
    }

    fn slot(&self) -> usize {
        2
    }

    fn answers(&self) -> bool {
        true
    }

    fn decode(&self, input: &mut Bytes, out: &mut VecDeque<Message>) -> Result<(), ProtocolError> {
        let frame = std::mem::take(input);
        let said = Said::read(&frame)?;
        out.push_back(match said.key {
            Some(tag) => answer(&frame, tag, &said)?,
            None => Message::Call(said.call(&frame)?),
        });
        Ok(())
    }

    fn event(&self, event: &Event, tag: Tag) -> Part {
        put_event(event, |out| {
            put_fmt(format_args!(",\"O\":\"{:X}\"", tag.order), out);
            if let Some(ask) = tag.ask {
                put_fmt(format_args!(",\"K\":\"{ask:X}\""), out);
            }
        })
    }

    fn item(&self, item: &Item) -> Part {
        Classic.item(item)
    }

    fn frame(&self, cursor: Cursor, envelope: Envelope<'_>, parts: &[&Part], out: &mut BytesMut) {
        put_envelope(cursor, envelope, out);
        if !envelope.gaps.is_empty() {
            put_gaps(envelope.gaps, out);
        }
        put_messages(parts, out);
    }

    fn write(&self, message: &Message, out: &mut BytesMut) {
        Classic.write(message, out);
    }
}

/// Writes an answer to an event, the client's side.
pub(super) fn put_answer(ask: u64, outcome: &Result<Option<Payload>, Failure>, out: &mut BytesMut) {
    put_fmt(format_args!("{{\"K\":\"{ask:X}\""), out);
    match outcome {
        Ok(None) => {}
        Ok(Some(value)) => {
            out.put_slice(b",\"R\":");
            out.put_slice(value.as_bytes());
        }
        Err(failure) => {
            out.put_slice(b",\"E\":");
            put_str(&failure.message, out);
        }
    }
    out.put_u8(b'}');
}

/// Reads a tag.
pub(super) fn tag_of(text: &str) -> Result<u64, ProtocolError> {
    let digits = text.bytes().all(|b| b.is_ascii_hexdigit());
    let number = u64::from_str_radix(text, 16).ok().filter(|_| digits);
    number.ok_or(ProtocolError::Malformed("a tag is a number in hex"))
}

fn answer(frame: &Bytes, tag: &RawValue, said: &Said<'_>) -> Result<Message, ProtocolError> {
    let ask = tag_of(&text_of(Some(tag))?.unwrap_or_default())?;
    let outcome = match (text_of(said.error)?, said.result) {
        (Some(message), _) => Err(Failure {
            message: message.into_owned(),
            public: true,
            data: None,
        }),
        (None, Some(value)) => Ok(Some(Payload::parsed(slice_of(frame, value)))),
        (None, None) => return Ok(Message::Ack(ask)),
    };
    Ok(Message::Complete(Completion {
        id: Some(InvocationId::new(ask.to_string())),
        outcome,
        state: None,
    }))
}

fn put_gaps(gaps: &[Gap], out: &mut BytesMut) {
    out.put_slice(b",\"X\":[");
    for (n, gap) in gaps.iter().enumerate() {
        if n > 0 {
            out.put_u8(b',');
        }
        let (kind, name) = match &gap.topic {
            None => ("log", ""),
            Some(Topic::All(_)) => ("all", ""),
            Some(Topic::Group(_, group)) => match (group.topic(), group.watched()) {
                (Some(topic), _) => ("topic", topic),
                (_, Some(watched)) => ("presence", watched),
                _ => ("group", group.as_str()),
            },
            Some(Topic::User(..)) => ("user", ""),
            Some(Topic::Queue(_, queue)) => ("queue", queue.as_str().trim_start_matches('\u{1}')),
            Some(_) => ("connection", ""),
        };
        let why = match gap.why {
            GapCause::Trimmed => "trimmed",
            GapCause::Expired => "expired",
            GapCause::Damaged => "damaged",
            GapCause::Dropped => "dropped",
            GapCause::EpochChanged => "epochChanged",
        };
        put_fmt(format_args!("{{\"T\":\"{kind}\",\"W\":\"{why}\""), out);
        if let Some(hub) = gap.topic.as_ref().and_then(Topic::hub) {
            out.put_slice(b",\"H\":");
            put_str(hub.as_str(), out);
        }
        if !name.is_empty() {
            out.put_slice(b",\"N\":");
            put_str(name, out);
        }
        out.put_u8(b'}');
    }
    out.put_u8(b']');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::HubName;
    use crate::protocol::ClassicClient;

    fn read(protocol: &dyn Protocol, frame: &[u8]) -> Result<VecDeque<Message>, ProtocolError> {
        let mut out = VecDeque::new();
        let mut frame = Bytes::copy_from_slice(frame);
        protocol.decode(&mut frame, &mut out).map(|()| out)
    }

    #[test]
    fn an_event_says_its_place_and_what_an_answer_names() {
        let event = Event {
            hub: HubName::from("Chat"),
            method: "ask".into(),
            args: Payload::empty_array(),
            state: None,
            tag: None,
        };
        for (ask, text) in [(None, ""), (Some(u64::MAX), r#","K":"FFFFFFFFFFFFFFFF""#)] {
            let tag = Tag { order: 0x2F, ask };
            let part = Tagged.event(&event, tag);
            let expected = format!(r#"{{"H":"Chat","M":"ask","A":[],"O":"2F"{text}}}"#);
            assert_eq!(part, expected);
            let frame = format!(r#"{{"C":"d-1-2F","M":[{expected}]}}"#);
            let messages = read(&ClassicClient, frame.as_bytes()).unwrap();
            let [Message::Event(event), Message::Position(_)] = messages.as_slices().0 else {
                panic!("{messages:?}");
            };
            assert_eq!(event.tag, Some(tag));
        }
        let odd = br#"{"C":"d-1-2F","M":[{"H":"Chat","M":"ask","A":[],"O":"2F","K":"x"}]}"#;
        assert!(read(&ClassicClient, odd).is_err());
    }

    #[test]
    fn an_answer_comes_back_under_what_it_names() {
        let failed = Failure {
            message: "no".into(),
            public: true,
            data: None,
        };
        for outcome in [Ok(None), Ok(Payload::of(&5).ok()), Err(failed)] {
            let mut frame = BytesMut::new();
            put_answer(u64::MAX, &outcome, &mut frame);
            let messages = read(&Tagged, &frame).unwrap();
            match messages.as_slices().0 {
                [Message::Ack(u64::MAX)] => assert_eq!(outcome, Ok(None)),
                [Message::Complete(answer)] => {
                    let id = answer.id.as_ref().map(|id| id.as_str().to_owned());
                    assert_eq!(id, Some(u64::MAX.to_string()));
                    assert_eq!(answer.outcome, outcome);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
