//! Reads an argument as Json.NET's defaults would where serde refuses (`classic-signalr.md` 8.7).
//!
//! | Asked for | Also taken | Still refused |
//! |---|---|---|
//! | integers | strings of an integer: `"5"`, `" -5 "`, `"+5"` | `5.0`, `5e0`, `"5.0"`, booleans, `""`, null |
//! | floats | strings of a number: `"1.5"`, `"1e3"` | booleans, `""`, `"NaN"`, `"1,000"`, null |
//! | booleans | numbers (0 is false), `"true"` and `"false"` in any case | other strings, null |
//! | strings | numbers as they are written, booleans as `True` and `False` | null, arrays, objects |
//! | sequences of `u8` | a base64 string that is not empty | |
//! | structs | names of members in any case; the last of several equal ones | arrays with such elements, null |
//! | enums | names of variants in any case, numbers of unit variants | numbers without a variant |
//!
//! The same holds for what is inside of sequences, tuples, maps (not their keys), structs, enums and options, down to
//! [`MAX_DEPTH`]. What asks for anything at all gets what was sent, unchanged: `Value`, `RawValue`, and what serde
//! buffers first (untagged and internally tagged enums, flattened structs), whose inside is therefore read strictly.
//! Bytes (`deserialize_bytes`) are the characters of a string, as serde_json has them. Members that are missing are
//! serde's matter: `#[serde(default)]` or an `Option`.

use serde::Deserialize;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::value::RawValue;
use serde_json::{Error, de::StrRead};

use super::base64;
use super::members::{Members, Variant};

/// How deeply arrays and objects may be nested to be read so.
const MAX_DEPTH: usize = 20;

/// How serde_json's `RawValue` asks for itself.
const RAW: &str = "$serde_json::private::RawValue";

/// Reads a `T` leniently.
pub(super) fn read<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    let text = std::str::from_utf8(json).ok()?;
    if depth(json) > MAX_DEPTH {
        return None;
    }
    T::deserialize(Lenient(text.trim_ascii())).ok()
}

/// How deeply arrays and objects are nested.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut most) = (0_usize, 0);
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                most = most.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => drop(bytes.next()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    most
}

enum Kind {
    Null,
    True,
    False,
    Number,
    String,
    Array,
    Object,
}

/// The text of one JSON value, without blanks around it.
#[derive(Clone, Copy)]
pub(super) struct Lenient<'de>(pub(super) &'de str);

impl<'de> Lenient<'de> {
    fn kind(self) -> Kind {
        match self.0.as_bytes().first() {
            Some(b'n') => Kind::Null,
            Some(b't') => Kind::True,
            Some(b'f') => Kind::False,
            Some(b'"') => Kind::String,
            Some(b'[') => Kind::Array,
            Some(b'{') => Kind::Object,
            _ => Kind::Number,
        }
    }

    /// The strict reading.
    fn plain(self) -> serde_json::Deserializer<StrRead<'de>> {
        serde_json::Deserializer::from_str(self.0)
    }

    fn string(self) -> Result<String, Error> {
        String::deserialize(&mut self.plain())
    }

    /// A string, without the blanks that .NET's parsers pass over.
    fn trimmed(self) -> Result<String, Error> {
        let text = self.string()?;
        Ok(text
            .trim_matches(|c| matches!(c, '\t'..='\r' | ' '))
            .to_owned())
    }
}

macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            if !matches!(self.kind(), Kind::String) {
                return self.plain().$method(visitor);
            }
            let text = self.trimmed()?;
            if let Ok(number) = text.parse::<u64>() {
                visitor.visit_u64(number)
            } else if let Ok(number) = text.parse::<i64>() {
                visitor.visit_i64(number)
            } else if let Ok(number) = text.parse::<u128>() {
                visitor.visit_u128(number)
            } else {
                visitor.visit_i128(text.parse().map_err(Error::custom)?)
            }
        }
    )*};
}

macro_rules! floats {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            if !matches!(self.kind(), Kind::String) {
                return self.plain().$method(visitor);
            }
            let text = self.trimmed()?;
            // Rust would also take `inf` and `nan`.
            let digits = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
            match text.parse::<f64>() {
                Ok(number) if number.is_finite() && text.chars().all(digits) => {
                    visitor.visit_f64(number)
                }
                _ => Err(Error::custom("no number")),
            }
        }
    )*};
}

macro_rules! strings {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.kind() {
                Kind::Number => visitor.visit_str(self.0),
                Kind::True => visitor.visit_str("True"),
                Kind::False => visitor.visit_str("False"),
                _ => self.plain().$method(visitor),
            }
        }
    )*};
}

macro_rules! plain {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.plain().$method(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Lenient<'de> {
    type Error = Error;

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }
    floats! { deserialize_f32 deserialize_f64 }
    strings! { deserialize_str deserialize_string }
    plain! {
        deserialize_any deserialize_char deserialize_bytes deserialize_byte_buf deserialize_unit
        deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.kind() {
            Kind::Number => visitor.visit_bool(f64::deserialize(&mut self.plain())? != 0.0),
            Kind::String => match self.trimmed()? {
                text if text.eq_ignore_ascii_case("true") => visitor.visit_bool(true),
                text if text.eq_ignore_ascii_case("false") => visitor.visit_bool(false),
                _ => Err(Error::custom("no boolean")),
            },
            _ => self.plain().deserialize_bool(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.kind() {
            Kind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.plain().deserialize_unit_struct(name, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == RAW {
            return self.plain().deserialize_newtype_struct(name, visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if !matches!(self.kind(), Kind::String) {
            return self.plain().deserialize_seq(Inside(visitor));
        }
        // An empty sequence would not tell whether bytes were asked for.
        match base64::decode(&self.string()?) {
            Some(bytes) if !bytes.is_empty() => visitor.visit_seq(Octets(bytes.into_iter())),
            _ => Err(Error::custom("no base64")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.plain().deserialize_tuple(len, Inside(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.plain()
            .deserialize_tuple_struct(name, len, Inside(visitor))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.plain().deserialize_map(Inside(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.kind() {
            Kind::Object => visitor.visit_map(Members::of(self, fields)?),
            _ => self.plain().deserialize_struct(name, fields, visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.kind() {
            Kind::Number => visitor.visit_enum(Variant::numbered(self.0)?),
            Kind::String => visitor.visit_enum(Variant::named(&self.trimmed()?, variants)),
            Kind::Object => visitor.visit_enum(Variant::of(self, variants)?),
            _ => self.plain().deserialize_enum(name, variants, visitor),
        }
    }
}

/// Lets a visitor read elements and values leniently.
struct Inside<T>(T);

impl<'de, V: Visitor<'de>> Visitor<'de> for Inside<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.expecting(f)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Inside(seq))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Inside(map))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Inside<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let raw = self.0.next_element::<&'de RawValue>()?;
        raw.map(|raw| seed.deserialize(Lenient(raw.get())))
            .transpose()
            .map_err(A::Error::custom)
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Inside<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let raw = self.0.next_value::<&'de RawValue>()?;
        seed.deserialize(Lenient(raw.get()))
            .map_err(A::Error::custom)
    }
}

/// Bytes for a sequence whose elements are `u8`, and for no other.
struct Octets(std::vec::IntoIter<u8>);

impl<'de> SeqAccess<'de> for Octets {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        self.0
            .next()
            .map(|byte| seed.deserialize(Octet(byte)))
            .transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Octet(u8);

impl<'de> Deserializer<'de> for Octet {
    type Error = Error;

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u8(self.0)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("base64 is for bytes"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}
