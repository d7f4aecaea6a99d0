//! [`Args`]: the arguments of a call, not yet read.

use std::ops::Range;

use bytes::Bytes;
use serde::Deserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::coerce;
use crate::error::{HubError, ProtocolError};

/// The arguments of a call, in order, each kept as JSON until it is asked for.
#[derive(Clone, Debug)]
pub struct Args {
    text: Bytes,
    spans: Spans,
    next: u32,
    lenient: bool,
}

impl Args {
    /// No arguments.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            text: Bytes::new(),
            spans: SmallVec::new_const(),
            next: 0,
            lenient: false,
        }
    }

    /// Takes a JSON array without reading its elements.
    ///
    /// # Errors
    /// When `text` is not a JSON array.
    pub fn parse(text: Bytes) -> Result<Self, ProtocolError> {
        let mut deserializer = serde_json::Deserializer::from_slice(&text);
        let spans = deserializer.deserialize_seq(Elements::of(&text))?;
        deserializer.end()?;
        Ok(Self::found(text, spans))
    }

    /// Arguments that [`Elements`] has found in `text`.
    pub(crate) fn found(text: Bytes, spans: Spans) -> Self {
        Self {
            text,
            spans,
            next: 0,
            lenient: false,
        }
    }

    /// The same arguments, to be read as a classic server reads them: what is no `T` as it stands is converted where
    /// Json.NET's defaults convert it. For protocols whose clients count on that.
    ///
    /// Strings of digits become numbers, numbers and booleans become strings (`5`, `True`), numbers and `"true"`
    /// become booleans, base64 becomes a `Vec<u8>`, a number becomes the unit variant at that place of an enum, and
    /// names of members and variants are found in any case, at every depth down to 20. Refused as ever are numbers
    /// with a decimal point, booleans and `""` for integers, null for what is no `Option`, and members that are
    /// missing without a `#[serde(default)]`. `Value`, `RawValue` and what serde buffers first (untagged and
    /// internally tagged enums, flattened structs) get what was sent. The place of a variant is its place in the
    /// declaration; a discriminant (`Red = 5`) does not count.
    ///
    /// Since conversions are for what does not fit as it stands, a struct whose members may *all* be missing takes any
    /// object, and does not find names in another case: declare the names that clients send (`#[serde(alias)]`), or
    /// make one member necessary.
    #[must_use]
    pub fn lenient(self) -> Self {
        Self {
            lenient: true,
            ..self
        }
    }

    /// How many arguments the caller gave.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether the caller gave none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The next argument.
    ///
    /// # Errors
    /// When there is none left or it is not a `T`; the text names `parameter` and stays on the server unless errors
    /// are detailed.
    pub fn next<T: DeserializeOwned>(&mut self, parameter: &'static str) -> Result<T, HubError> {
        let lenient = self.lenient;
        let raw = self
            .next_raw()
            .ok_or_else(|| HubError::unfit(format!("argument '{parameter}' is missing")))?;
        match serde_json::from_slice(raw) {
            Ok(value) => Ok(value),
            Err(error) => coerced(raw, lenient, parameter, &error),
        }
    }

    /// The next argument, `None` if it is missing or null.
    ///
    /// # Errors
    /// When it is there and is not a `T`.
    pub fn next_or_none<T: DeserializeOwned>(
        &mut self,
        parameter: &'static str,
    ) -> Result<Option<T>, HubError> {
        if (self.next as usize) < self.spans.len() {
            self.next::<Option<T>>(parameter)
        } else {
            Ok(None)
        }
    }

    /// The JSON text of the arguments that are left.
    pub fn remaining(&self) -> impl Iterator<Item = &[u8]> {
        self.spans
            .iter()
            .skip(self.next as usize)
            .filter_map(|span| self.text.get(span.range()))
    }

    fn next_raw(&mut self) -> Option<&[u8]> {
        let span = self.spans.get(self.next as usize)?.range();
        self.next += 1;
        self.text.get(span)
    }
}

/// Reads once more what is no `T` as it stands, if that is allowed.
#[cold]
#[inline(never)]
fn coerced<T: DeserializeOwned>(
    raw: &[u8],
    lenient: bool,
    parameter: &'static str,
    error: &serde_json::Error,
) -> Result<T, HubError> {
    let value = if lenient { coerce::read(raw) } else { None };
    value.ok_or_else(|| HubError::unfit(format!("argument '{parameter}': {error}")))
}

/// Where the arguments stand; of few, without an allocation.
pub(crate) type Spans = SmallVec<[Span; 3]>;

/// Where an argument stands in its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Where it is over.
    pub(crate) fn end(self) -> usize {
        self.end as usize
    }

    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Finds where each element of an array stands in a text that is read, also as a part of it; null has none.
pub(crate) struct Elements {
    /// The address at which the text begins.
    begin: usize,
}

impl Elements {
    pub(crate) fn of(text: &[u8]) -> Self {
        let begin = text.as_ptr() as usize;
        Self { begin }
    }
}

impl<'de> DeserializeSeed<'de> for Elements {
    type Value = Spans;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Spans, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Elements {
    type Value = Spans;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of arguments")
    }

    fn visit_unit<E>(self) -> Result<Spans, E> {
        Ok(Spans::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Spans, A::Error> {
        let mut spans = Spans::new();
        while let Some(raw) = seq.next_element::<&'de RawValue>()? {
            let start = raw.get().as_ptr() as usize - self.begin;
            let place = |at| u32::try_from(at).map_err(A::Error::custom);
            spans.push(Span {
                start: place(start)?,
                end: place(start + raw.get().len())?,
            });
        }
        Ok(spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_in_order_and_may_be_missing_at_the_end() {
        let mut args = Args::parse(Bytes::from_static(br#" [ "a" , {"b":[1,2]}, null ]"#)).unwrap();
        assert_eq!(args.len(), 3);
        assert_eq!(args.next::<String>("first").unwrap(), "a");
        assert_eq!(args.next::<serde_json::Value>("second").unwrap()["b"][1], 2);
        assert_eq!(args.next_or_none::<u8>("third").unwrap(), None);
        assert_eq!(args.next_or_none::<u8>("fourth").unwrap(), None);
        assert!(args.next::<u8>("fifth").is_err());
    }

    #[test]
    fn what_is_no_array_is_refused() {
        for text in ["{}", "1", "", "[1", "[1] 2"] {
            assert!(
                Args::parse(Bytes::from_static(text.as_bytes())).is_err(),
                "{text}"
            );
        }
    }
}
