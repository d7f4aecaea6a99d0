//! [`Said`]: what a client's frame holds, read in one pass: a call, or an answer to an event that asked for one.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use smol_str::SmolStr;

use super::json::{Letter, invocation_id, is_null, slice_of};
use super::plain;
use crate::error::ProtocolError;
use crate::id::InvocationId;
use crate::message::Call;
use crate::value::{Args, Elements, Payload};

/// The most characters of state that a call may carry, measured without blanks (`classic-signalr.md` 8.1).
const MAX_STATE: usize = 4096;

/// The members of a client's frame. Names are matched ignoring case, unknown ones are skipped, the last of equal ones wins
/// (`classic-signalr.md` 8.1).
#[derive(Debug, Default)]
pub(super) struct Said<'a> {
    pub(super) hub: Text<'a>,
    pub(super) method: Text<'a>,
    pub(super) args: Option<Args>,
    pub(super) id: Id<'a>,
    state: Option<&'a RawValue>,
    /// Of an answer: to what, the value, and what went wrong.
    pub(super) key: Option<&'a RawValue>,
    pub(super) result: Option<&'a RawValue>,
    pub(super) error: Option<&'a RawValue>,
}

impl<'a> Said<'a> {
    pub(super) fn read(frame: &'a Bytes) -> Result<Self, ProtocolError> {
        let text = std::str::from_utf8(frame).map_err(|_| ProtocolError::Malformed("not UTF-8"))?;
        plain::read(frame, text).map_or_else(|| Self::read_any(frame, text), Ok)
    }

    pub(super) fn read_any(frame: &'a Bytes, text: &'a str) -> Result<Self, ProtocolError> {
        let mut json = serde_json::Deserializer::from_str(text);
        let mut said = Self::default();
        json.deserialize_map(Members(frame, &mut said))?;
        json.end()?;
        Ok(said)
    }

    /// The call that it is (`classic-signalr.md` 8.1).
    pub(super) fn call(self, frame: &Bytes) -> Result<Call, ProtocolError> {
        let hub = self.hub.0.filter(|hub| !hub.is_empty());
        let hub = hub.ok_or(ProtocolError::Malformed("no hub"))?;
        let method = self.method.0.ok_or(ProtocolError::Malformed("no method"))?;
        let state = self.state.filter(|raw| !is_null(raw));
        let state = state.map(|raw| state_of(frame, raw)).transpose()?;
        Ok(Call {
            id: match self.id {
                Id::None => None,
                Id::Plain(text) => Some(InvocationId::new(text)),
                Id::Any(raw) => invocation_id(raw)?,
            },
            hub: SmolStr::new(hub),
            method: SmolStr::new(method),
            args: self.args.unwrap_or_else(Args::none).lenient(),
            state,
            streams: Vec::new(),
        })
    }
}

/// A call's id, as it stands.
#[derive(Debug, Default)]
pub(super) enum Id<'a> {
    #[default]
    None,
    /// A number or a string, without what is around it.
    Plain(&'a str),
    Any(&'a RawValue),
}

/// Puts members into their places: no large value is moved.
struct Members<'a, 'said>(&'a Bytes, &'said mut Said<'a>);

impl<'de> Visitor<'de> for Members<'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(frame, said) = self;
        while let Some(Letter(letter)) = map.next_key()? {
            match letter.map(|letter| letter.to_ascii_lowercase()) {
                Some(b'h') => said.hub = map.next_value()?,
                Some(b'm') => said.method = map.next_value()?,
                Some(b'a') => {
                    let found = map.next_value_seed(Elements::of(frame))?;
                    said.args = Some(Args::found(frame.clone(), found));
                }
                Some(b'i') => said.id = Id::Any(map.next_value()?),
                Some(b's') => said.state = Some(map.next_value()?),
                Some(b'k') => said.key = Some(map.next_value()?),
                Some(b'r') => said.result = Some(map.next_value()?),
                Some(b'e') => said.error = Some(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A name, borrowed where it has no escapes. Null counts as absent; numbers and booleans are read as text, as Json.NET does.
#[derive(Debug, Default)]
pub(super) struct Text<'a>(pub(super) Option<Cow<'a, str>>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl<'de> Visitor<'de> for Name {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(text.to_owned()))))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Text(None))
            }

            fn visit_bool<E: Error>(self, it: bool) -> Result<Self::Value, E> {
                self.visit_str(if it { "true" } else { "false" })
            }

            fn visit_u64<E: Error>(self, it: u64) -> Result<Self::Value, E> {
                self.visit_str(&it.to_string())
            }

            fn visit_i64<E: Error>(self, it: i64) -> Result<Self::Value, E> {
                self.visit_str(&it.to_string())
            }

            fn visit_f64<E: Error>(self, it: f64) -> Result<Self::Value, E> {
                self.visit_str(&it.to_string())
            }
        }
        deserializer.deserialize_any(Name)
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
