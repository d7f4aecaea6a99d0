//! What comes on a channel, free of how it was cut into payloads.

use std::collections::VecDeque;
use std::time::Instant;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::text::Known;

/// How a channel dresses its payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dress {
    WebSocket,
    ServerSentEvents,
    ForeverFrame,
    /// Also with a callback around it.
    LongPoll,
}

/// What one side said: expected or got. Each with the recording's line, for messages of failure.
#[derive(Debug, Default)]
pub struct Said {
    /// Frames that are no payloads: answers, and what a stream begins with.
    pub others: VecDeque<(usize, String)>,
    /// The messages of payloads.
    pub messages: VecDeque<(usize, String)>,
    /// What else is in payloads, `S`, `T`, `L`, `G`, and what is around them.
    pub members: VecDeque<(usize, String)>,
    /// After how many messages and members each cursor came.
    cursors: VecDeque<(usize, usize, String)>,
    taken: (usize, usize),
    /// Payloads that are answers of polls, which may be empty.
    pub polls: usize,
    /// Payloads with nothing in them that is compared.
    pub empty_payloads: usize,
    pub keep_alives: Vec<Instant>,
    /// What is around all payloads of a channel.
    around: Option<String>,
    /// Bytes that are not a whole unit yet.
    rest: String,
}

impl Said {
    /// Adds bytes of a body.
    pub fn add_bytes(&mut self, dress: Dress, bytes: &[u8], at: Instant) {
        self.rest += std::str::from_utf8(bytes).expect("UTF-8");
        while let Some(unit) = self.unit(dress) {
            self.add(dress, 0, &unit, at);
        }
    }

    /// Takes a whole unit off the bytes.
    fn unit(&mut self, dress: Dress) -> Option<String> {
        let end = match dress {
            Dress::ServerSentEvents => self.rest.find("\n\n")? + 2,
            Dress::ForeverFrame => {
                // Only the prelude has more after its script.
                let prelude = self.rest.starts_with("<!DOCTYPE");
                let end = if prelude { "<body>\r\n" } else { "</script>" };
                let end = self.rest.find(end)? + end.len();
                let line_end = if prelude { 0 } else { 2 };
                (self.rest.len() >= end + line_end).then_some(end + line_end)?
            }
            Dress::LongPoll if self.rest.starts_with(' ') => 1,
            Dress::LongPoll if self.rest.is_empty() => return None,
            Dress::LongPoll => self.rest.rfind(['}', ';'])? + 1,
            Dress::WebSocket => self.rest.len(),
        };
        let tail = self.rest.split_off(end);
        Some(std::mem::replace(&mut self.rest, tail))
    }

    /// Adds a frame, an event, a script, or what a poll is answered with; tells whether it was a keep-alive.
    pub fn add(&mut self, dress: Dress, line: usize, unit: &str, at: Instant) -> bool {
        let keep_alive = match dress {
            Dress::WebSocket => unit == "{}",
            Dress::ServerSentEvents => unit == "data: {}\n\n",
            Dress::ForeverFrame => unit == "<script>r(c, {});</script>\n\n",
            Dress::LongPoll => unit == " ",
        };
        if keep_alive {
            self.keep_alives.push(at);
            return true;
        }
        let begin = unit.find("{\"C\":");
        let Some(begin) = begin.filter(|_| !unit.starts_with("<!")) else {
            self.others.push_back((line, unit.to_owned()));
            return false;
        };
        let end = unit.rfind('}').expect("an object") + 1;
        let around = format!("{}..{}", &unit[..begin], &unit[end..]);
        if dress == Dress::LongPoll {
            self.polls += 1;
        }
        self.payload(line, &unit[begin..end], &around);
        false
    }

    fn payload(&mut self, line: usize, text: &str, around: &str) {
        let first = self.around.get_or_insert_with(|| around.to_owned());
        assert_eq!(first, around, "around a payload");
        let members = members(text);
        let keys: Vec<&str> = members.iter().map(|(key, _)| &**key).collect();
        let mut order = ["C", "S", "T", "L", "G", "M"].into_iter();
        let ordered = keys.iter().all(|key| order.any(|known| known == *key));
        assert!(ordered && keys.contains(&"M"), "a payload of {keys:?}");
        let (before, had) = (self.members.len(), self.messages.len());
        let mut cursor = String::new();
        for (key, value) in members {
            match &*key {
                "C" => cursor = value.get().trim_matches('"').to_owned(),
                "M" => self
                    .messages
                    .extend(messages(value).map(|text| (line, text))),
                _ => {
                    let member = format!("{around} {key} {}", value.get());
                    self.members.push_back((line, member));
                }
            }
        }
        if before == self.members.len() && had == self.messages.len() {
            self.empty_payloads += 1;
        }
        let messages = self.taken.0 + self.messages.len();
        let members = self.taken.1 + self.members.len();
        self.cursors.push_back((messages, members, cursor));
    }

    /// Whether everything that is wanted has come.
    pub fn has(&self, wanted: &Self) -> bool {
        self.others.len() >= wanted.others.len()
            && self.messages.len() >= wanted.messages.len()
            && self.members.len() >= wanted.members.len()
            && self.polls >= wanted.polls
    }

    pub fn is_empty(&self) -> bool {
        self.others.is_empty() && self.messages.is_empty() && self.members.is_empty()
    }

    /// Takes off what was wanted, comparing; gives the line and both texts where they differ.
    pub fn take(&mut self, wanted: &mut Self, known: &mut Known) -> Result<(), Differs> {
        let same = |e: &mut VecDeque<_>, g: &mut VecDeque<_>, known: &mut Known| {
            while let (Some((line, expected)), Some((_, got))) = (e.pop_front(), g.front()) {
                let (expected, got): (String, &String) = (expected, got);
                // Tokens are never the same again.
                let token = expected.contains(" G \"") && got.contains(" G \"");
                if token {
                    let text = |member: &str| member.split('"').nth(1).map(ToOwned::to_owned);
                    let placeholder = text(&expected).unwrap_or_default();
                    known.set(&placeholder, &text(got).unwrap_or_default());
                } else if !known.same_json(&expected, got) {
                    return Err(Differs {
                        line,
                        expected,
                        got: got.clone(),
                    });
                }
                g.pop_front();
            }
            Ok(())
        };
        self.taken.0 += wanted.messages.len();
        self.taken.1 += wanted.members.len();
        same(&mut wanted.others, &mut self.others, known)?;
        same(&mut wanted.messages, &mut self.messages, known)?;
        same(&mut wanted.members, &mut self.members, known)?;
        // A cursor stands for what came up to it.
        while let Some((messages, members, placeholder)) = wanted.cursors.pop_front() {
            let reached =
                |cursor: &&(usize, usize, String)| cursor.0 >= messages && cursor.1 >= members;
            if let Some((_, _, cursor)) = self.cursors.iter().find(reached) {
                known.set(&placeholder, cursor);
            }
        }
        wanted.taken = self.taken;
        Ok(())
    }

    /// The newest cursor.
    pub fn cursor(&self) -> Option<&str> {
        self.cursors.back().map(|(_, _, cursor)| &**cursor)
    }
}

/// Where the recording and this run part.
#[derive(Debug)]
pub struct Differs {
    pub line: usize,
    pub expected: String,
    pub got: String,
}

/// The members of an object, in order; fails where there is a blank that the original does not write.
fn members(text: &str) -> Vec<(String, &RawValue)> {
    let Members(members) = serde_json::from_str(text).expect("a payload is an object");
    let written: Vec<String> = members
        .iter()
        .map(|(key, value)| format!("\"{key}\":{}", value.get()))
        .collect();
    assert_eq!(text, format!("{{{}}}", written.join(",")));
    members
}

fn messages(list: &RawValue) -> impl Iterator<Item = String> {
    let list: Vec<&RawValue> = serde_json::from_str(list.get()).expect("M is an array");
    list.into_iter().map(|message| message.get().to_owned())
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> serde::de::Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}
