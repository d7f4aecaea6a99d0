//! What a request and its answer look like on each kind of server.

use std::io;

use crate::frame::{Expected, Number, Stamp};

/// What a server speaks over its WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The text itself; one that starts with `B` goes to everyone.
    Raw,
    /// Classic hub frames, without negotiation.
    Classic,
}

const ECHO_LENGTH: usize = 64;
const BROADCAST_LENGTH: usize = 100;

/// A payload of `length` characters with room for a number.
fn payload(kind: char, length: usize) -> String {
    format!(
        "{kind}$$$$$$$${}",
        "abcdefghijklmnopqrstuvwxyz"
            .chars()
            .cycle()
            .take(length - 9)
            .collect::<String>()
    )
}

impl Dialect {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Raw => "/",
            Self::Classic => "/signalr",
        }
    }

    /// The first frame says that the connection works; a raw server says nothing.
    pub(crate) fn greets(self) -> bool {
        self == Self::Classic
    }

    /// Whether clients in the field do more than connect.
    pub(crate) fn negotiates(self) -> bool {
        self == Self::Classic
    }

    pub(crate) fn echo(self) -> (Stamp, Expected) {
        let text = payload('E', ECHO_LENGTH);
        match self {
            Self::Raw => (Stamp::new(&text), Expected::new(&text)),
            Self::Classic => (
                Stamp::new(&format!(
                    r#"{{"H":"bench","M":"echo","A":["{text}"],"I":$$$$$$$$}}"#
                )),
                Expected::new(&format!(r#"{{"R":"{text}","I":"$$$$$$$$"}}"#)),
            ),
        }
    }

    pub(crate) fn broadcast(self) -> (Stamp, Delivery) {
        let text = payload('B', BROADCAST_LENGTH);
        match self {
            Self::Raw => (
                Stamp::new(&text),
                Delivery {
                    envelope: false,
                    item: Expected::new(&text),
                    answers: 0,
                },
            ),
            Self::Classic => (
                Stamp::new(&format!(
                    r#"{{"H":"bench","M":"broadcast","A":["{text}"],"I":$$$$$$$$}}"#
                )),
                Delivery::of_hub("bench", &text),
            ),
        }
    }

    /// Whether a text carries no message: a keep-alive.
    pub(crate) fn idle(self, text: &[u8]) -> bool {
        self == Self::Classic && text == b"{}"
    }
}

/// What a subscriber receives for a broadcast.
#[derive(Debug)]
pub(crate) struct Delivery {
    envelope: bool,
    item: Expected,
    answers: usize,
}

impl Delivery {
    /// A message of a classic hub.
    fn of_hub(hub: &str, text: &str) -> Self {
        let item = format!(r#"{{"H":"{hub}","M":"message","A":["{text}"]}}"#);
        Self {
            envelope: true,
            item: Expected::new(&item),
            answers: 0,
        }
    }

    /// Messages to groups of the hub that grows: how they are sent to this one, and what its members receive.
    pub(crate) fn of_group(group: usize) -> (Stamp, Self) {
        let text = payload('B', BROADCAST_LENGTH);
        let request =
            format!(r#"{{"H":"growth","M":"publish","A":[{group},"{text}"],"I":$$$$$$$$}}"#);
        (Stamp::new(&request), Self::of_hub("growth", &text))
    }

    /// Messages that a queue keeps for clients of the hub under strain: how they are sent, and what whoever was away receives.
    pub(crate) fn of_queue() -> (Stamp, Self) {
        let text = payload('B', BROADCAST_LENGTH);
        let request = format!(r#"{{"H":"strain","M":"queue","A":["{text}"],"I":$$$$$$$$}}"#);
        (Stamp::new(&request), Self::of_hub("strain", &text))
    }

    /// Messages that a client has sent to itself, by this method of that hub.
    pub(crate) fn of_self(method: &str) -> (Stamp, Self) {
        let text = payload('B', BROADCAST_LENGTH);
        let request = format!(r#"{{"H":"strain","M":"{method}","A":["{text}"],"I":$$$$$$$$}}"#);
        (Stamp::new(&request), Self::of_hub("strain", &text))
    }

    /// Takes the broadcasts in `text` off `next`, one number each, and says how many there were. A text may hold
    /// none: a payload without messages, or the answer to the broadcast itself.
    pub(crate) fn take(&mut self, text: &[u8], next: &mut Number) -> io::Result<usize> {
        if !self.envelope {
            return if text == self.item.with(*next) {
                next.take();
                Ok(1)
            } else {
                Err(unexpected(text, *next))
            };
        }
        let Some(mut items) = messages(text) else {
            if !answer(text) {
                return Err(unexpected(text, *next));
            }
            self.answers += 1;
            return Ok(0);
        };
        let mut count = 0;
        while let Some((item, rest)) = items.split_at_checked(self.item.len()) {
            if item != self.item.with(*next) || !rest.starts_with(b",") && rest != b"]}" {
                return Err(unexpected(text, *next));
            }
            next.take();
            count += 1;
            items = rest.strip_prefix(b",").unwrap_or(rest);
        }
        if items == b"]}" {
            Ok(count)
        } else {
            Err(unexpected(text, *next))
        }
    }

    /// The numbers of the messages in a payload, whatever they are.
    pub(crate) fn numbers(&mut self, text: &[u8]) -> io::Result<Vec<Number>> {
        let wrong = || io::Error::other(format!("received {}", String::from_utf8_lossy(text)));
        let (mut items, mut numbers) = (messages(text).ok_or_else(wrong)?, Vec::new());
        while let Some((item, rest)) = items.split_at_checked(self.item.len()) {
            let number = self.item.number(item).ok_or_else(wrong)?;
            if item != self.item.with(number) || !rest.starts_with(b",") && rest != b"]}" {
                return Err(wrong());
            }
            numbers.push(number);
            items = rest.strip_prefix(b",").unwrap_or(rest);
        }
        (items == b"]}").then_some(numbers).ok_or_else(wrong)
    }

    /// A message with this number.
    #[cfg(test)]
    pub(crate) fn example(&self, number: u32) -> Vec<u8> {
        let number = Number::read(number.to_string().as_bytes()).unwrap();
        self.item.clone().with(number).to_vec()
    }

    /// How many broadcasts the server has called done, if it says so at all.
    pub(crate) fn answers(&self) -> Option<usize> {
        self.envelope.then_some(self.answers)
    }
}

/// What follows `"M":[` in a payload.
fn messages(text: &[u8]) -> Option<&[u8]> {
    let cursor = text.strip_prefix(br#"{"C":""#)?;
    let end = cursor.iter().position(|byte| *byte == b'"')?;
    cursor.get(end..)?.strip_prefix(br#"","M":["#)
}

/// Which call a text answers, and whether it went well.
pub(crate) fn outcome(text: &[u8]) -> Option<(Number, bool)> {
    let (number, rest) = text.strip_prefix(br#"{"I":""#)?.split_at_checked(8)?;
    let well = rest == br#""}"#;
    let failed = rest.starts_with(br#"","E":"#);
    (well || failed).then_some((Number::read(number)?, well))
}

/// The result of a call that returns nothing.
fn answer(text: &[u8]) -> bool {
    text.strip_prefix(br#"{"I":""#)
        .and_then(|rest| rest.strip_suffix(br#""}"#))
        .is_some_and(|id| id.len() == 8 && id.iter().all(u8::is_ascii_digit))
}

pub(crate) fn unexpected(text: &[u8], number: Number) -> io::Error {
    let text = String::from_utf8_lossy(text);
    io::Error::other(format!("expected message {number}, received {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasts_are_counted_and_kept_in_order() {
        let (_, mut delivery) = Dialect::Classic.broadcast();
        let item = |number: u32| {
            let text = payload('B', BROADCAST_LENGTH).replace("$$$$$$$$", &number.to_string());
            format!(r#"{{"H":"bench","M":"message","A":["{text}"]}}"#)
        };
        let mut next = Number::FIRST;
        let mut take = |text: &str| delivery.take(text.as_bytes(), &mut next);
        assert_eq!(take(r#"{"C":"d-1","M":[]}"#).unwrap(), 0);
        let two = format!(
            r#"{{"C":"d-1","M":[{},{}]}}"#,
            item(10_000_000),
            item(10_000_001)
        );
        assert_eq!(take(&two).unwrap(), 2);
        assert_eq!(take(r#"{"I":"10000001"}"#).unwrap(), 0);
        assert!(take(r#"{"I":"10000001","E":"no"}"#).is_err());
        assert!(take(&format!(r#"{{"C":"d-1","M":[{}]}}"#, item(10_000_003))).is_err());
        assert!(take(&format!(r#"{{"C":"d-1","M":[{}"#, item(10_000_002))).is_err());
        assert_eq!(delivery.answers(), Some(1));
    }

    #[test]
    fn numbers_and_outcomes_are_read() {
        let (_, mut delivery) = Delivery::of_queue();
        let items = [10_000_005, 10_000_007].map(|number| delivery.example(number));
        let payload = |items: &[u8]| [br#"{"C":"d-1","M":["#, items, b"]}"].concat();
        let two = payload(&items.join(&b","[..]));
        let numbers = delivery.numbers(&two).unwrap();
        let texts: Vec<_> = numbers.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["10000005", "10000007"]);
        assert!(delivery.numbers(&payload(b"")).unwrap().is_empty());
        delivery.numbers(&payload(&items.concat())).unwrap_err();
        delivery.numbers(br#"{"I":"10000001"}"#).unwrap_err();
        let of =
            |text: &str| outcome(text.as_bytes()).map(|(number, well)| (number.to_string(), well));
        let number = || "10000001".to_owned();
        assert_eq!(of(r#"{"I":"10000001"}"#), Some((number(), true)));
        assert_eq!(of(r#"{"I":"10000001","E":"no"}"#), Some((number(), false)));
        assert_eq!(of(r#"{"I":"x0000001"}"#), None);
        assert_eq!(of(r#"{"C":"d-1","M":[]}"#), None);
    }

    #[test]
    fn payloads_have_their_length() {
        assert_eq!(payload('E', ECHO_LENGTH).len(), 64);
        assert_eq!(payload('B', BROADCAST_LENGTH).len(), 100);
    }
}
