//! Reading one-letter objects without copying them, and writing strings.

use std::borrow::Cow;
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::ProtocolError;
use crate::id::InvocationId;

/// The members of any classic object that a server writes, each still JSON. Names are matched ignoring case, unknown ones are skipped, the
/// last of equal ones wins (`classic-signalr.md` 8.1).
#[derive(Debug, Default)]
pub(super) struct Object<'a> {
    pub(super) h: Option<&'a RawValue>,
    pub(super) m: Option<&'a RawValue>,
    pub(super) a: Option<&'a RawValue>,
    pub(super) i: Option<&'a RawValue>,
    pub(super) s: Option<&'a RawValue>,
    pub(super) c: Option<&'a RawValue>,
    pub(super) g: Option<&'a RawValue>,
    pub(super) t: Option<&'a RawValue>,
    pub(super) l: Option<&'a RawValue>,
    pub(super) e: Option<&'a RawValue>,
    pub(super) d: Option<&'a RawValue>,
    pub(super) r: Option<&'a RawValue>,
    pub(super) p: Option<&'a RawValue>,
    pub(super) o: Option<&'a RawValue>,
    pub(super) k: Option<&'a RawValue>,
    pub(super) x: Option<&'a RawValue>,
}

impl<'a> Object<'a> {
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, ProtocolError> {
        let text = std::str::from_utf8(text).map_err(|_| ProtocolError::Malformed("not UTF-8"))?;
        Ok(serde_json::from_str(text)?)
    }

    fn slot(&mut self, letter: u8) -> Option<&mut Option<&'a RawValue>> {
        Some(match letter.to_ascii_lowercase() {
            b'h' => &mut self.h,
            b'm' => &mut self.m,
            b'a' => &mut self.a,
            b'i' => &mut self.i,
            b's' => &mut self.s,
            b'c' => &mut self.c,
            b'g' => &mut self.g,
            b't' => &mut self.t,
            b'l' => &mut self.l,
            b'e' => &mut self.e,
            b'd' => &mut self.d,
            b'r' => &mut self.r,
            b'p' => &mut self.p,
            b'o' => &mut self.o,
            b'k' => &mut self.k,
            b'x' => &mut self.x,
            _ => return None,
        })
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut object = Object::default();
                while let Some(Letter(letter)) = map.next_key()? {
                    match letter.and_then(|letter| object.slot(letter)) {
                        Some(slot) => *slot = Some(map.next_value()?),
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(object)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A member's name if it is one ASCII character.
pub(super) struct Letter(pub(super) Option<u8>);

impl<'de> Deserialize<'de> for Letter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Letter;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Letter, E> {
                Ok(Letter(match name.as_bytes() {
                    [letter] => Some(*letter),
                    _ => None,
                }))
            }
        }
        deserializer.deserialize_identifier(Name)
    }
}

/// A string, borrowed where it has no escapes. Null counts as absent; numbers are read as text, as Json.NET does.
pub(super) fn text_of(raw: Option<&RawValue>) -> Result<Option<Cow<'_, str>>, ProtocolError> {
    let Some(raw) = raw.filter(|raw| !is_null(raw)) else {
        return Ok(None);
    };
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'"') => {
            let inner = text
                .get(1..text.len().saturating_sub(1))
                .unwrap_or_default();
            if inner.contains('\\') {
                Ok(Some(Cow::Owned(serde_json::from_str(text)?)))
            } else {
                Ok(Some(Cow::Borrowed(inner)))
            }
        }
        Some(b'{' | b'[') => Err(ProtocolError::Malformed("a text was expected")),
        _ => Ok(Some(Cow::Borrowed(text))),
    }
}

/// A call's id, as text: numbers and strings are what clients send; the rest is what the original makes of it.
pub(super) fn invocation_id(raw: &RawValue) -> Result<Option<InvocationId>, ProtocolError> {
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

pub(super) fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}

/// The part of `frame` in which `raw` stands, sharing its memory.
pub(super) fn slice_of(frame: &Bytes, raw: &RawValue) -> Bytes {
    frame.slice_ref(raw.get().as_bytes())
}

/// Writes a JSON string.
pub(super) fn put_str(text: &str, out: &mut BytesMut) {
    let plain = |b: &u8| (0x20..0x7F).contains(b) && *b != b'"' && *b != b'\\';
    if text.as_bytes().iter().all(plain) {
        out.put_u8(b'"');
        out.put_slice(text.as_bytes());
        out.put_u8(b'"');
    } else if let Ok(payload) = crate::Payload::of(text) {
        out.put_slice(payload.as_bytes());
    }
}
