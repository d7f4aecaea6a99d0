//! longPolling: how connections that poll come, stay and end (`classic-signalr.md` 6.4 and 10, checklist "Lifetime" as far as
//! it differs there).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::hubs::{Events, builder};
use common::receive::{Ended, Over, POLL};
use common::{Server, until};
use hub_server::Builder;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

const HUB: &[&str] = &["conformance"];

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

/// The payload that says nothing.
fn empty(client: &Over<'_>) -> String {
    format!("{{\"C\":\"{}\",\"M\":[]}}", client.cursor.as_ref().unwrap())
}

#[tokio::test]
async fn item_63_an_abort_ends_the_poll_with_an_empty_payload() {
    let (server, events) = server().await;
    let client = server.over(POLL, HUB).await;
    let mut poll = client.come("/poll").await;
    client.abort().await;
    let body = poll.body().await;
    assert!(
        body.starts_with("{\"C\":\"") && body.ends_with("\",\"M\":[]}"),
        "{body}"
    );
    assert_eq!(poll.ended, Some(Ended::Complete));
    events
        .become_for(&client.id, &["connected", "disconnected:true"])
        .await;
}

#[tokio::test]
async fn item_63_an_abort_between_two_polls_and_after_one_was_dropped_disconnects_at_once() {
    let (server, events) = server().await;
    for drops in [false, true] {
        let client = server.over(POLL, HUB).await;
        if drops {
            drop(client.come("/poll").await);
        }
        client.abort().await;
        events
            .become_for(&client.id, &["connected", "disconnected:true"])
            .await;
        // What comes now is a connection that the server did not know.
        let mut poll = client.come("/poll").await;
        let mut other = server.over(POLL, HUB).await;
        other
            .result("conformance", "SendTo", json!([client.id, "hi"]))
            .await;
        let payload: Value = serde_json::from_str(&poll.body().await).unwrap();
        assert_eq!(payload["M"][0]["A"], json!([other.id, "hi"]));
    }
}

#[tokio::test(start_paused = true)]
async fn item_64_a_client_that_stops_polling_is_gone_after_the_disconnect_timeout_without_grace() {
    for (delay, due) in [(Duration::ZERO, s(30)), (s(3), s(33))] {
        let (server, events) = in_memory(|builder| builder.long_poll_delay(delay));
        let client = server.over(POLL, HUB).await;
        for drops in [false, true] {
            let mut client = server.over(POLL, HUB).await;
            let mut poll = client.come("/poll").await;
            if drops {
                drop(poll);
            } else {
                client
                    .result("conformance", "Caller", json!(["last"]))
                    .await;
                poll.body().await;
            }
            let began = Instant::now();
            while events.of(&client.id) == ["connected"] {
                assert!(began.elapsed() <= due + s(5));
                sleep(Duration::from_millis(10)).await;
            }
            assert!(began.elapsed() >= due, "{:?} already", began.elapsed());
            assert_eq!(events.of(&client.id), ["connected", "disconnected:false"]);
        }
        // The first one never polled at all.
        assert_eq!(events.of(&client.id), ["connected", "disconnected:false"]);
    }
}

#[tokio::test(start_paused = true)]
async fn item_65_a_client_that_polls_again_in_time_stays_and_a_waiting_poll_keeps_it_for_ever() {
    let (server, events) = in_memory(|builder| builder);
    let mut client = server.over(POLL, HUB).await;
    for _ in 0..5 {
        sleep(s(29)).await;
        client.result("conformance", "Caller", json!(["x"])).await;
        client.poll().await;
    }
    for _ in 0..5 {
        assert_eq!(client.poll().await["M"], json!([]), "after 110 s");
    }
    assert_eq!(events.of(&client.id), ["connected"]);
}

#[tokio::test]
async fn item_67_poll_does_not_tell_of_a_reconnect_and_reconnect_does() {
    let (server, events) = server().await;
    let mut client = server.over(POLL, HUB).await;
    for _ in 0..3 {
        client.result("conformance", "Caller", json!(["x"])).await;
        client.poll().await;
    }
    assert_eq!(events.of(&client.id), ["connected"]);
    client.result("conformance", "Caller", json!(["x"])).await;
    client.reconnect().await;
    events
        .become_for(&client.id, &["connected", "reconnected"])
        .await;
}

#[tokio::test(start_paused = true)]
async fn item_67_a_poll_of_a_new_client_tells_of_nothing_though_topics_were_forgotten_as_it_came() {
    let (builder, events) = builder();
    let server = builder.build().unwrap();
    let hub = server.handle("conformance").unwrap();
    let server = Server::memory_of(server);
    let old = server.over(POLL, HUB).await;
    hub.clients().all().send("n", (1,)).await.unwrap();
    old.abort().await;
    events
        .become_for(&old.id, &["connected", "disconnected:true"])
        .await;
    sleep(s(600)).await;
    // Counted by the log, and kept for nobody.
    hub.clients().client("gone").send("n", (2,)).await.unwrap();
    for _ in 0..2 {
        let mut client = server.over(POLL, HUB).await;
        client.result("conformance", "Caller", json!(["x"])).await;
        client.poll().await;
        client.poll().await;
        sleep(s(1)).await;
        assert_eq!(events.of(&client.id), ["connected"]);
        client.abort().await;
    }
}

#[tokio::test]
async fn item_68_a_newer_poll_ends_the_older_with_its_own_cursor_and_no_messages() {
    let (server, events) = server().await;
    let mut client = server.over(POLL, HUB).await;
    for verb in ["/poll", "/poll", "/reconnect"] {
        let mut old = client.come("/poll").await;
        let mut new = client.come(verb).await;
        assert_eq!(old.body().await, empty(&client));
        assert_eq!(old.ended, Some(Ended::Complete));
        client.result("conformance", "Caller", json!([verb])).await;
        client.take(&serde_json::from_str(&new.body().await).unwrap());
        assert_eq!(client.event().await, json!(["message", client.id, verb]));
        assert!(client.events.is_empty());
    }
    events
        .become_for(&client.id, &["connected", "reconnected"])
        .await;
}

#[tokio::test]
async fn two_polls_at_once_share_nothing_and_each_is_answered_with_one_object() {
    let (server, _) = server().await;
    let mut client = server.over(POLL, HUB).await;
    for n in 0..30 {
        // Both on their way: either may be the older.
        let (mut one, mut two) = tokio::join!(client.come("/poll"), client.come("/poll"));
        let (first, second, ()) = tokio::join!(one.body(), two.body(), async {
            client
                .post(
                    &json!({"H": "conformance", "M": "Caller", "A": [n.to_string()], "I": 0})
                        .to_string(),
                )
                .await;
        });
        let payloads = [&first, &second].map(|body| serde_json::from_str::<Value>(body).unwrap());
        let full: Vec<_> = payloads
            .iter()
            .filter(|payload| payload["M"] != json!([]))
            .collect();
        assert_eq!(full.len(), 1, "{first} {second}");
        client.take(full[0]);
        assert_eq!(
            client.event().await,
            json!(["message", client.id, n.to_string()])
        );
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_during_a_poll_frees_its_request() {
    let (server, events) = server().await;
    let mut client = server.over(POLL, HUB).await;
    drop(client.come("/poll").await);
    // Nobody takes what is sent now, until the next poll does.
    client
        .result("conformance", "Caller", json!(["kept"]))
        .await;
    let got = until(|| async { Some(client.come("/poll").await) }).await;
    let mut got = got;
    client.take(&serde_json::from_str(&got.body().await).unwrap());
    assert_eq!(client.event().await, json!(["message", client.id, "kept"]));
    assert_eq!(events.of(&client.id), ["connected"]);
}
