//! What clients must not be able to do with calls and frames: whatever comes, the server answers others as before and does
//! not panic.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::bystander::{undisturbed, watch_panics};
use common::hubs::{Events, builder};
use common::{Client, Server, within};
use futures_util::SinkExt;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

async fn server() -> (Server, Events) {
    watch_panics();
    let (builder, events) = builder();
    (Server::tcp(builder).await, events)
}

/// The answer to the next call, which must be the next frame: what was sent before is not answered.
async fn not_answered(client: &mut Client<'_>) {
    let id = client.send("conformance", "Add", json!([1, 2])).await;
    assert_eq!(client.socket.frame().await, json!({"R": 3, "I": id}));
}

#[tokio::test]
async fn a_call_of_an_unknown_hub_is_not_answered() {
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let mut client = server.client(&["conformance"]).await;
    for hub in [
        json!("nosuch"),
        json!(""),
        json!(null),
        json!("conformance.x"),
        json!({}),
        json!("x".repeat(10_000)),
    ] {
        client
            .socket
            .send(&json!({"H": hub, "M": "Add", "A": [1, 2], "I": 99}))
            .await;
        not_answered(&mut client).await;
    }
    client
        .socket
        .send(&json!({"M": "Add", "A": [1, 2], "I": 99}))
        .await;
    not_answered(&mut client).await;
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn an_unknown_method_or_the_wrong_arguments_are_an_error_of_that_call_alone() {
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let mut client = server.client(&["conformance"]).await;
    for (method, args) in [
        ("NoSuch", json!([])),
        ("", json!([])),
        ("Add", json!([1])),
        ("Add", json!([])),
        ("Add", json!([1, 2, 3])),
        ("Add", json!(["x", {}])),
        ("Add", json!([1, 99_999_999_999_i64])),
        ("Add", json!([1, 1.5])),
        ("Add", json!([null, null])),
        ("SendToMany", json!(["not a list", "x"])),
        ("on_connected", json!([])),
        ("onConnected", json!([])),
    ] {
        let answer = client.call("conformance", method, args.clone()).await;
        let text = format!("There was an error invoking Hub method 'conformance.{method}'.");
        assert_eq!(answer["E"], text, "{method} {args}");
        assert!(
            answer.get("R").is_none() && answer.get("H").is_none(),
            "{answer}"
        );
    }
    let panicked = client.call("conformance", "Panic", json!([])).await;
    assert_eq!(
        panicked["E"],
        "There was an error invoking Hub method 'conformance.Panic'."
    );
    not_answered(&mut client).await;
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn malformed_json_and_frames_that_are_no_objects_are_ignored() {
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let mut client = server.client(&["conformance"]).await;
    for text in [
        "",
        " ",
        "{",
        "}",
        "null",
        "undefined",
        "1",
        "-",
        "[]",
        "[1]",
        "\"x\"",
        "\"",
        "true",
        "{}",
        "{\"H\"",
        "{\"H\":}",
        "{\"H\":\"conformance\"}",
        "{\"H\":\"conformance\",\"M\":null,\"I\":99}",
        "{\"H\":\"conformance\",\"M\":{},\"I\":99}",
        "{\"H\":\"conformance\",\"M\":\"Add\",\"A\":{},\"I\":99}",
        "{\"H\":\"conformance\",\"M\":\"Add\",\"A\":\"x\",\"I\":99}",
        "{\"H\":\"conformance\",\"M\":\"Add\",\"A\":[1,2],\"I\":{}}",
        "{\"H\":\"conformance\",\"M\":\"Add\",\"A\":[1,2],\"I\":[1]}",
        "{\"H\":\"conformance\",\"M\":\"Add\",\"A\":[1,2],\"I\":99,\"S\":[]}",
        "{\"H\":\"conformance\",\"M\":\"Add\",\"A\":[1,2],\"I\":99,\"S\":1}",
        "{\"H\":\"conformance\",\"M\":\"Add\",\"A\":[1,2,\"I\":99}",
        "{\"H\":\"\\ud800\",\"M\":\"Add\",\"A\":[1,2],\"I\":99}",
        "{\"\\u0048\":1",
        "\u{0}",
        "\u{feff}",
        "GET / HTTP/1.1\r\n\r\n",
    ] {
        client.socket.send_text(text).await;
        not_answered(&mut client).await;
    }
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn deeply_nested_arguments_fail_their_call_alone() {
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let mut client = server.client(&["conformance"]).await;
    for depth in [1_000, 30_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let inner = if open == "[" { "" } else { "1" };
            let depth = depth.min(60_000 / (open.len() + close.len()));
            let nested = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
            let call =
                format!("{{\"H\":\"conformance\",\"M\":\"EchoAny\",\"A\":[{nested}],\"I\":5}}");
            client.socket.send_text(&call).await;
            let answer = client.socket.answer("5").await;
            assert!(answer["E"].is_string(), "{depth}");
            // Where the depth is not looked at, it does no harm.
            let skipped = format!(
                "{{\"x\":{nested},\"H\":\"conformance\",\"M\":\"Add\",\"A\":[1,2],\"I\":6}}"
            );
            client.socket.send_text(&skipped).await;
            assert_eq!(client.socket.answer("6").await["R"], 3);
            let state = format!(
                "{{\"H\":\"conformance\",\"M\":\"CountUp\",\"S\":{{\"s\":{nested}}},\"I\":99}}"
            );
            client.socket.send_text(&state).await;
            let unclosed = "[".repeat(depth);
            client.socket.send_text(&unclosed).await;
        }
        // Too large a state is not answered; a smaller one is, and nothing else matters here.
        not_answered_but(&mut client, "99").await;
    }
    undisturbed(&server, &mut bystander).await;
}

/// Like [`not_answered`], with answers to one id allowed before.
async fn not_answered_but(client: &mut Client<'_>, allowed: &str) {
    let id = client.send("conformance", "Add", json!([1, 2])).await;
    loop {
        let frame = client.socket.frame().await;
        if frame["I"] == *id {
            return;
        }
        assert_eq!(frame["I"], allowed, "{frame}");
    }
}

#[tokio::test]
async fn item_50_a_state_of_4097_characters_is_refused() {
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let mut client = server.client(&["conformance"]).await;
    let call = |characters: usize, blanks: usize, letter: &str| {
        let text = letter.repeat(characters - r#"{"a":""}"#.len());
        let blanks = " ".repeat(blanks);
        format!(r#"{{"H":"conformance","M":"CountUp","A":[],"I":99,"S":{{"a":{blanks}"{text}"}}}}"#)
    };
    for (characters, blanks, letter, passes) in [
        (4_096, 0, "x", true),
        (4_097, 0, "x", false),
        (4_096, 500, "x", true),
        (4_097, 500, "x", false),
        (4_096, 0, "ä", true),
        (4_097, 0, "ä", false),
    ] {
        client
            .socket
            .send_text(&call(characters, blanks, letter))
            .await;
        if passes {
            assert_eq!(
                client.socket.answer("99").await["R"],
                1,
                "{characters} {blanks} {letter}"
            );
        }
        not_answered(&mut client).await;
    }
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn large_and_binary_frames_end_their_socket_alone() {
    let (server, events) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    for frame in [
        Message::text("x".repeat(65 * 1024)),
        Message::text(format!("{{\"x\":\"{}\"}}", "y".repeat(1 << 20))),
        Message::binary(vec![0; 10]),
        Message::binary(Vec::new()),
    ] {
        let mut client = server.client(&["conformance"]).await;
        // The server may cut it before all of it was sent.
        let _ = within(client.socket.stream().send(frame)).await;
        assert_eq!(client.socket.end().await, None);
        client
            .reconnect_from(client.socket.cursor.clone(), None)
            .await;
        not_answered(&mut client).await;
        events
            .become_for(&client.id, &["connected", "reconnected"])
            .await;
    }
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn bytes_that_are_no_websocket_frames_end_their_socket_alone() {
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    for bytes in [
        &[0xFF; 64][..],
        &[0x81, 0x02, b'{', b'}'],                            // not masked
        &[0x83, 0x80, 0, 0, 0, 0],                            // a reserved opcode
        &[0xC1, 0x80, 0, 0, 0, 0],                            // a reserved bit
        &[0x09, 0x80, 0, 0, 0, 0],                            // a ping in fragments
        &[&[0x89, 0xFE, 0x00, 0x80][..], &[0; 132]].concat(), // a ping of 128 bytes
        &[0x80, 0x80, 0, 0, 0, 0],                            // goes on with nothing
        &[
            0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0,
        ],
        &[0x81, 0x81, 0, 0, 0, 0, 0xFF],       // not UTF-8
        &[0x88, 0x81, 0, 0, 0, 0, 0x03],       // half a close code
        &[0x88, 0x82, 0, 0, 0, 0, 0x00, 0x00], // close code 0
    ] {
        let client = server.client(&["conformance"]).await;
        let target = server.target("/reconnect", &client.query(&[]));
        let mut socket = server.dial().await;
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        within(socket.read_exact(&mut answer)).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 101");
        let _ = socket.write_all(bytes).await;
        let mut rest = Vec::new();
        let end = timeout(common::SOON, socket.read_to_end(&mut rest)).await;
        assert!(end.is_ok(), "the socket stays after {bytes:x?}");
        undisturbed(&server, &mut bystander).await;
    }
}
