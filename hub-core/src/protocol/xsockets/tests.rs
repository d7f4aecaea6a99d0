//! Messages of the sub-protocol by hand.

use super::*;
use crate::message::Failure;

fn read(text: &str) -> Result<Packet, ProtocolError> {
    XSockets.read(text.as_bytes())
}

fn data(text: &str) -> Option<String> {
    let data = read(text).unwrap().data?;
    Some(String::from_utf8(data.as_bytes().to_vec()).unwrap())
}

fn binary(length: i64, rest: &[u8]) -> Result<Packet, ProtocolError> {
    XSockets.read_binary(&[&length.to_le_bytes()[..], rest].concat())
}

#[test]
fn members_are_found_in_any_case_and_a_topic_may_be_a_number() {
    for text in [
        r#"{"C":"foo","T":"5","D":"1","I":7,"Q":1,"R":false}"#,
        r#" { "q" : "1" , "i":"7", "d":1, "x":[{"T":"no"}], "t":5, "c":"foo" } "#,
        r#"{"T":"other","t":5,"C":"foo","D":null,"d":"1","I":7,"Q":1}"#,
    ] {
        let packet = read(text).unwrap();
        assert_eq!((&*packet.hub, &*packet.topic), ("foo", "5"), "{text}");
        assert_eq!(packet.number.as_deref(), Some("7"), "{text}");
        assert!(packet.asks, "{text}");
        assert_eq!(data(text).as_deref(), Some("1"), "{text}");
    }
    let least = read(r#"{"T":7}"#).unwrap();
    assert_eq!((&*least.hub, least.data, least.asks), ("", None, false));
}

#[test]
fn data_is_json_in_a_string_or_as_it_is_or_a_text() {
    for (written, read) in [
        (r#""{\"a\":1}""#, Some(r#"{"a":1}"#)),
        (r#"{"a":1}"#, Some(r#"{"a":1}"#)),
        (r#""\"hi\"""#, Some(r#""hi""#)),
        (r#""hi""#, Some(r#""hi""#)),
        (r#""{oops""#, Some(r#""{oops""#)),
        (r#""42""#, Some("42")),
        ("[1,\"a\"]", Some("[1,\"a\"]")),
        ("true", Some("true")),
        (r#""null""#, None),
        ("null", None),
        (r#""  ""#, None),
    ] {
        let text = format!(r#"{{"C":"foo","T":"bar","D":{written}}}"#);
        assert_eq!(data(&text).as_deref(), read, "{written}");
    }
}

#[test]
fn what_is_no_message_is_refused() {
    for text in [
        "",
        "x",
        "[]",
        "{}",
        "1",
        "null",
        r#"{"C":"foo"}"#,
        r#"{"C":"foo","T":""}"#,
        r#"{"C":"foo","T":null}"#,
        r#"{"C":{},"T":"a"}"#,
        r#"{"C":"foo","T":["a"]}"#,
        r#"{"C":"foo","T":true}"#,
        r#"{"C":"foo","T":"a"} x"#,
        r#"{"C":"foo","T":"a""#,
        r#"{"C":"foo","T":"a","D":"\ud800"}"#,
    ] {
        assert!(read(text).is_err(), "{text}");
    }
    assert!(XSockets.read(b"{\"C\":\"\xff\",\"T\":\"a\"}").is_err());
}

#[test]
fn deep_nesting_is_data_like_any_other() {
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for text in [
        format!(r#"{{"C":"foo","T":"bar","D":{deep}}}"#),
        format!(r#"{{"C":"foo","T":"bar","D":"{deep}"}}"#),
    ] {
        let packet = read(&text).unwrap();
        assert_eq!(packet.call().unwrap().args.len(), 1);
        let mut args = packet.call().unwrap().args;
        assert!(args.next::<serde_json::Value>("a").is_err());
    }
}

#[test]
fn a_binary_message_is_a_length_json_and_a_blob() {
    let json = r#"{"C":"foo","T":"bar","D":"\"x\""}"#;
    let length = i64::try_from(json.len()).unwrap();
    let packet = binary(length, &[json.as_bytes(), b"\x01\xff\x03"].concat()).unwrap();
    assert_eq!(packet.blob.as_deref(), Some(&b"\x01\xff\x03"[..]));
    assert_eq!(packet.call().unwrap().args.len(), 2);
    let packet = binary(length, json.as_bytes()).unwrap();
    assert_eq!(packet.blob.as_deref(), Some(&b""[..]));
    // The C# client counts UTF-16 units.
    let json = r#"{"C":"foo","T":"bar","D":"\"ü€😀\""}"#;
    for length in [json.len(), json.encode_utf16().count()] {
        let whole = [json.as_bytes(), b"\xff{}"].concat();
        let packet = binary(i64::try_from(length).unwrap(), &whole).unwrap();
        assert_eq!(packet.blob.as_deref(), Some(&b"\xff{}"[..]), "{length}");
        assert_eq!(packet.data, Some(Payload::of("ü€😀").unwrap()));
    }
}

#[test]
fn wrong_lengths_are_refused() {
    let json = r#"{"C":"foo","T":"bar","D":"ü"}"#;
    let length = i64::try_from(json.len()).unwrap();
    for wrong in [
        -1,
        i64::MIN,
        i64::MAX,
        0,
        1,
        length - 2,
        length + 1,
        length + 1000,
    ] {
        assert!(binary(wrong, json.as_bytes()).is_err(), "{wrong}");
    }
    for short in 0..8 {
        assert!(XSockets.read_binary(&vec![0; short]).is_err(), "{short}");
    }
    // In the middle of a character, of one or of two units.
    assert!(binary(1, "😀".as_bytes()).is_err());
}

#[test]
fn what_is_said_is_a_line_of_json_whose_data_is_a_string() {
    let event = |args: serde_json::Value| {
        let event = Event {
            hub: "foo".into(),
            method: "bar".into(),
            args: Payload::of(&args).unwrap(),
            state: None,
            tag: None,
        };
        String::from_utf8(XSockets.event(&event, Tag::default()).to_vec()).unwrap()
    };
    for (args, data) in [
        (serde_json::json!(["hi\n"]), r#""\"hi\\n\"""#),
        (serde_json::json!([]), r#""null""#),
        (serde_json::json!([1, 2]), r#""[1,2]""#),
        (serde_json::json!([{"a": null}]), r#""{\"a\":null}""#),
    ] {
        let expected = format!("{{\"C\":\"foo\",\"T\":\"bar\",\"D\":{data}}}\n");
        assert_eq!(event(args), expected);
    }
    assert_eq!(
        XSockets.opened("foo", "p", "c"),
        "{\"C\":\"foo\",\"T\":\"2\",\"D\":\"{\\\"C\\\":\\\"foo\\\",\\\"CI\\\":\\\"c\\\",\\\"PI\\\":\\\"p\\\"}\"}\n"
    );
    let mut out = BytesMut::new();
    let failure = Failure {
        message: "no".into(),
        data: None,
        public: true,
    };
    let completion = Completion {
        id: Some(InvocationId::new("foo|bar")),
        outcome: Err(failure),
        state: None,
    };
    XSockets.write(&Message::Complete(completion), &mut out);
    assert_eq!(
        out,
        "{\"C\":\"foo\",\"T\":\"4\",\"D\":\"{\\\"Message\\\":\\\"no\\\"}\"}\n"
    );
}

#[test]
fn numbers_stand_at_the_end_and_begin_anew_after_the_highest() {
    let part = XSockets.say("foo", "bar", None);
    for (first, numbers) in [
        (1, [1, 2]),
        (65_534, [65_534, 65_535]),
        (65_535, [65_535, 1]),
        (131_070, [65_535, 1]),
    ] {
        let mut out = BytesMut::new();
        let envelope = Envelope {
            first: Some(first),
            ..Envelope::default()
        };
        let cursor = Cursor::at(crate::Epoch(0), 0);
        XSockets.frame(cursor, envelope, &[&part, &part], &mut out);
        let lines = std::str::from_utf8(&out).unwrap().lines();
        let read: Vec<_> = lines.map(|line| read(line).unwrap()).collect();
        let found: Vec<u64> = read
            .iter()
            .map(|packet| packet.number.as_ref().unwrap().parse().unwrap())
            .collect();
        assert_eq!(found, numbers);
        assert!(read.iter().all(|packet| packet.asks));
    }
}

#[test]
fn who_wants_an_acknowledgement_gets_its_own_number() {
    let packet = read(r#"{"C":"foo","T":"bar","D":"1","I":65535,"Q":1}"#).unwrap();
    let said = XSockets.acknowledge(&packet).unwrap();
    let said = XSockets.read(said.trim_ascii()).unwrap();
    assert_eq!((&*said.topic, said.number.as_deref()), ("9", Some("65535")));
    for number in ["-1", "65536", "\"x\"", "1.5", "null"] {
        let text = format!(r#"{{"C":"foo","T":"bar","I":{number},"Q":1}}"#);
        assert!(XSockets.acknowledge(&read(&text).unwrap()).is_none());
    }
}
