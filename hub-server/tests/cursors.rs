//! Cursors and what is kept for those who come back (`classic-signalr.md` 5.3, 5.4, checklist "Cursors and buffering";
//! `design.md` 3). Where the original loses messages in silence and this server does not, the test says so.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::outside::{memory, numbers, same, tcp, to_all};
use common::receive::Dice;
use common::until;
use serde_json::json;

const HUB: &[&str] = &["conformance"];
const MIB: usize = 1 << 20;

#[tokio::test]
async fn item_36_a_reconnect_replays_exactly_what_was_missed_in_the_order_of_all_topics_together() {
    let (server, hub, events) = tcp(same).await;
    let mut ann = server.client_as(HUB, Some("ann")).await;
    let mut bob = server.client(HUB).await;
    ann.result("conformance", "join", json!(["g"])).await;
    let mut dice = Dice::new(36);
    let mut send = async |numbers: std::ops::Range<i64>| {
        let mut for_ann = Vec::new();
        for n in numbers {
            let clients = hub.clients();
            let (to, gets) = match dice.roll(7) {
                0 => (clients.all(), true),
                1 => (clients.group("g"), true),
                2 => (clients.user("ann"), true),
                3 => (clients.client(ann.id.as_str()), true),
                4 => (clients.group("other"), false),
                5 => (clients.user("bob"), false),
                _ => (clients.all_except([ann.id.as_str()]), false),
            };
            to.send("n", (n,)).await.unwrap();
            for_ann.extend(gets.then_some(n));
        }
        for_ann
    };
    let seen = send(0..40).await;
    let missed = send(40..140).await;
    let live_range = 140..180;
    // What was sent while the socket was there counts as seen; the rest was missed.
    assert_eq!(numbers(&mut ann, seen.len()).await, seen);
    ann.cut();
    ann.reconnect().await;
    assert_eq!(numbers(&mut ann, missed.len()).await, missed);
    ann.no_event().await;
    let mut send_later = Vec::new();
    for n in live_range {
        hub.clients().group("g").send("n", (n,)).await.unwrap();
        send_later.push(n);
    }
    assert_eq!(numbers(&mut ann, send_later.len()).await, send_later);
    ann.no_event().await;
    events
        .become_for(&ann.id, &["connected", "reconnected"])
        .await;
    assert_eq!(events.of(&bob.id), ["connected"]);
    bob.result("conformance", "nothing", json!([])).await;
}

#[tokio::test]
async fn item_36_the_same_old_cursor_gives_the_same_messages_again() {
    let (server, hub, _) = tcp(same).await;
    let mut client = server.client(HUB).await;
    to_all(&hub, 0).await;
    assert_eq!(numbers(&mut client, 1).await, [0]);
    let old = client.socket.cursor.clone();
    for n in 1..30 {
        to_all(&hub, n).await;
    }
    for _ in 0..3 {
        client.cut();
        client.reconnect_from(old.clone(), None).await;
        assert_eq!(numbers(&mut client, 29).await, (1..30).collect::<Vec<_>>());
        client.no_event().await;
    }
}

#[tokio::test]
async fn item_37_a_cursor_of_another_process_starts_at_the_end_and_the_hub_is_told() {
    let (first, hub, _) = tcp(|builder| builder.key([7; 32])).await;
    let mut client = first.client(HUB).await;
    to_all(&hub, 1).await;
    assert_eq!(numbers(&mut client, 1).await, [1]);
    let cursor = client.socket.cursor.clone();
    let (second, hub, events) = tcp(|builder| builder.key([7; 32])).await;
    to_all(&hub, 2).await;
    let mut there = client.moved(&second);
    there.reconnect_from(cursor, None).await;
    events.become_for(&there.id, &["reconnected:epoch"]).await;
    to_all(&hub, 3).await;
    assert_eq!(numbers(&mut there, 1).await, [3]);
    there.no_event().await;
    // Other texts that are no cursors of this process are the same to it.
    for foreign in ["s-0,2F", "d-1-FF", "nonsense"] {
        there.cut();
        there.reconnect_from(Some(foreign.into()), None).await;
        to_all(&hub, 4).await;
        assert_eq!(numbers(&mut there, 1).await, [4]);
        there.no_event().await;
    }
    // An empty one is no cursor at all: nothing was missed.
    there.cut();
    there.reconnect_from(Some(String::new()), None).await;
    there.no_event().await;
    until(|| async { (events.of(&there.id).len() == 5).then_some(()) }).await;
    assert_eq!(
        events.of(&there.id)[1..],
        [
            "reconnected:epoch",
            "reconnected:epoch",
            "reconnected:epoch",
            "reconnected"
        ]
    );
}

#[tokio::test]
async fn item_38_a_malformed_cursor_is_accepted_as_a_socket_and_closed() {
    let (server, hub, events) = tcp(same).await;
    let mut client = server.client(HUB).await;
    let cursor = client.socket.cursor.clone().unwrap();
    let (prefix, _) = cursor.rsplit_once('-').unwrap();
    for malformed in ["-", "-x", "-1-1", "-1 2", "-10000000000000000", "-1|B,0"] {
        let message_id = format!("{prefix}{malformed}");
        for verb in ["/reconnect", "/connect"] {
            let mut socket = client
                .open(verb, &[("messageId", &message_id)])
                .await
                .unwrap();
            assert_eq!(socket.end().await, Some(1000), "{message_id}");
        }
    }
    // The connection itself took no notice.
    assert_eq!(events.of(&client.id), ["connected"]);
    to_all(&hub, 1).await;
    assert_eq!(numbers(&mut client, 1).await, [1]);
}

#[tokio::test]
async fn item_39_more_than_is_kept_was_missed_and_the_hub_is_told() {
    let (server, hub, events) = tcp(|builder| builder.retain(100, MIB)).await;
    let mut client = server.client(HUB).await;
    client.cut();
    for n in 0..150 {
        to_all(&hub, n).await;
    }
    client.reconnect().await;
    assert_eq!(
        numbers(&mut client, 100).await,
        (50..150).collect::<Vec<_>>()
    );
    client.no_event().await;
    // The original tells nobody.
    events
        .become_for(&client.id, &["connected", "reconnected:trimmed"])
        .await;
}

#[tokio::test]
async fn item_39_nothing_is_said_of_a_gap_where_there_is_none() {
    let (server, hub, events) = tcp(|builder| builder.retain(100, MIB)).await;
    let mut client = server.client(HUB).await;
    for n in 0..150 {
        to_all(&hub, n).await;
    }
    assert_eq!(numbers(&mut client, 150).await.len(), 150);
    client.cut();
    for n in 0..100 {
        to_all(&hub, n).await;
    }
    client.reconnect().await;
    assert_eq!(
        numbers(&mut client, 100).await,
        (0..100).collect::<Vec<_>>()
    );
    events
        .become_for(&client.id, &["connected", "reconnected"])
        .await;
}

#[tokio::test(start_paused = true)]
async fn item_40_what_a_connection_is_excepted_from_moves_its_cursor_and_never_comes() {
    let (server, hub, _) = memory(same);
    let mut client = server.client(HUB).await;
    let before = client.socket.cursor.clone();
    let others = hub.clients().all_except([client.id.as_str()]);
    others.send("n", (1,)).await.unwrap();
    // It is told with the next keep-alive: a frame for each would be a frame for nothing.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let frame = client.socket.frame().await;
    assert_eq!(frame["M"], json!([]));
    assert_ne!(client.socket.cursor, before);
    let after = client.socket.cursor.clone();
    others.send("n", (2,)).await.unwrap();
    to_all(&hub, 3).await;
    for cursor in [before, after] {
        client.cut();
        client.reconnect_from(cursor, None).await;
        assert_eq!(numbers(&mut client, 1).await, [3]);
        client.no_event().await;
    }
}

#[tokio::test]
async fn item_41_a_cursor_is_never_empty_and_survives_any_spelling_of_a_url() {
    let (server, hub, _) = tcp(same).await;
    let mut client = server.client(HUB).await;
    client.send("conformance", "join", json!(["g"])).await;
    client.send("conformance", "progress", json!([2])).await;
    to_all(&hub, 0).await;
    let mut events = 0;
    while events < 3 {
        let frame = client.socket.frame().await;
        if frame.get("I").is_some() {
            continue;
        }
        let cursor = frame["C"].as_str().unwrap();
        assert!(
            !cursor.is_empty()
                && cursor
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-'),
            "{cursor}"
        );
        events += frame["M"].as_array().unwrap().len();
    }
    client.socket.events.clear();
    let cursor = client.socket.cursor.clone().unwrap();
    to_all(&hub, 1).await;
    let all_escaped: String = cursor.bytes().map(|b| format!("%{b:02X}")).collect();
    for spelling in [cursor.clone(), cursor.to_lowercase(), all_escaped] {
        let target = format!(
            "{}&messageId={spelling}",
            server.target("/reconnect", &client.query(&[]))
        );
        let mut socket = server.upgrade(&target, &[]).await.unwrap();
        assert_eq!(socket.event().await, json!(["n", 1]), "{spelling}");
    }
}

#[tokio::test(start_paused = true)]
async fn item_42_topics_outlive_their_last_listener_and_are_reclaimed_later() {
    let (server, hub, events) = memory(same);
    let mut client = server.client_as(HUB, Some("ann")).await;
    client.result("conformance", "join", json!(["g"])).await;
    client.no_event().await;
    client.cut();
    // 30 s and 5 s of grace, and a beat or two.
    tokio::time::sleep(Duration::from_secs(41)).await;
    assert_eq!(events.of(&client.id), ["connected", "disconnected:false"]);
    tokio::time::sleep(Duration::from_secs(92)).await;
    let everybody = [
        hub.clients().all(),
        hub.clients().group("g"),
        hub.clients().user("ann"),
        hub.clients().client(client.id.as_str()),
    ];
    for (n, to) in everybody.iter().enumerate() {
        to.send("n", (n,)).await.unwrap();
    }
    client.reconnect().await;
    assert_eq!(numbers(&mut client, 4).await, [0, 1, 2, 3]);
    client.no_event().await;
    client.cut();
    tokio::time::sleep(Duration::from_secs(160)).await;
    // Somebody comes, and what is idle for too long goes.
    let other = server.client(&["demo"]).await;
    for (n, to) in everybody.iter().enumerate() {
        to.send("n", (n,)).await.unwrap();
    }
    client.reconnect().await;
    client.no_event().await;
    // The original says nothing.
    until(|| async { (events.of(&client.id).len() == 5).then_some(()) }).await;
    assert_eq!(
        events.of(&client.id)[2..],
        ["reconnected", "disconnected:false", "reconnected:expired"]
    );
    drop(other);
}
