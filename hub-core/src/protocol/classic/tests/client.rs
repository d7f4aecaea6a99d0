//! The client's side.

use super::*;

pub(super) fn client(text: &str) -> Vec<Message> {
    decode(&ClassicClient, text).unwrap()
}

#[test]
fn a_client_reads_a_payload_its_messages_first_then_its_position() {
    let text = r#"{"C":"d-1-2","S":1,"T":1,"G":"tok","L":2000,"M":[{"H":"ChatHub","M":"a","A":[1]},7,"x",null,{"I":"P|7","P":{"I":"7","D":30},"S":{"n":1}},{"h":"ChatHub","m":"b","S":{"i":1}}]}"#;
    let mut messages = client(text);
    let expected = Position {
        cursor: Some("d-1-2".into()),
        groups: Some("tok".into()),
        init: true,
        leave: true,
        delay: Some(2_000),
        missed: Vec::new(),
    };
    assert!(matches!(messages.pop(), Some(Message::Position(p)) if p == expected));
    let [
        Message::Event(a),
        Message::Item(progress),
        Message::Event(b),
    ] = &*messages
    else {
        panic!("{messages:?}");
    };
    assert_eq!((a.hub.as_str(), &*a.method), ("ChatHub", "a"));
    assert_eq!((&a.args, &a.state), (&payload("[1]"), &None));
    assert_eq!(progress, &item("30", Some(r#"{"n":1}"#)));
    assert_eq!(
        (&b.args, &b.state),
        (&payload("[]"), &Some(payload(r#"{"i":1}"#)))
    );
}

#[test]
fn a_client_takes_cursor_and_init_only_from_a_payload_with_messages() {
    for text in [
        "{}",
        r#"{"C":"d-1-2","S":1}"#,
        r#"{"C":"d-1-2","M":null}"#,
        r#"{"M":"x"}"#,
    ] {
        assert!(matches!(&*client(text), [Message::Ping]), "{text}");
    }
    let [Message::Position(position)] = &*client(r#"{"C":"","G":null,"S":0,"M":[]}"#) else {
        panic!()
    };
    assert_eq!(*position, Position::default());
}

#[test]
fn a_client_reads_results_of_all_kinds() {
    let failure = |message: &str, public, data: Option<&str>| {
        Err(Failure {
            message: message.into(),
            public,
            data: data.map(payload),
        })
    };
    for (text, outcome) in [
        (r#"{"I":"4"}"#, Ok(None)),
        (r#"{"I":4,"R":[1, 2]}"#, Ok(Some("[1, 2]"))),
        (r#"{"R":null,"I":"4"}"#, Ok(Some("null"))),
        (r#"{"I":"4","E":null,"R":1}"#, Ok(Some("1"))),
        (r#"{"I":"4","E":"x\n"}"#, failure("x\n", false, None)),
        (r#"{"I":"4","H":true,"E":""}"#, failure("", true, None)),
        (
            r#"{"I":"4","H":true,"E":"m","D":{"a":1}}"#,
            failure("m", true, Some(r#"{"a":1}"#)),
        ),
    ] {
        let [Message::Complete(read)] = &*client(text) else {
            panic!("{text}");
        };
        assert_eq!(*read, completion(outcome), "{text}");
    }
    let [Message::Complete(read)] = &*client(r#"{"S":{"a":1},"I":null}"#) else {
        panic!()
    };
    assert_eq!(
        (&read.id, &read.state),
        (&None, &Some(payload(r#"{"a":1}"#)))
    );
    let [Message::Close { error, reconnect }] = &*client(r#"{"E":"over"}"#) else {
        panic!()
    };
    assert_eq!((error.as_deref(), *reconnect), (Some("over"), false));
}

#[test]
fn a_client_writes_calls_that_a_server_reads() {
    let args = Args::parse(Bytes::from_static(br#"["a", {"b" : 1} ,null]"#)).unwrap();
    let call_with = |id: Option<&str>, state: Option<&str>| {
        Message::Call(Call {
            id: id.map(InvocationId::new),
            hub: "chathub".into(),
            method: "say \"it\"".into(),
            args: args.clone(),
            state: state.map(payload),
            streams: Vec::new(),
        })
    };
    let text = written(&ClassicClient, &call_with(Some("0"), Some(r#"{"s":1}"#)));
    let expected =
        r#"{"H":"chathub","M":"say \"it\"","A":["a",{"b" : 1},null],"I":"0","S":{"s":1}}"#;
    assert_eq!(text, expected);
    let read = call(&text);
    assert_eq!(read.method, "say \"it\"");
    assert_eq!(read.args.len(), 3);
    assert_eq!(
        written(&ClassicClient, &call_with(None, None)),
        r#"{"H":"chathub","M":"say \"it\"","A":["a",{"b" : 1},null],"I":null}"#
    );
    assert_eq!(written(&ClassicClient, &Message::Ping), "");
}
