//! How connections come, stay, come back and end (`classic-signalr.md` 10, checklist "Lifetime"), and what a WebSocket
//! does meanwhile (checklist "Transports").
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::hubs::{Events, builder};
use common::{Server, Socket, within};
use futures_util::{SinkExt, StreamExt};
use hub_server::{BuildError, Builder, HubServer};
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

/// Fails unless the connection's last event comes within `beat` after `due`, and not before.
async fn happens_after(
    events: &Events,
    id: &str,
    expected: &[&str],
    due: Duration,
    beat: Duration,
) {
    let before = events.of(id);
    let began = Instant::now();
    let tick = Duration::from_millis(1);
    while events.of(id) == before {
        assert!(
            began.elapsed() <= due + beat,
            "nothing happened: {before:?}"
        );
        sleep(tick).await;
    }
    assert!(
        began.elapsed() + tick >= due,
        "after {:?} already",
        began.elapsed()
    );
    assert_eq!(events.of(id), expected);
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

// Transports

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

// Lifetime

#[tokio::test]
async fn item_63_abort_after_close_is_a_stop_at_once() {
    let (server, events) = server().await;
    let mut client = server.client(&["conformance"]).await;
    within(client.socket.stream().close(None)).await.unwrap();
    assert_eq!(client.socket.end().await, Some(1000));
    assert_eq!(events.of(&client.id), ["connected"]);
    client.abort().await;
    events
        .become_for(&client.id, &["connected", "disconnected:true"])
        .await;
}

#[tokio::test]
async fn item_63_abort_after_a_cut_is_a_stop_at_once() {
    let (server, events) = server().await;
    let mut client = server.client(&["conformance"]).await;
    client.cut();
    client.abort().await;
    events
        .become_for(&client.id, &["connected", "disconnected:true"])
        .await;
}

#[tokio::test(start_paused = true)]
async fn item_63_a_stop_is_told_once_and_for_good() {
    let (server, events) = in_memory(|builder| builder);
    let client = server.client(&["conformance", "demo"]).await;
    for _ in 0..3 {
        client.abort().await;
    }
    sleep(s(200)).await;
    assert_eq!(events.of(&client.id), ["connected", "disconnected:true"]);
}

#[tokio::test]
async fn item_63_abort_of_a_connection_that_nobody_knows_is_200_without_effect() {
    let (server, events) = server().await;
    let stranger = server.client(&["conformance"]).await;
    stranger.abort().await;
    events
        .become_for(&stranger.id, &["connected", "disconnected:true"])
        .await;
    stranger.abort().await;
    stranger.abort().await;
    let mut bystander = server.client(&["conformance"]).await;
    bystander.no_event().await;
    assert_eq!(events.of(&stranger.id), ["connected", "disconnected:true"]);
}

#[tokio::test(start_paused = true)]
async fn item_64_a_lost_client_is_disconnected_after_the_timeout_and_5_s() {
    for (timeout, beat) in [(s(30), s(5)), (s(6), s(1))] {
        let (server, events) = in_memory(|builder| builder.disconnect_timeout(timeout));
        let bystander = server.client(&["conformance"]).await;
        let mut client = server.client(&["conformance"]).await;
        // Not in phase with the beats.
        for offset in [137, 851, 1_999, 4_321] {
            client = server.client(&["conformance"]).await;
            sleep(Duration::from_millis(offset)).await;
            client.cut();
            let gone = ["connected", "disconnected:false"];
            happens_after(&events, &client.id, &gone, timeout + s(5), beat).await;
        }
        sleep(s(200)).await;
        assert_eq!(
            events.of(&client.id),
            ["connected", "disconnected:false"],
            "once"
        );
        assert_eq!(events.of(&bystander.id), ["connected"]);
    }
}

#[tokio::test(start_paused = true)]
async fn item_64_a_close_without_abort_counts_as_lost() {
    let (server, events) = in_memory(|builder| builder.keep_alive(None));
    let mut client = server.client(&["conformance"]).await;
    client.socket.stream().close(None).await.unwrap();
    assert!(matches!(
        next(&mut client.socket).await,
        Some(Message::Close(_))
    ));
    let gone = ["connected", "disconnected:false"];
    happens_after(&events, &client.id, &gone, s(35), s(5)).await;
}

#[tokio::test(start_paused = true)]
async fn item_64_the_timeout_runs_from_the_last_socket_not_from_the_first() {
    let (server, events) = in_memory(|builder| builder);
    let mut client = server.client(&["conformance"]).await;
    for _ in 0..3 {
        client.cut();
        sleep(s(30)).await;
        client.reconnect().await;
        // Away for 30 s, back for longer than the timeout.
        sleep(s(50)).await;
    }
    client.cut();
    let expected = [
        "connected",
        "reconnected",
        "reconnected",
        "reconnected",
        "disconnected:false",
    ];
    happens_after(&events, &client.id, &expected, s(35), s(5)).await;
}

#[tokio::test(start_paused = true)]
async fn item_65_who_comes_back_in_time_is_reconnected_and_not_disconnected() {
    let (server, events) = in_memory(|builder| builder);
    let mut client = server.client(&["conformance"]).await;
    client.cut();
    sleep(s(34)).await;
    client.reconnect().await;
    sleep(s(100)).await;
    assert_eq!(client.result("conformance", "Add", json!([1, 2])).await, 3);
    assert_eq!(events.of(&client.id), ["connected", "reconnected"]);
}

#[tokio::test(start_paused = true)]
async fn item_65_who_comes_back_too_late_is_reconnected_all_the_same() {
    let (server, events) = in_memory(|builder| builder.disconnect_timeout(s(6)));
    let mut client = server.client(&["conformance"]).await;
    client.cut();
    sleep(s(13)).await;
    assert_eq!(events.of(&client.id), ["connected", "disconnected:false"]);
    client.reconnect().await;
    assert_eq!(client.result("conformance", "Add", json!([1, 2])).await, 3);
    let again = ["connected", "disconnected:false", "reconnected"];
    events.become_for(&client.id, &again).await;
    client.abort().await;
    let ended = [
        "connected",
        "disconnected:false",
        "reconnected",
        "disconnected:true",
    ];
    events.become_for(&client.id, &ended).await;
}

#[tokio::test]
async fn item_66_after_a_restart_with_the_same_key_the_connection_goes_on() {
    let start = || {
        let (builder, events) = builder();
        (builder.key([9; 32]), events)
    };
    let (builder, _) = start();
    let old = Server::tcp(builder).await;
    let client = old.client_as(&["conformance"], Some("ann")).await;
    let (id, token, data) = (client.id.clone(), client.token.clone(), client.data.clone());
    let cursor = client.socket.cursor.clone().unwrap();
    drop(client);
    drop(old);
    let (builder, events) = start();
    let new = Server::tcp(builder).await;
    let query = [
        ("transport", "webSockets"),
        ("clientProtocol", "2.1"),
        ("connectionData", &*data),
        ("connectionToken", &*token),
        ("messageId", &*cursor),
    ];
    let target = new.target("/reconnect", &query);
    let mut socket = new.upgrade(&target, &[("X-User", "ann")]).await.unwrap();
    socket
        .send(&json!({"H": "conformance", "M": "Broadcast", "A": ["x"], "I": 1}))
        .await;
    assert_eq!(socket.event().await, json!(["message", id, "x"]));
    // What was missed can't be known, and the hub is told so.
    events.become_for(&id, &["reconnected:epoch"]).await;
    let abort = new.get_as("/abort", &query, Some("ann")).await;
    assert_eq!(abort.status, 200);
    events
        .become_for(&id, &["reconnected:epoch", "disconnected:true"])
        .await;
    assert_eq!(socket.end().await, Some(1000));
}

#[tokio::test]
async fn item_66_after_a_restart_with_another_key_it_is_refused() {
    let (old, _) = server().await;
    let (new, events) = server().await;
    let client = old.client(&["conformance"]).await;
    let refusal = new
        .upgrade(&new.target("/reconnect", &client.query(&[])), &[])
        .await;
    let text = "The ConnectionId is in the incorrect format.";
    assert_eq!(refusal.err(), Some((400, text.to_owned())));
    assert!(events.of(&client.id).is_empty());
}

#[tokio::test]
async fn item_67_a_socket_on_reconnect_is_reconnected_and_one_on_connect_is_not() {
    let (server, events) = server().await;
    let mut client = server.client(&["conformance"]).await;
    let mut told = vec!["connected"];
    for verb in ["/connect", "/reconnect", "/x/CONNECT", "/x/Reconnect"] {
        client.socket = client.open(verb, &[]).await.unwrap();
        assert_eq!(client.result("conformance", "Add", json!([1, 2])).await, 3);
        if verb.to_lowercase().ends_with("/reconnect") {
            told.push("reconnected");
        }
        events.become_for(&client.id, &told).await;
    }
}

#[tokio::test]
async fn item_67_a_reconnect_says_nothing_until_there_is_something_to_say() {
    let (server, _) = server().await;
    let mut client = server.client(&["conformance"]).await;
    client.reconnect().await;
    client.send("conformance", "Nothing", json!([])).await;
    assert_eq!(client.socket.text().await, "{\"I\":\"0\"}");
}

#[tokio::test]
async fn item_68_of_two_sockets_the_older_ends_without_an_event() {
    let (server, events) = server().await;
    let mut client = server.client(&["conformance"]).await;
    let mut told = vec!["connected"];
    for _ in 0..5 {
        let newer = client.open("/reconnect", &[]).await.unwrap();
        assert_eq!(client.socket.end().await, Some(1000));
        client.socket = newer;
        told.push("reconnected");
        events.become_for(&client.id, &told).await;
    }
    client
        .result("conformance", "Broadcast", json!(["x"]))
        .await;
    assert_eq!(client.event().await, json!(["message", client.id, "x"]));
    client.no_event().await;
}

#[tokio::test(start_paused = true)]
async fn item_68_a_call_of_the_older_socket_is_not_answered_on_the_newer() {
    let (server, _) = in_memory(|builder| builder);
    let mut client = server.client(&["conformance"]).await;
    client.send("conformance", "Slow", json!([1_000, 1])).await;
    client.reconnect().await;
    client.send("conformance", "Slow", json!([2_000, 2])).await;
    assert_eq!(client.socket.text().await, "{\"R\":2,\"I\":\"1\"}");
}

#[tokio::test(start_paused = true)]
async fn item_68_a_newer_socket_that_stays_keeps_the_connection_when_the_older_is_cut() {
    let (server, events) = in_memory(|builder| builder);
    let mut client = server.client(&["conformance"]).await;
    let newer = client.open("/reconnect", &[]).await.unwrap();
    client.socket = newer;
    sleep(s(100)).await;
    assert_eq!(events.of(&client.id), ["connected", "reconnected"]);
    assert_eq!(client.result("conformance", "Add", json!([1, 2])).await, 3);
}

#[test]
fn item_69_setting_validation_errors_have_the_originals_texts() {
    let wrong = |builder: Builder| match builder.build() {
        Err(BuildError::Setting(text)) => text,
        other => panic!("{other:?}"),
    };
    let ms = Duration::from_millis;
    let new = HubServer::builder;
    let too_short = "DisconnectTimeout must be at least six seconds.";
    assert_eq!(wrong(new().disconnect_timeout(ms(5_999))), too_short);
    assert_eq!(wrong(new().disconnect_timeout(Duration::ZERO)), too_short);
    let too_often = "KeepAlive value must be greater than two seconds.";
    assert_eq!(wrong(new().keep_alive(Some(ms(1_999)))), too_often);
    assert_eq!(wrong(new().keep_alive(Some(Duration::ZERO))), too_often);
    let too_rare = "KeepAlive value must be no more than a third of the DisconnectTimeout.";
    assert_eq!(wrong(new().keep_alive(Some(ms(10_001)))), too_rare);
    assert_eq!(
        wrong(new().disconnect_timeout(s(6)).keep_alive(Some(ms(2_001)))),
        too_rare
    );
    let order = "DisconnectTimeout cannot be configured after the KeepAlive.";
    assert_eq!(
        wrong(new().keep_alive(Some(s(5))).disconnect_timeout(s(60))),
        order
    );
    assert_eq!(
        wrong(new().keep_alive(None).disconnect_timeout(s(60))),
        order
    );
    // This one is ours: clients would give every transport up at once.
    assert_eq!(
        wrong(new().transport_connect_timeout(Duration::ZERO)),
        "TransportConnectTimeout must be longer than zero."
    );
    for fine in [
        new().disconnect_timeout(s(6)),
        new().disconnect_timeout(s(6)).keep_alive(Some(s(2))),
        new().keep_alive(Some(s(10))),
        new().disconnect_timeout(s(60)).keep_alive(None),
    ] {
        assert!(fine.build().is_ok());
    }
}

#[tokio::test]
async fn item_70_dropping_the_server_ends_sockets_and_disconnects_nobody() {
    let (server, events) = server().await;
    let mut sockets = Vec::new();
    for _ in 0..10 {
        let mut client = server.client(&["conformance"]).await;
        // Neither a call that runs nor an idle request keeps the server alive.
        client.send("conformance", "Slow", json!([60_000, 1])).await;
        sockets.push((std::mem::take(&mut client.socket), client.id.clone()));
    }
    let _idle = server.dial().await;
    let addr = server.addr().unwrap();
    drop(server);
    for (socket, id) in &mut sockets {
        assert_eq!(socket.end().await, Some(1000));
        assert_eq!(events.of(id), ["connected"]);
    }
    common::until(|| async { tokio::net::TcpStream::connect(addr).await.err() }).await;
}

#[tokio::test(start_paused = true)]
async fn item_70_a_server_that_went_tells_nobody_later_either() {
    let (server, events) = in_memory(|builder| builder);
    let mut away = server.client(&["conformance"]).await;
    let (away_id, mut here) = (away.id.clone(), server.client(&["conformance"]).await);
    let (here_id, mut socket) = (here.id.clone(), std::mem::take(&mut here.socket));
    away.cut();
    drop(away);
    drop(here);
    drop(server);
    assert!(matches!(next(&mut socket).await, Some(Message::Close(_))));
    sleep(s(200)).await;
    for id in [away_id, here_id] {
        assert_eq!(events.of(&id), ["connected"]);
    }
}
