//! Every frame of `classic-signalr.md` 5 and 8, byte for byte, in both directions.
mod client;

use serde_json::value::RawValue;

use super::*;
use crate::cursor::Epoch;
use crate::error::HubError;
use crate::id::InvocationId;
use crate::message::{Call, Failure, Position};
use crate::value::Args;

const CURSOR: Cursor = Cursor::at(Epoch(0x4E3C_7594), 0x2F);

fn payload(json: &str) -> Payload {
    let raw: &RawValue = serde_json::from_str(json).unwrap();
    Payload::of(raw).unwrap()
}

fn decode(protocol: &dyn Protocol, text: &str) -> Result<Vec<Message>, ProtocolError> {
    let mut input = Bytes::copy_from_slice(text.as_bytes());
    let mut out = VecDeque::new();
    protocol.decode(&mut input, &mut out)?;
    assert!(input.is_empty(), "a frame is one message");
    Ok(out.into())
}

fn call(text: &str) -> Call {
    match decode(&Classic, text).unwrap().pop() {
        Some(Message::Call(call)) => call,
        other => panic!("{text}: {other:?}"),
    }
}

fn id_of(text: &str) -> Option<String> {
    let frame = format!(r#"{{"H":"h","M":"m","A":[],"I":{text}}}"#);
    call(&frame).id.map(|id| id.as_str().to_owned())
}

fn text(write: impl FnOnce(&mut BytesMut)) -> String {
    let mut out = BytesMut::new();
    write(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

fn written(protocol: &dyn Protocol, message: &Message) -> String {
    text(|out| protocol.write(message, out))
}

fn completion(outcome: Result<Option<&str>, Failure>) -> Completion {
    Completion {
        id: Some(InvocationId::new("4")),
        outcome: outcome.map(|value| value.map(payload)),
        state: None,
    }
}

fn event(args: &str, state: Option<&str>) -> Event {
    Event {
        hub: "ChatHub".into(),
        method: "broadcastMessage".into(),
        args: payload(args),
        state: state.map(payload),
        tag: None,
    }
}

fn item(value: &str, state: Option<&str>) -> Item {
    Item {
        id: InvocationId::new("7"),
        value: payload(value),
        state: state.map(payload),
    }
}

#[test]
fn a_call_is_read_with_all_its_members() {
    let call =
        call(r#"{"H":"chathub","M":"send","A":["hello",3,{"x":[]}],"I":0,"S":{"userName":"ann"}}"#);
    assert_eq!((&*call.hub, &*call.method), ("chathub", "send"));
    assert_eq!(call.id, Some(InvocationId::new("0")));
    let args: Vec<_> = call.args.remaining().collect();
    assert_eq!(args, [&br#""hello""#[..], b"3", br#"{"x":[]}"#]);
    assert_eq!(call.state, Some(payload(r#"{"userName":"ann"}"#)));
    assert!(call.streams.is_empty());
}

#[test]
fn names_of_members_ignore_case_unknown_ones_are_skipped_and_the_last_of_equal_ones_wins() {
    let call = call(
        r#" { "h":"no", "HH":{"H":"no"}, "":1, "ü":2, "m":"x", "a":[1], "i":1, "H":"yes", "Z":[{}], "I":2, "\u0041":[5] } "#,
    );
    assert_eq!((&*call.hub, &*call.method), ("yes", "x"));
    assert_eq!(call.id, Some(InvocationId::new("2")));
    assert_eq!(call.args.remaining().collect::<Vec<_>>(), [b"5"]);
}

#[test]
fn item_43_ids_of_all_kinds_become_text() {
    for (sent, id) in [
        ("0", Some("0")),
        ("-3", Some("-3")),
        ("1.5", Some("1.5")),
        ("12345678901234567890", Some("12345678901234567890")),
        (r#""x""#, Some("x")),
        (r#""""#, Some("")),
        (r#""a\u0022\u00e4""#, Some("a\"ä")),
        ("true", Some("True")),
        ("false", Some("False")),
        ("null", None),
    ] {
        assert_eq!(id_of(sent).as_deref(), id, "{sent}");
    }
    assert_eq!(call(r#"{"H":"h","M":"m"}"#).id, None);
}

#[test]
fn arguments_may_be_missing_or_null_and_a_state_too() {
    for text in [
        r#"{"H":"h","M":"m","I":0}"#,
        r#"{"H":"h","M":"m","I":0,"A":null,"S":null}"#,
    ] {
        let call = call(text);
        assert!(call.args.is_empty());
        assert_eq!(call.state, None);
    }
    assert_eq!(
        call(r#"{"H":"h","M":"m","S":{}}"#).state,
        Some(payload("{}"))
    );
    // The empty method is one that nobody has; a number is read as text.
    assert_eq!(call(r#"{"H":"h","M":""}"#).method, "");
    assert_eq!(call(r#"{"H":5,"M":true}"#).method, "true");
}

#[test]
fn what_is_no_call_is_an_error() {
    for text in [
        "",
        " ",
        "garbage",
        "null",
        "5",
        "\"x\"",
        "[]",
        "{}",
        r#"{"H":"#,
        r#"{"H":"h","M":"m"} x"#,
        r#"{"M":"m"}"#,
        r#"{"H":null,"M":"m"}"#,
        r#"{"H":"","M":"m"}"#,
        r#"{"H":{},"M":"m"}"#,
        r#"{"H":"h"}"#,
        r#"{"H":"h","M":null}"#,
        r#"{"H":"h","M":["m"]}"#,
        r#"{"H":"h","M":"m","A":{}}"#,
        r#"{"H":"h","M":"m","A":3}"#,
        r#"{"H":"h","M":"m","A":"x"}"#,
        r#"{"H":"h","M":"m","I":{}}"#,
        r#"{"H":"h","M":"m","I":[1]}"#,
        r#"{"H":"h","M":"m","I":"\ud800"}"#,
        r#"{"H":"h","M":"m","S":[1]}"#,
        r#"{"H":"h","M":"m","S":5}"#,
        r#"{"H":"h","M":"m","S":"x"}"#,
        r#"[{"H":"h","M":"m","A":[],"I":25}]"#,
    ] {
        assert!(decode(&Classic, text).is_err(), "{text}");
    }
    let mut out = VecDeque::new();
    let invalid = Bytes::from_static(b"{\"H\":\"\xff\",\"M\":\"m\"}");
    assert!(Classic.decode(&mut invalid.clone(), &mut out).is_err());
    assert!(
        ClassicClient
            .decode(&mut invalid.clone(), &mut out)
            .is_err()
    );
    assert!(out.is_empty());
}

/// Differs from the original, whose parser takes more than JSON: single quotes, bare names, comments, trailing commas and
/// text after the object (`classic-signalr.md` 8.1). No client sends those.
#[test]
fn only_json_is_taken() {
    for text in [
        "{'H':'h','M':'m','A':[],'I':22}",
        r#"{H:"h",M:"m",A:[],I:23}"#,
        r#"{"H":"h","M":"m","A":[1,2,],"I":28}"#,
        r#"/* c */{"H":"h","M":"m","A":[],"I":29}"#,
    ] {
        assert!(decode(&Classic, text).is_err(), "{text}");
    }
}

#[test]
fn item_50_a_state_is_measured_in_characters_without_blanks() {
    let with = |state: &str| {
        let text = format!(r#"{{"H":"h","M":"m","A":[],"I":0,"S":{state}}}"#);
        decode(&Classic, &text).map(drop)
    };
    let state = |letter: &str, n: usize| format!(r#"{{"a":"{}"}}"#, letter.repeat(n));
    for fits in [
        state("x", 4_088),
        state("é", 4_088),
        state("😀", 2_044),
        state("x", 4_088).replace(':', "  :  "),
        state("\\u0078", 4_088),
    ] {
        assert!(with(&fits).is_ok());
    }
    for large in [state("x", 4_089), state("é", 4_089), state("😀", 2_045)] {
        let error = with(&large).unwrap_err();
        assert_eq!(
            error.to_string(),
            "State has exceeded the maximum length of 4096 bytes"
        );
    }
}

#[test]
fn events_are_written_in_the_order_of_the_original() {
    assert_eq!(
        Classic.event(&event(r#"["ann","hello"]"#, None), Tag::default()),
        r#"{"H":"ChatHub","M":"broadcastMessage","A":["ann","hello"]}"#
    );
    assert_eq!(
        Classic.event(&event("[]", Some(r#"{"index":3}"#)), Tag::default()),
        r#"{"H":"ChatHub","M":"broadcastMessage","A":[],"S":{"index":3}}"#
    );
    let odd = Event {
        hub: "\"".into(),
        method: "ä\u{2028}\n".into(),
        ..event("[]", None)
    };
    assert_eq!(
        Classic.event(&odd, Tag::default()),
        "{\"H\":\"\\\"\",\"M\":\"ä\\u2028\\n\",\"A\":[]}"
    );
}

#[test]
fn item_51_progress_has_an_outer_id_that_no_call_has() {
    assert_eq!(
        Classic.item(&item("30", None)),
        r#"{"I":"P|7","P":{"I":"7","D":30}}"#
    );
    assert_eq!(
        Classic.item(&item("null", Some(r#"{"n":1}"#))),
        r#"{"S":{"n":1},"I":"P|7","P":{"I":"7","D":null}}"#
    );
}

#[test]
fn items_44_and_45_results_say_what_there_is_to_say_in_the_order_of_the_original() {
    let internal = HubError::internal("secret");
    let neutral = || "There was an error invoking Hub method 'demo.x'.".to_owned();
    let public = HubError::new("message");
    let with_data = HubError::new("message").with_data("errorData");
    for (outcome, written_as) in [
        (Ok(None), r#"{"I":"4"}"#),
        (Ok(Some("10")), r#"{"R":10,"I":"4"}"#),
        (Ok(Some("false")), r#"{"R":false,"I":"4"}"#),
        (Ok(Some("\"\"")), r#"{"R":"","I":"4"}"#),
        (
            Err(Failure::of(&internal, false, neutral)),
            r#"{"I":"4","E":"There was an error invoking Hub method 'demo.x'."}"#,
        ),
        (
            Err(Failure::of(&internal, true, neutral)),
            r#"{"I":"4","E":"secret"}"#,
        ),
        (
            Err(Failure::of(&public, false, neutral)),
            r#"{"I":"4","H":true,"E":"message"}"#,
        ),
        (
            Err(Failure::of(&with_data, false, neutral)),
            r#"{"I":"4","H":true,"E":"message","D":"errorData"}"#,
        ),
    ] {
        let message = Message::Complete(completion(outcome));
        assert_eq!(written(&Classic, &message), written_as);
    }
    let with_state = Completion {
        id: None,
        state: Some(payload(r#"{"Company":"test"}"#)),
        ..completion(Ok(Some("\"test\"")))
    };
    assert_eq!(
        written(&Classic, &Message::Complete(with_state)),
        r#"{"S":{"Company":"test"},"R":"test","I":null}"#
    );
    assert_eq!(written(&Classic, &Message::Ping), "{}");
    assert_eq!(written(&Classic, &Message::Ack(1)), "");
}

#[test]
fn a_payload_always_has_c_and_m_and_the_rest_between_them() {
    let frame = |envelope: Envelope<'_>, parts: &[&Part]| {
        text(|out| Classic.frame(CURSOR, envelope, parts, out))
    };
    let none = Envelope::default();
    assert_eq!(frame(none, &[]), r#"{"C":"d-4E3C7594-2F","M":[]}"#);
    let init = Envelope { init: true, ..none };
    assert_eq!(frame(init, &[]), r#"{"C":"d-4E3C7594-2F","S":1,"M":[]}"#);
    let (a, b) = (Bytes::from_static(b"{}"), Bytes::from_static(b"1"));
    let all = Envelope {
        init: true,
        leave: true,
        groups: Some("a+/=\""),
        delay: Some(2_000),
        gaps: &[],
        first: None,
    };
    assert_eq!(
        frame(all, &[&a, &b]),
        r#"{"C":"d-4E3C7594-2F","S":1,"T":1,"G":"a+/=\"","L":2000,"M":[{},1]}"#
    );
}

#[test]
fn depth_is_no_danger() {
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    for n in [10, 1_000, 30_000] {
        let text = format!(r#"{{"H":"h","M":"m","A":{},"X":{}}}"#, deep(n), deep(n));
        let mut args = call(&text).args;
        let value = args.next::<serde_json::Value>("deep");
        assert_eq!(value.is_ok(), n == 10);
        let state = format!(r#"{{"H":"h","M":"m","S":{{"a":{}}}}}"#, deep(n));
        assert_eq!(decode(&Classic, &state).is_ok(), n < 3_000);
        let text = format!(r#"{{"C":"x","M":[{{"H":"h","M":"m","A":{}}}]}}"#, deep(n));
        assert_eq!(client::client(&text).len(), 2);
    }
}
