//! Calls as clients write them, read byte by byte: without blanks or escapes, and with nothing but a hub, a method, arguments and
//! an id. That is nearly every frame a server reads, and a few times faster than by way of a deserializer. Whatever else a frame
//! may be is left to that ([`Said`]), which reads any JSON.

use std::borrow::Cow;

use bytes::Bytes;
use serde::de::DeserializeSeed;

use super::said::{Id, Said, Text};
use crate::value::{Args, Elements};

/// What a frame holds, whose text this is; `None` where it is not as plain as that.
pub(super) fn read<'a>(frame: &'a Bytes, text: &'a str) -> Option<Said<'a>> {
    let mut said = Said::default();
    let mut rest = Rest(text.strip_prefix('{')?);
    loop {
        let name = rest.text()?;
        rest.skip(':')?;
        match name.as_bytes() {
            [b'H' | b'h'] => said.hub = Text(Some(Cow::Borrowed(rest.text()?))),
            [b'M' | b'm'] => said.method = Text(Some(Cow::Borrowed(rest.text()?))),
            [b'A' | b'a'] => said.args = Some(rest.args(frame)?),
            [b'I' | b'i'] => said.id = Id::Plain(rest.id()?),
            _ => return None,
        }
        match rest.0 {
            "}" => return Some(said),
            _ => rest.skip(',')?,
        }
    }
}

/// What is not read yet.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn skip(&mut self, what: char) -> Option<()> {
        self.0 = self.0.strip_prefix(what)?;
        Some(())
    }

    /// So many bytes from here.
    fn take(&mut self, len: usize) -> Option<&'a str> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// A string.
    fn text(&mut self) -> Option<&'a str> {
        self.skip('"')?;
        let ends = |b: u8| b == b'"' || b == b'\\' || b < 0x20;
        let len = self.0.bytes().position(ends)?;
        let text = self.take(len)?;
        self.skip('"')?;
        Some(text)
    }

    /// A number without a sign, or a string.
    fn id(&mut self) -> Option<&'a str> {
        if self.0.starts_with('"') {
            return self.text();
        }
        let len = self.0.bytes().position(|b| !b.is_ascii_digit())?;
        let digits = self.take(len).filter(|digits| !digits.is_empty())?;
        let ends = self.0.starts_with([',', '}']);
        (ends && (digits == "0" || !digits.starts_with('0'))).then_some(digits)
    }

    /// An array, whose elements may be any JSON.
    fn args(&mut self, frame: &Bytes) -> Option<Args> {
        if !self.0.starts_with('[') {
            return None;
        }
        let mut json = serde_json::Deserializer::from_str(self.0);
        let spans = Elements::of(frame).deserialize(&mut json).ok()?;
        let begin = frame.len().checked_sub(self.0.len())?;
        let len = match spans.last() {
            Some(last) => last.end().checked_sub(begin)?,
            None => 1,
        };
        self.take(len)?;
        self.skip(']')?;
        Some(Args::found(frame.clone(), spans))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What both ways make of a frame; what can't be read is `None`.
    fn both(text: &str) -> (Option<String>, Option<String>) {
        let frame = Bytes::copy_from_slice(text.as_bytes());
        let text = std::str::from_utf8(&frame).unwrap();
        let call = |said: Said<'_>| format!("{:?}", said.call(&frame).map_err(|it| it.to_string()));
        let any = Said::read_any(&frame, text).ok();
        (read(&frame, text).map(call), any.map(call))
    }

    #[test]
    fn what_clients_write_is_plain() {
        for text in [
            r#"{"H":"chat","M":"Send","A":["x",1,{"a":[null,"\u0041"]}],"I":0}"#,
            r#"{"H":"chat","M":"send","A":[],"I":"17"}"#,
            r#"{"I":12,"A":[ 1 , 2],"M":"grüße","H":"c"}"#,
            r#"{"h":"chat","m":"send"}"#,
        ] {
            let (plain, any) = both(text);
            assert!(plain.is_some(), "{text}");
            assert_eq!(plain, any, "{text}");
        }
    }

    #[test]
    fn what_is_not_plain_is_left() {
        for text in [
            "",
            "{}",
            r#"{"H":"chat"}x"#,
            r#"{"H":"chat" }"#,
            r#"{"H":"ch\u0061t"}"#,
            r#"{"H":"chat","I":01}"#,
            r#"{"H":"chat","I":1.5}"#,
            r#"{"H":"chat","I":-1}"#,
            r#"{"H":"chat","I":}"#,
            r#"{"H":"chat","A":null}"#,
            r#"{"H":"chat","A":[1,]}"#,
            r#"{"H":"chat","A":[1 ]}"#,
            r#"{"H":"chat","A":[1"#,
            r#"{"H":"chat","S":{}}"#,
            r#"{"HH":"chat"}"#,
            r#"{"H":"chat",}"#,
        ] {
            assert_eq!(both(text).0, None, "{text}");
        }
    }

    /// Pieces of frames, right and wrong.
    const PIECES: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        " ",
        "\"",
        "\\",
        "\n",
        "null",
        "0",
        "17",
        "-1",
        "1e5",
        "x",
        "ü",
        "\"H\":",
        "\"m\":",
        "\"A\":",
        "\"I\":",
        "\"S\":",
        "\"chat\"",
        "\"a\\u0062\"",
        "[]",
        "[1,\"x\"]",
        "[[1],{}]",
        "{}",
        "[ ]",
        "[2 ]",
        "\"\u{7f}\"",
        "\"\t\"",
        "007",
    ];

    fn frame() -> impl Strategy<Value = String> {
        let piece = || prop::sample::select(PIECES);
        let names = ["H", "h", "M", "A", "I", "i", "S", "K", "x", "HM"];
        let name = prop::sample::select(names.to_vec());
        let after = prop::sample::select(vec!["", "", "", " ", ","]);
        let member = (name, piece(), after).prop_map(|(n, v, a)| format!("\"{n}\":{v}{a}"));
        let members = prop::collection::vec(member, 0..6);
        let members = members.prop_map(|members| format!("{{{}}}", members.join(",")));
        let pieces = prop::collection::vec(piece(), 0..12).prop_map(|pieces| pieces.concat());
        prop_oneof![3 => members, 1 => pieces]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn both_ways_read_the_same(text in frame()) {
            let (plain, any) = both(&text);
            prop_assert!(plain.is_none() || plain == any, "{plain:?} {any:?}");
        }
    }
}
