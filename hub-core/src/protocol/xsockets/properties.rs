//! Both wires against anything: no bytes panic, and what is written is read again as it was.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::message::{Event, Tag};
use crate::protocol::{Envelope, Packet, Packets, Part, Protocol, Text, XSockets};
use crate::value::Payload;
use crate::{Cursor, Epoch};

/// Takes a message through everything that a server does with it.
fn take(read: Option<Packet>) {
    if let Some(packet) = read {
        let _ = XSockets.acknowledge(&packet);
        let published = packet.published();
        assert!(published.read::<Vec<Value>>().is_ok() || deep(&published));
        if let Ok(call) = packet.call() {
            let mut args = call.args;
            while args.remaining().next().is_some() {
                let _ = args.next::<Value>("a");
            }
        }
    }
}

/// Too deep for a reader, or a number too large for one.
fn deep(payload: &Payload) -> bool {
    Payload::from_json(payload.as_bytes().clone()).is_ok()
}

fn framed(protocol: &dyn Protocol, part: &Part, first: Option<u64>) -> Vec<u8> {
    let mut out = BytesMut::new();
    let envelope = Envelope {
        first,
        ..Envelope::default()
    };
    protocol.frame(Cursor::at(Epoch(1), 1), envelope, &[part], &mut out);
    out.to_vec()
}

fn event(topic: &str, args: &Value) -> Event {
    Event {
        hub: "foo".into(),
        method: topic.into(),
        args: Payload::of(args).unwrap(),
        state: None,
        tag: None,
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("[1")),
        Just(json!("a|b\r\nc\u{2028}")),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|all| Value::Object(all.into_iter().collect())),
        ]
    })
}

/// Something like a message, with mistakes.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "\"C\":",
        "\"t\":",
        "\"D\":",
        "\"I\":",
        "\"Q\":",
        "\"foo\"",
        "\"5\"",
        "5",
        "-1",
        "null",
        "\"{\\\"T\\\":\\\"x\\\"}\"",
        "[",
        "]",
        ",",
        "|",
        "foo|9|",
        "\0",
        "\r\n",
        "ü",
        "1e999",
    ]);
    vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_bytes_panic(bytes in prop_oneof![vec(any::<u8>(), 0..64), nearly()], length in any::<i64>(), small in -4_i64..80) {
        take(Text.read(&bytes).ok());
        take(XSockets.read(&bytes).ok());
        take(XSockets.read_binary(&bytes).ok());
        for length in [length, small] {
            let message = [&length.to_le_bytes()[..], &bytes].concat();
            take(XSockets.read_binary(&message).ok());
        }
        for protocol in [&Text as &dyn Protocol, &XSockets] {
            let _ = protocol.decode(&mut Bytes::copy_from_slice(&bytes), &mut Default::default());
        }
    }

    #[test]
    fn what_the_sub_protocol_writes_is_read_again(value in value(), topic in ".{1,12}", n in 1_u64..200_000) {
        let part = XSockets.event(&event(&topic, &json!([value])), Tag::default());
        prop_assert_eq!(part.iter().filter(|byte| **byte == b'\n').count(), 1);
        let packet = XSockets.read(&framed(&XSockets, &part, Some(n))).unwrap();
        prop_assert_eq!(&*packet.topic, &*topic);
        prop_assert_eq!(packet.data.as_ref().unwrap().read::<Value>().unwrap(), value);
        let number: u64 = packet.number.unwrap().parse().unwrap();
        prop_assert_eq!(number, (n - 1) % 65_535 + 1);
    }

    /// Texts lose their line ends, and anything else stays.
    #[test]
    fn what_the_text_protocol_writes_is_one_line_that_is_read_again(value in value(), topic in "[a-z]{1,12}", n in proptest::option::of(any::<u64>())) {
        let part = Text.event(&event(&topic, &json!([value])), Tag::default());
        let frame = framed(&Text, &part, n);
        let line = frame.strip_suffix(b"\r\n").unwrap();
        prop_assert!(!line.iter().any(|byte| matches!(byte, b'\r' | b'\n')));
        prop_assume!(!line.contains(&0));
        let packet = Text.read(line).unwrap();
        let number = n.map(|n| format!("#{n}")).unwrap_or_default();
        prop_assert_eq!(&*packet.topic, &*format!("{topic}{number}"));
        match (&value, packet.data) {
            (Value::Object(_) | Value::Array(_), Some(data)) => {
                prop_assert_eq!(data.read::<Value>().unwrap(), value);
            }
            (Value::String(text), data) => {
                let escaped = text.replace('\r', "\\r").replace('\n', "\\n");
                let said = data.map(|data| match data.read::<String>() {
                    Ok(said) => said,
                    Err(_) => String::from_utf8_lossy(data.as_bytes()).into_owned(),
                });
                let said = said.unwrap_or_default();
                prop_assert_eq!(said.trim(), escaped.trim());
            }
            (plain, data) => {
                prop_assert_eq!(data.unwrap().read::<String>().unwrap(), plain.to_string());
            }
        }
    }
}
