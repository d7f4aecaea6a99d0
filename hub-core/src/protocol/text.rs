//! The text protocol of XSockets, the server's side: lines of `hub|topic|data` (`delivery.md` e.1). It is made for people
//! with a terminal, and for devices that can do no more.

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

/// The server's side of the text protocol: a line is a call, and so is what comes back. One line for each message, without
/// a cursor.
#[derive(Debug, Clone, Copy, Default)]
pub struct Text;

/// The three parts of a line. The data may have bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// The hub, as the client wrote it.
    pub hub: &'a str,
    /// A method, or a number that the protocol gives a meaning.
    pub topic: &'a str,
    /// The rest.
    pub data: &'a str,
}

impl<'a> Line<'a> {
    /// Reads a line without its end.
    ///
    /// # Errors
    /// When it has no two bars, no hub or no topic, or holds a NUL.
    pub fn parse(text: &'a str) -> Result<Self, ProtocolError> {
        if text.contains('\0') {
            return Err(ProtocolError::Malformed("a line must not have a NUL"));
        }
        let parts = text.split_once('|').and_then(|(hub, rest)| {
            let (topic, data) = rest.split_once('|')?;
            (!hub.is_empty() && !topic.is_empty()).then_some(Self { hub, topic, data })
        });
        parts.ok_or(ProtocolError::Malformed("a line is hub|topic|data"))
    }

    /// Writes it with its end.
    pub fn write(&self, out: &mut BytesMut) {
        let Self { hub, topic, data } = self;
        for part in [hub, "|", topic, "|", data, "\r\n"] {
            out.put_slice(part.as_bytes());
        }
    }
}

impl Protocol for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn format(&self) -> Format {
        Format::Text
    }

    fn slot(&self) -> usize {
        1
    }

    /// Takes one line, without its end.
    fn decode(&self, input: &mut Bytes, out: &mut VecDeque<Message>) -> Result<(), ProtocolError> {
        let text = std::mem::take(input);
        let text = std::str::from_utf8(&text)
            .map_err(|_| ProtocolError::Malformed("a line must be UTF-8"))?;
        let Line { hub, topic, data } = Line::parse(text)?;
        out.push_back(Message::Call(Call {
            // Answers come back on the topic that was called.
            id: Some(InvocationId::new(format!("{hub}|{topic}"))),
            hub: SmolStr::new(hub),
            method: SmolStr::new(topic),
            args: arguments(data)?,
            state: None,
            streams: Vec::new(),
        }));
        Ok(())
    }

    fn event(&self, event: &Event, _: Tag) -> Part {
        let data = match event.args.read::<Vec<Box<RawValue>>>().as_deref() {
            Ok([]) => String::new(),
            Ok([one]) => plain(one.get()),
            _ => plain(&String::from_utf8_lossy(event.args.as_bytes())),
        };
        line(event.hub.as_str(), &event.method, &data)
    }

    /// Progress has no form here.
    fn item(&self, _: &Item) -> Part {
        Part::new()
    }

    fn frame(&self, _: Cursor, _: Envelope<'_>, parts: &[&Part], out: &mut BytesMut) {
        for part in parts {
            out.put_slice(part);
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
            Ok(Some(value)) => {
                let data = plain(&String::from_utf8_lossy(value.as_bytes()));
                let data = &data;
                Line { hub, topic, data }.write(out);
            }
            Err(failure) => {
                let data = serde_json::json!({ "Message": failure.message }).to_string();
                let (topic, data) = ("4", &*data);
                Line { hub, topic, data }.write(out);
            }
        }
    }
}

/// What the data of a line is to a method: nothing, the elements of a JSON array, a JSON object, or a text, which becomes
/// a number or a boolean where the method wants one.
fn arguments(data: &str) -> Result<Args, ProtocolError> {
    let args = match data.trim_start().as_bytes().first() {
        None => return Ok(Args::none().lenient()),
        Some(b'[') => Args::parse(Bytes::copy_from_slice(data.as_bytes())).ok(),
        Some(b'{') => {
            let object = serde_json::from_str::<&RawValue>(data).ok();
            object.and_then(|object| Args::parse(format!("[{object}]").into()).ok())
        }
        Some(_) => None,
    };
    let text = || Args::parse(Payload::of(&[data])?.as_bytes().clone());
    Ok(args.map_or_else(text, Ok)?.lenient())
}

/// JSON as a line's data: a text without quotes, its line ends escaped; everything else as it is.
fn plain(json: &str) -> String {
    match serde_json::from_str::<String>(json) {
        Ok(text) => text.replace('\r', "\\r").replace('\n', "\\n"),
        Err(_) => json.replace(['\r', '\n'], " "),
    }
}

fn line(hub: &str, topic: &str, data: &str) -> Part {
    let mut out = BytesMut::with_capacity(hub.len() + topic.len() + data.len() + 4);
    Line { hub, topic, data }.write(&mut out);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Failure;

    fn event(args: &serde_json::Value) -> String {
        let event = Event {
            hub: "foo".into(),
            method: "bar".into(),
            args: Payload::of(args).unwrap(),
            state: None,
            tag: None,
        };
        String::from_utf8(Text.event(&event, Tag::default()).to_vec()).unwrap()
    }

    fn call(line: &str) -> Result<Call, ProtocolError> {
        let mut out = VecDeque::new();
        Text.decode(&mut Bytes::copy_from_slice(line.as_bytes()), &mut out)?;
        match out.pop_front() {
            Some(Message::Call(call)) => Ok(call),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_line_is_split_at_its_first_two_bars() {
        let line = Line::parse("foo|bar|a|b|").unwrap();
        assert_eq!((line.hub, line.topic, line.data), ("foo", "bar", "a|b|"));
        for wrong in ["", "foo", "foo|bar", "|bar|x", "foo||x", "foo|bar|\0"] {
            assert!(Line::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn data_is_what_the_method_wants() {
        let one = |line: &str| call(line).unwrap().args;
        assert_eq!(
            one("foo|bar|hi there").next::<String>("m").unwrap(),
            "hi there"
        );
        assert_eq!(one("foo|bar|\"hi\"").next::<String>("m").unwrap(), "\"hi\"");
        assert_eq!(one("foo|bar|42").next::<String>("m").unwrap(), "42");
        assert_eq!(one("foo|bar|42").next::<u32>("m").unwrap(), 42);
        assert!(one("foo|bar|true").next::<bool>("m").unwrap());
        assert_eq!(one("foo|bar|").len(), 0);
        assert_eq!(one("foo|bar|[1,\"a\"]").len(), 2);
        let object = one("foo|bar|{\"a\":1}")
            .next::<serde_json::Value>("m")
            .unwrap();
        assert_eq!(object["a"], 1);
        for text in ["[1", "{\"a\":1},2", "{}}", "[ok]"] {
            let line = format!("foo|bar|{text}");
            assert_eq!(one(&line).next::<String>("m").unwrap(), text);
        }
    }

    #[test]
    fn events_are_lines() {
        assert_eq!(event(&serde_json::json!(["hi"])), "foo|bar|hi\r\n");
        assert_eq!(event(&serde_json::json!([])), "foo|bar|\r\n");
        assert_eq!(event(&serde_json::json!([42])), "foo|bar|42\r\n");
        assert_eq!(
            event(&serde_json::json!([{"a": "b"}])),
            "foo|bar|{\"a\":\"b\"}\r\n"
        );
        assert_eq!(event(&serde_json::json!([1, "a"])), "foo|bar|[1,\"a\"]\r\n");
        assert_eq!(
            event(&serde_json::json!(["a\r\nb|c"])),
            "foo|bar|a\\r\\nb|c\r\n"
        );
    }

    #[test]
    fn answers_come_back_on_the_topic() {
        let answer = |outcome| {
            let id = call("foo|get_age|").unwrap().id;
            let completion = Completion {
                id,
                outcome,
                state: None,
            };
            let mut out = BytesMut::new();
            Text.write(&Message::Complete(completion), &mut out);
            String::from_utf8(out.to_vec()).unwrap()
        };
        let value = Payload::of(&42).unwrap();
        assert_eq!(answer(Ok(Some(value))), "foo|get_age|42\r\n");
        assert_eq!(answer(Ok(None)), "");
        let failure = Failure {
            message: "a \"b\"\n".into(),
            data: None,
            public: true,
        };
        assert_eq!(
            answer(Err(failure)),
            "foo|4|{\"Message\":\"a \\\"b\\\"\\n\"}\r\n"
        );
    }
}
