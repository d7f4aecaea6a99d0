//! The classic codec against anything: round trips, and bytes that are nothing.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use hub_core::{
    Args, Call, Classic, ClassicClient, Completion, Cursor, Envelope, Epoch, Event, Failure,
    HubName, InvocationId, Item, Message, Payload, Protocol, Start, Tag,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

fn text() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        '"', '\\', '/', '<', '\n', '\0', '\u{7f}', '\u{85}', '\u{2028}', '\u{2029}', '😀', 'é', '|',
    ]);
    vec(
        prop_oneof![3 => odd, 3 => any::<char>(), 2 => prop::char::range('a', 'z')],
        0..12,
    )
    .prop_map(|chars| chars.into_iter().collect())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // serde_json reads other fractions up to one unit in the last place beside themselves.
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((text(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    vec((text(), value()), 0..3).prop_map(|members| Value::Object(members.into_iter().collect()))
}

fn payload(value: &Value) -> Payload {
    Payload::of(value).unwrap()
}

fn id() -> impl Strategy<Value = Option<InvocationId>> {
    option::of(text().prop_map(InvocationId::new))
}

fn decoded(protocol: &dyn Protocol, bytes: &[u8]) -> Vec<Message> {
    let mut input = Bytes::copy_from_slice(bytes);
    let mut out = VecDeque::new();
    protocol.decode(&mut input, &mut out).unwrap();
    out.into()
}

fn written(protocol: &dyn Protocol, message: &Message) -> BytesMut {
    let mut out = BytesMut::new();
    protocol.write(message, &mut out);
    out
}

prop_compose! {
    fn call()(
        id in id(),
        hub in text().prop_filter("a hub has a name", |hub| !hub.is_empty()),
        method in text(),
        args in vec(value(), 0..5),
        state in option::of(object()),
    ) -> (Call, Vec<Value>) {
        let text = payload(&Value::from(args.clone())).as_bytes().clone();
        let call = Call {
            id,
            hub: hub.into(),
            method: method.into(),
            args: Args::parse(text).unwrap(),
            state: state.as_ref().map(payload),
            streams: Vec::new(),
        };
        (call, args)
    }
}

prop_compose! {
    fn event()(
        hub in text(),
        method in text(),
        args in vec(value(), 0..5),
        state in option::of(object()),
    ) -> Event {
        Event {
            hub: HubName::from(hub),
            method: method.into(),
            args: payload(&Value::from(args)),
            state: state.as_ref().map(payload),
            tag: None,
        }
    }
}

prop_compose! {
    fn item()(id in text(), value in value(), state in option::of(object())) -> Item {
        Item {
            id: InvocationId::new(id),
            value: payload(&value),
            state: state.as_ref().map(payload),
        }
    }
}

fn failure() -> impl Strategy<Value = Failure> {
    // Data belongs to what is meant for the caller.
    (text(), any::<bool>(), option::of(value())).prop_map(|(message, public, data)| Failure {
        message,
        public,
        data: data.filter(|_| public).as_ref().map(payload),
    })
}

prop_compose! {
    fn completion()(
        id in id(),
        outcome in prop_oneof![
            option::of(value()).prop_map(|value| Ok(value.as_ref().map(payload))),
            failure().prop_map(Err),
        ],
        state in option::of(object()),
    ) -> Completion {
        Completion { id, outcome, state: state.as_ref().map(payload) }
    }
}

/// Text that is almost a frame.
fn nearly() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\"H\":",
        "\"M\":",
        "\"A\":",
        "\"I\":",
        "\"S\":",
        "\"P\":",
        "\"D\":",
        "\"E\":",
        "\"C\":",
        "\"R\":",
        "null",
        "true",
        "1",
        "-",
        "1e999",
        "\"x\"",
        "\\u",
        "\\ud800",
        "\"\\ud83d\\ude00\"",
        " ",
        "[1,2]",
        "{\"H\":\"h\",\"M\":\"m\"}",
        "é",
        "\u{2028}",
    ]);
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_call_comes_back_as_it_went((call, args) in call()) {
        let bytes = written(&ClassicClient, &Message::Call(call.clone()));
        let mut messages = decoded(&Classic, &bytes);
        prop_assert_eq!(messages.len(), 1);
        let Some(Message::Call(mut read)) = messages.pop() else { panic!("no call") };
        prop_assert_eq!(&read.id, &call.id);
        prop_assert_eq!((&read.hub, &read.method), (&call.hub, &call.method));
        prop_assert_eq!(&read.state, &call.state);
        prop_assert_eq!(read.args.len(), args.len());
        for arg in args {
            prop_assert_eq!(read.args.next::<Value>("arg").unwrap(), arg);
        }
    }

    #[test]
    fn a_result_comes_back_as_it_went(completion in completion()) {
        let bytes = written(&Classic, &Message::Complete(completion.clone()));
        let messages = decoded(&ClassicClient, &bytes);
        let [Message::Complete(read)] = &*messages else { panic!("no result: {messages:?}") };
        prop_assert_eq!(read, &completion);
    }

    #[test]
    fn a_payload_comes_back_as_it_went(
        events in vec(prop_oneof![
            event().prop_map(Message::Event),
            item().prop_map(Message::Item),
        ], 0..6),
        order in any::<u64>(),
        init in any::<bool>(),
        leave in any::<bool>(),
        groups in option::of(text().prop_filter("a token is not empty", |t| !t.is_empty())),
        delay in option::of(any::<u64>()),
    ) {
        let parts: Vec<Bytes> = events
            .iter()
            .map(|message| match message {
                Message::Event(event) => Classic.event(event, Tag::default()),
                Message::Item(item) => Classic.item(item),
                _ => Bytes::new(),
            })
            .collect();
        let cursor = Cursor::at(Epoch(0xABC), order);
        let envelope = Envelope { init, leave, groups: groups.as_deref(), delay, first: None, gaps: &[] };
        let mut frame = BytesMut::new();
        Classic.frame(cursor, envelope, &parts.iter().collect::<Vec<_>>(), &mut frame);
        // One line, and JSON as strict as any parser wants it.
        let whole: Value = serde_json::from_slice(&frame).unwrap();
        prop_assert_eq!(&whole["C"], &json!(cursor.to_string()));
        prop_assert!(!frame.contains(&b'\n'));
        let mut messages = decoded(&ClassicClient, &frame);
        let Some(Message::Position(position)) = messages.pop() else { panic!("no position") };
        prop_assert_eq!(position.cursor, Some(cursor.to_string()));
        prop_assert_eq!(position.groups, groups);
        prop_assert_eq!((position.init, position.leave, position.delay), (init, leave, delay));
        prop_assert_eq!(messages.len(), events.len());
        for (read, sent) in messages.iter().zip(&events) {
            match (read, sent) {
                (Message::Event(read), Message::Event(sent)) => prop_assert_eq!(read, sent),
                (Message::Item(read), Message::Item(sent)) => prop_assert_eq!(read, sent),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_cursor_comes_back_as_it_went_and_is_another_logs_elsewhere(
        epoch in any::<u64>(), order in any::<u64>(), other in any::<u64>(),
    ) {
        let cursor = Cursor::at(Epoch(epoch), order);
        let text = cursor.to_string();
        prop_assert_eq!(Cursor::parse(Some(&text), Epoch(epoch)), Ok(Start::After(cursor)));
        if other != epoch {
            prop_assert_eq!(Cursor::parse(Some(&text), Epoch(other)), Ok(Start::Foreign));
        }
        prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in vec(any::<u8>(), 0..64)) {
        try_everything(&bytes);
    }

    #[test]
    fn no_text_that_is_nearly_a_frame_makes_a_decoder_panic(text in nearly()) {
        try_everything(text.as_bytes());
    }

    #[test]
    fn no_damaged_frame_makes_a_decoder_panic(
        (call, _) in call(), completion in completion(), event in event(),
        at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut frame = BytesMut::new();
        let part = Classic.event(&event, Tag::default());
        let cursor = Cursor::at(Epoch(1), 1);
        Classic.frame(cursor, Envelope::default(), &[&part], &mut frame);
        for bytes in [
            written(&ClassicClient, &Message::Call(call.clone())),
            written(&Classic, &Message::Complete(completion.clone())),
            frame,
        ] {
            let at = at.index(bytes.len());
            try_everything(&bytes[..at]);
            let mut damaged = bytes;
            damaged[at] = byte;
            try_everything(&damaged);
        }
    }
}

/// Decodes as a server and as a client, and reads whatever comes of it.
fn try_everything(bytes: &[u8]) {
    for protocol in [&Classic as &dyn Protocol, &ClassicClient] {
        let mut input = Bytes::copy_from_slice(bytes);
        let mut out = VecDeque::new();
        let _ = protocol.decode(&mut input, &mut out);
        for message in out {
            match message {
                Message::Call(call) => read_all(call.args),
                Message::Event(event) => drop(event.args.read::<Value>()),
                Message::Item(item) => drop(item.value.read::<Value>()),
                Message::Complete(Completion {
                    outcome: Ok(Some(value)),
                    ..
                }) => {
                    drop(value.read::<Value>());
                }
                _ => {}
            }
        }
    }
    if let Ok(args) = Args::parse(Bytes::copy_from_slice(bytes)) {
        read_all(args);
    }
    let text = String::from_utf8_lossy(bytes);
    for text in [
        text.to_string(),
        format!("d-1-{text}"),
        format!("d-{text}-1"),
    ] {
        let _ = Cursor::parse(Some(&text), Epoch(1));
    }
}

fn read_all(mut args: Args) {
    let remaining = args.remaining().count();
    assert_eq!(remaining, args.len());
    for _ in 0..=remaining {
        let _ = args.next::<Value>("arg");
    }
    let _ = args.next_or_none::<u8>("one more");
}
