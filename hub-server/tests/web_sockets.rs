//! What a WebSocket does: keep-alives, messages and their sizes, and how it ends (`classic-signalr.md` 6.1, checklist
//! "Transports").
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::hubs::{Events, builder};
use common::{Server, Socket, within};
use futures_util::{SinkExt, StreamExt};
use hub_server::Builder;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn server() -> (Server, Events) {
    let (builder, events) = builder();
    (Server::tcp(builder).await, events)
}

fn in_memory(set: impl FnOnce(Builder) -> Builder) -> (Server, Events) {
    let (builder, events) = builder();
    (Server::memory(set(builder)), events)
}

/// The next message, however long it takes on the paused clock.
async fn next(socket: &mut Socket) -> Option<Message> {
    timeout(s(1_000), socket.stream().next())
        .await
        .unwrap()
        .and_then(Result::ok)
}

#[tokio::test]
async fn a_call_is_answered_and_a_broadcast_heard() {
    let (server, _) = server().await;
    let mut ann = server.client(&["conformance"]).await;
    let mut bob = server.client(&["conformance"]).await;
    assert_eq!(ann.result("conformance", "Add", json!([40, 2])).await, 42);
    ann.result("conformance", "Broadcast", json!(["hi"])).await;
    assert_eq!(ann.event().await, json!(["message", ann.id, "hi"]));
    assert_eq!(bob.event().await, json!(["message", ann.id, "hi"]));
    bob.no_event().await;
}

#[tokio::test(start_paused = true)]
async fn item_24_a_keep_alive_comes_every_interval_in_one_phase_for_all() {
    let (server, _) = in_memory(|builder| builder);
    let mut first = server.client(&["conformance"]).await;
    sleep(s(3)).await;
    let mut second = server.client(&["conformance"]).await;
    for _ in 0..5 {
        assert_eq!(next(&mut first.socket).await, Some(Message::text("{}")));
        let at = Instant::now();
        assert_eq!(next(&mut second.socket).await, Some(Message::text("{}")));
        assert_eq!(at.elapsed(), Duration::ZERO);
    }
    let at = Instant::now();
    for _ in 0..3 {
        next(&mut first.socket).await;
    }
    assert_eq!(at.elapsed(), s(30));
}

#[tokio::test(start_paused = true)]
async fn item_24_keep_alives_come_under_traffic_too() {
    let (server, _) = in_memory(|builder| builder.disconnect_timeout(s(6)));
    let mut client = server.client(&["conformance"]).await;
    let (mut kept, mut answered) = (0, 0);
    let began = Instant::now();
    while began.elapsed() < s(21) {
        client
            .socket
            .send(&json!({"H": "conformance", "M": "Nothing", "I": 1}))
            .await;
        loop {
            match next(&mut client.socket).await.unwrap().to_text().unwrap() {
                "{}" => kept += 1,
                "{\"I\":\"1\"}" => break,
                other => panic!("{other}"),
            }
        }
        answered += 1;
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((kept, answered), (10, 210));
}

#[tokio::test]
async fn item_31_an_abort_closes_the_socket_with_1000() {
    let (server, events) = server().await;
    for method in ["GET", "POST"] {
        let mut client = server.client(&["conformance"]).await;
        // The abort does not wait for a call that runs.
        client.send("conformance", "Slow", json!([60_000, 1])).await;
        let target = server.target("/abort", &client.query(&[]));
        let answer = server.raw(method, &target, &[]).await;
        assert_eq!((answer.status, &*answer.body), (200, ""));
        assert_eq!(client.socket.end().await, Some(1000));
        events
            .become_for(&client.id, &["connected", "disconnected:true"])
            .await;
    }
}

#[tokio::test]
async fn any_close_code_of_the_client_is_answered_with_1000() {
    let (server, events) = server().await;
    for code in [Some(1000), Some(1001), None, Some(3000), Some(4999)] {
        let mut client = server.client(&["conformance"]).await;
        let frame = code.map(|code| CloseFrame {
            code: u16::into(code),
            reason: "goodbye".into(),
        });
        within(client.socket.stream().close(frame)).await.unwrap();
        match client.socket.next().await {
            Some(Ok(Message::Close(Some(frame)))) => {
                assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1000, ""));
            }
            other => panic!("{other:?}"),
        }
        assert!(client.socket.next().await.is_none());
        assert_eq!(events.of(&client.id), ["connected"], "not a disconnect yet");
    }
}

/// An invocation of `Echo` with exactly so many bytes.
fn of_size(bytes: usize) -> String {
    let around = json!({"H": "conformance", "M": "Echo", "A": [""], "I": 7})
        .to_string()
        .len();
    let text = json!({"H": "conformance", "M": "Echo", "A": ["x".repeat(bytes - around)], "I": 7});
    assert_eq!(text.to_string().len(), bytes);
    text.to_string()
}

/// Sends a text in pieces of so many bytes.
async fn send_fragments(socket: &mut Socket, text: &str, piece: usize) {
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(piece).collect();
    for (n, bytes) in pieces.iter().enumerate() {
        let code = if n == 0 { Data::Text } else { Data::Continue };
        let frame = Frame::message(bytes.to_vec(), OpCode::Data(code), n + 1 == pieces.len());
        if socket.stream().send(Message::Frame(frame)).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn item_32_a_message_of_65536_bytes_passes_whole_and_in_fragments() {
    let (server, _) = server().await;
    let mut client = server.client(&["conformance"]).await;
    let text = of_size(65_536);
    client.socket.send_text(&text).await;
    assert_eq!(
        client.socket.answer("7").await["R"].as_str().unwrap().len(),
        65_536 - 45
    );
    for piece in [1_000, 4_096, 32_768, 65_535] {
        send_fragments(&mut client.socket, &text, piece).await;
        assert!(client.socket.answer("7").await["R"].is_string(), "{piece}");
    }
}

#[tokio::test]
async fn item_32_one_byte_more_drops_the_socket_without_a_close_frame() {
    let (server, events) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    for piece in [65_537, 65_536, 4_096] {
        let mut client = server.client(&["conformance"]).await;
        send_fragments(&mut client.socket, &of_size(65_537), piece).await;
        assert_eq!(client.socket.end().await, None, "{piece}");
        // It is no disconnect: the client comes back.
        client
            .reconnect_from(client.socket.cursor.clone(), None)
            .await;
        assert_eq!(client.result("conformance", "Add", json!([1, 2])).await, 3);
        events
            .become_for(&client.id, &["connected", "reconnected"])
            .await;
    }
    assert_eq!(
        bystander.result("conformance", "Add", json!([1, 2])).await,
        3
    );
}

#[tokio::test]
async fn item_32_without_a_limit_both_pass() {
    let (builder, _) = builder();
    let server = Server::tcp(builder.max_message_size(None)).await;
    let mut client = server.client(&["conformance"]).await;
    for size in [65_536, 65_537, 2_000_000] {
        client.socket.send_text(&of_size(size)).await;
        assert_eq!(
            client.socket.answer("7").await["R"].as_str().unwrap().len(),
            size - 45
        );
        send_fragments(&mut client.socket, &of_size(size), 65_536).await;
        assert!(client.socket.answer("7").await["R"].is_string());
    }
}

#[tokio::test]
async fn item_32_another_limit_counts_from_its_own_byte_on() {
    let (builder, _) = builder();
    let server = Server::tcp(builder.max_message_size(Some(100))).await;
    let mut client = server.client(&["conformance"]).await;
    client.socket.send_text(&of_size(100)).await;
    assert!(client.socket.answer("7").await["R"].is_string());
    client.socket.send_text(&of_size(101)).await;
    assert_eq!(client.socket.end().await, None);
}

#[tokio::test]
async fn item_33_a_binary_message_ends_the_socket_without_a_close_frame() {
    let (server, events) = server().await;
    let mut client = server.client(&["conformance"]).await;
    let text = json!({"H": "conformance", "M": "Nothing", "I": 1}).to_string();
    client
        .socket
        .stream()
        .send(Message::binary(text.into_bytes()))
        .await
        .unwrap();
    assert_eq!(client.socket.end().await, None);
    client
        .reconnect_from(client.socket.cursor.clone(), None)
        .await;
    events
        .become_for(&client.id, &["connected", "reconnected"])
        .await;
}

#[tokio::test]
async fn item_34_an_unserializable_result_closes_the_socket_and_the_connection_survives() {
    let (server, events) = server().await;
    let mut client = server.client(&["conformance"]).await;
    client
        .send("conformance", "Unserializable", json!([]))
        .await;
    assert_eq!(client.socket.end().await, Some(1000));
    client
        .reconnect_from(client.socket.cursor.clone(), None)
        .await;
    assert_eq!(client.result("conformance", "Add", json!([1, 2])).await, 3);
    events
        .become_for(&client.id, &["connected", "reconnected"])
        .await;
}

#[tokio::test(start_paused = true)]
async fn item_35_without_keep_alive_a_socket_ends_at_the_connection_timeout() {
    let (server, events) = in_memory(|builder| builder.keep_alive(None).connection_timeout(s(40)));
    let mut client = server.client(&["conformance"]).await;
    let began = Instant::now();
    match next(&mut client.socket).await {
        Some(Message::Close(Some(frame))) => assert_eq!(u16::from(frame.code), 1000),
        other => panic!("no keep-alive, but a close frame was expected, not {other:?}"),
    }
    // The beat is a sixth of the disconnect timeout.
    assert!(
        (s(40)..=s(45)).contains(&began.elapsed()),
        "{:?}",
        began.elapsed()
    );
    client
        .reconnect_from(client.socket.cursor.clone(), None)
        .await;
    assert_eq!(client.result("conformance", "Add", json!([1, 2])).await, 3);
    events
        .become_for(&client.id, &["connected", "reconnected"])
        .await;
}

#[tokio::test(start_paused = true)]
async fn item_35_with_keep_alive_the_connection_timeout_ends_no_socket() {
    let (server, _) = in_memory(|builder| builder.connection_timeout(s(1)));
    let mut client = server.client(&["conformance"]).await;
    for _ in 0..20 {
        assert_eq!(next(&mut client.socket).await, Some(Message::text("{}")));
    }
}

#[tokio::test]
async fn fragments_pings_and_pongs_are_understood() {
    let (server, _) = server().await;
    let mut client = server.client(&["conformance"]).await;
    let text = json!({"H": "conformance", "M": "Echo", "A": ["ä€🦀"], "I": 7}).to_string();
    // Also where a character is cut in two, and with a ping in between.
    send_fragments(&mut client.socket, &text, 1).await;
    assert_eq!(client.socket.answer("7").await["R"], "ä€🦀");
    let stream = client.socket.stream();
    stream.send(Message::Pong("unasked".into())).await.unwrap();
    stream.send(Message::Ping("mark".into())).await.unwrap();
    assert_eq!(
        within(stream.next()).await.unwrap().unwrap(),
        Message::Pong("mark".into())
    );
}
