//! Values on their way: a [`Payload`] is a value serialised once, [`Args`] are the arguments of a call not yet read.

mod args;
pub(crate) mod base64;
mod coerce;
mod members;
#[cfg(test)]
mod properties;

use std::cell::Cell;
use std::io;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

pub use args::Args;
pub(crate) use args::Elements;

/// A value serialised once, to be shared by everybody who receives it. Cheap to clone.
///
/// Inside is JSON text; protocols that speak another format transcode it, once per value.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Bytes);

impl Payload {
    /// Serialises `value`.
    ///
    /// # Errors
    /// When `value` has no JSON form (a map with keys that are no strings, or a failing `Serialize`).
    pub fn of(value: &(impl Serialize + ?Sized)) -> Result<Self, serde_json::Error> {
        written(|text| value.write(text))
    }

    /// Serialises values to an array. Unlike a tuple, each is checked by itself; for generated code.
    pub(crate) fn array(values: &[&dyn Argument]) -> Result<Self, serde_json::Error> {
        if values.is_empty() {
            return Ok(Self::empty_array());
        }
        written(|text| {
            let mut open = b'[';
            for value in values {
                text.push(open);
                value.write(text)?;
                open = b',';
            }
            text.push(b']');
            Ok(())
        })
    }

    /// The empty array, as arguments: a call without any.
    #[must_use]
    pub const fn empty_array() -> Self {
        Self(Bytes::from_static(b"[]"))
    }

    /// Takes JSON text that was kept somewhere, checked but not read.
    ///
    /// # Errors
    /// When it is not one JSON value.
    pub fn from_json(text: Bytes) -> Result<Self, serde_json::Error> {
        serde_json::from_slice::<&RawValue>(&text)?;
        Ok(Self(text))
    }

    /// Takes JSON text that a parser has already accepted.
    pub(crate) fn parsed(text: Bytes) -> Self {
        Self(text)
    }

    /// The JSON text, UTF-8.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// Whether this is JSON's `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        &*self.0 == b"null"
    }

    /// Reads the value.
    ///
    /// # Errors
    /// When the value is of another type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.0)
    }
}

/// What is larger than this is not copied from the buffer that its thread keeps, but takes it along.
const MAX_BUFFER: usize = 16 << 10;

/// Serialises into a buffer that is there already, so that what is kept is one piece of the size that it has.
fn written(
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), serde_json::Error>,
) -> Result<Payload, serde_json::Error> {
    thread_local! {
        static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    }
    // Whoever serialises something while it is serialised finds none.
    let mut text = BUFFER.try_with(Cell::take).unwrap_or_default();
    text.clear();
    let done = write(&mut text);
    if text.capacity() > MAX_BUFFER {
        return done.map(|()| Payload(text.into()));
    }
    let payload = done.map(|()| Payload(Bytes::copy_from_slice(&text)));
    let _ = BUFFER.try_with(|buffer| buffer.set(text));
    payload
}

/// The JSON that it is.
impl Serialize for Payload {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = serde_json::from_slice::<&RawValue>(&self.0);
        raw.map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

/// A value that generated code sends, whatever its type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be sent: it does not implement `serde::Serialize`",
    label = "can't be sent"
)]
pub trait Argument {
    /// Appends the value's JSON text.
    ///
    /// # Errors
    /// When it has none.
    fn write(&self, text: &mut Vec<u8>) -> Result<(), serde_json::Error>;
}

impl<T: Serialize + ?Sized> Argument for T {
    fn write(&self, text: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        self.serialize(&mut serde_json::Serializer::with_formatter(text, JsonText))
    }
}

/// JSON as the original writes it: U+0085, U+2028 and U+2029 are escaped, since old JavaScript reads them as ends of
/// lines inside a string, and foreverFrame evaluates payloads as JavaScript (`classic-signalr.md` 5.1).
struct JsonText;

impl serde_json::ser::Formatter for JsonText {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if fragment.is_ascii() {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((at, found)) = rest
            .char_indices()
            .find(|(_, c)| matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}'))
        {
            let (before, after) = rest.split_at(at);
            write!(writer, "{before}\\u{:04x}", u32::from(found))?;
            rest = after.get(found.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_of_old_javascript_are_escaped_and_nothing_else() {
        let payload = Payload::of("a\u{2028}b\u{85}\u{2029}ü😀</script>\"").unwrap();
        assert_eq!(
            payload.as_bytes(),
            "\"a\\u2028b\\u0085\\u2029ü😀</script>\\\"\"".as_bytes()
        );
    }

    #[test]
    fn kept_text_is_one_json_value_or_refused() {
        for text in ["[1,{\"a\":null}]", "\"x\"", " 1 "] {
            let kept = Payload::from_json(Bytes::from_static(text.as_bytes())).unwrap();
            assert_eq!(&**kept.as_bytes(), text.as_bytes());
        }
        for text in ["", "[1", "1 2", "\"\u{1}\""] {
            assert!(Payload::from_json(Bytes::from_static(text.as_bytes())).is_err());
        }
        assert!(Payload::from_json(Bytes::from_static(b"\"\xff\"")).is_err());
    }
}
