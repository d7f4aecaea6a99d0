//! The text protocol of XSockets, the server's side: lines of `hub|topic|data` (`delivery.md` e.1). It is made for people
//! with a terminal, and for devices that can do no more.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::value::RawValue;
use smol_str::SmolStr;

use super::{Envelope, Format, Packet, Packets, Part, Protocol};
use crate::Cursor;
use crate::error::ProtocolError;
use crate::id::InvocationId;
use crate::message::{Completion, Event, Item, Message, Tag};
use crate::value::Payload;

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
        let line = std::mem::take(input);
        out.push_back(Message::Call(self.read(&line)?.call()?));
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

    /// A number stands behind the topic: `foo|bar#17|data`.
    fn frame(&self, _: Cursor, envelope: Envelope<'_>, parts: &[&Part], out: &mut BytesMut) {
        for (n, part) in (0..).zip(parts) {
            let mut bars = part.iter().enumerate().filter(|(_, byte)| **byte == b'|');
            let at = bars.nth(1).map_or(part.len(), |(at, _)| at);
            let (head, data) = part.split_at(at);
            out.put_slice(head);
            if let Some(first) = envelope.first {
                out.put_slice(format!("#{}", first + n).as_bytes());
            }
            out.put_slice(data);
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

impl Packets for Text {
    fn read(&self, message: &[u8]) -> Result<Packet, ProtocolError> {
        let text = std::str::from_utf8(message)
            .map_err(|_| ProtocolError::Malformed("a line must be UTF-8"))?;
        let Line { hub, topic, data } = Line::parse(text)?;
        Ok(Packet {
            hub: SmolStr::new(hub),
            topic: SmolStr::new(topic),
            data: said(data)?,
            number: (topic == "9").then(|| SmolStr::new(data.trim())),
            ..Packet::default()
        })
    }

    fn say(&self, hub: &str, topic: &str, data: Option<&Payload>) -> Part {
        let data = data.map(|data| plain(&String::from_utf8_lossy(data.as_bytes())));
        line(hub, topic, &data.unwrap_or_default())
    }

    fn opened(&self, hub: &str, owner: &str, id: &str) -> Part {
        line(hub, "2", &format!("PI:{owner},CI:{id}"))
    }

    /// A line has no number of its own.
    fn acknowledge(&self, _: &Packet) -> Option<Part> {
        None
    }

    fn highest(&self) -> u64 {
        u64::MAX
    }
}

/// What the data of a line is: nothing, a JSON array, a JSON object, or a text, which becomes a number or a boolean where
/// a method wants one.
fn said(data: &str) -> Result<Option<Payload>, ProtocolError> {
    let json = match data.trim_start().as_bytes().first() {
        None => return Ok(None),
        Some(b'[' | b'{') => Payload::from_json(Bytes::copy_from_slice(data.as_bytes())).ok(),
        Some(_) => None,
    };
    let text = || Payload::of(data);
    Ok(Some(json.map_or_else(text, Ok)?))
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
    use crate::message::{Call, Failure};

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
    fn a_number_stands_behind_the_topic() {
        let parts = [&line("foo", "bar", "a|b"), &line("foo", "b#9", "")];
        for (first, frame) in [
            (None, "foo|bar|a|b\r\nfoo|b#9|\r\n"),
            (Some(41), "foo|bar#41|a|b\r\nfoo|b#9#42|\r\n"),
        ] {
            let envelope = Envelope {
                first,
                ..Envelope::default()
            };
            let mut out = BytesMut::new();
            Text.frame(Cursor::at(crate::Epoch(0), 0), envelope, &parts, &mut out);
            assert_eq!(out, frame);
        }
        assert_eq!(Text.read(b"foo|9| 17").unwrap().number.unwrap(), "17");
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
