//! How connections come, stay, come back and end (`classic-signalr.md` 10, checklist "Lifetime").
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::hubs::{Events, builder};
use common::{Server, Socket, within};
use futures_util::StreamExt;
use hub_server::Builder;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

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
