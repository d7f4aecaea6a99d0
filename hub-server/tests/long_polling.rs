//! longPolling: how a poll is answered (`classic-signalr.md` 6.4, checklist "Transports").
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::Server;
use common::hubs::{Events, builder};
use common::receive::{Ended, Over, POLL};
use hub_server::{Builder, HubHandle};
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

async fn with_handle(set: impl FnOnce(Builder) -> Builder) -> (Server, HubHandle, Events) {
    let (builder, events) = builder();
    let server = set(builder).build().unwrap();
    let handle = server.handle("conformance").unwrap();
    (Server::tcp_of(server).await, handle, events)
}

/// Keep-alive every 2 s, looked at every second.
fn quick(builder: Builder) -> Builder {
    builder.disconnect_timeout(s(6)).connection_timeout(s(7))
}

/// The payload that says nothing.
fn empty(client: &Over<'_>) -> String {
    format!("{{\"C\":\"{}\",\"M\":[]}}", client.cursor.as_ref().unwrap())
}

#[tokio::test]
async fn item_16_connect_is_answered_at_once_with_one_object_that_has_s() {
    let (server, _) = server().await;
    let mut client = server.negotiated_over(POLL, HUB, None).await;
    let mut poll = client.open("/connect", &[]).await;
    assert_eq!(poll.status, 200);
    assert_eq!(
        poll.headers["content-type"],
        "application/json; charset=UTF-8"
    );
    assert_eq!(poll.headers["x-content-type-options"], "nosniff");
    assert_eq!(poll.headers["transfer-encoding"], "chunked");
    let body = poll.body().await;
    assert_eq!(poll.ended, Some(Ended::Complete));
    client.take(&serde_json::from_str(&body).unwrap());
    let cursor = client.cursor.clone().unwrap();
    assert_eq!(body, format!("{{\"C\":\"{cursor}\",\"S\":1,\"M\":[]}}"));
}

#[tokio::test]
async fn item_22_the_head_of_a_poll_comes_at_once_and_the_body_when_there_is_one() {
    let (server, _) = server().await;
    let mut client = server.over(POLL, HUB).await;
    // That it returns says that the head is there.
    let mut poll = client.come("/poll").await;
    assert_eq!(poll.status, 200);
    client.result("conformance", "Caller", json!(["now"])).await;
    let chunk = poll.chunk().await.unwrap();
    client.take(&serde_json::from_str(&chunk).unwrap());
    assert_eq!(client.event().await, json!(["message", client.id, "now"]));
    assert_eq!(
        (poll.chunk().await, poll.ended),
        (None, Some(Ended::Complete))
    );
}

#[tokio::test(start_paused = true)]
async fn item_25_a_keep_alive_is_one_blank_every_interval_also_under_traffic() {
    let (server, _) = in_memory(quick);
    let mut client = server.over(POLL, HUB).await;
    let mut other = server.over(POLL, HUB).await;
    let mut poll = client.come("/poll").await;
    let mut at = Instant::now();
    for n in 0..3 {
        assert_eq!(poll.chunk().await.unwrap(), " ", "flushed by itself");
        if n > 0 {
            assert_eq!(at.elapsed(), s(2));
        }
        at = Instant::now();
        sleep(Duration::from_millis(700)).await;
        client.result("conformance", "Nothing", json!([])).await;
        other.result("conformance", "Caller", json!(["mine"])).await;
        other.poll().await;
    }
    other
        .result("conformance", "SendTo", json!([client.id, "hi"]))
        .await;
    let body = poll.body().await;
    client.take(&serde_json::from_str(&body).unwrap());
    assert_eq!(client.event().await, json!(["message", other.id, "hi"]));
}

#[tokio::test(start_paused = true)]
async fn item_26_a_poll_with_nothing_to_say_ends_at_the_connection_timeout_on_the_heartbeat() {
    let (server, events) = in_memory(quick);
    let mut client = server.over(POLL, HUB).await;
    for offset in [0, 300, 999] {
        sleep(Duration::from_millis(offset)).await;
        let began = Instant::now();
        let mut poll = client.come("/poll").await;
        let body = poll.body().await;
        let took = began.elapsed();
        assert!(took >= s(7) && took <= s(8), "{took:?}");
        assert_eq!(body.trim_start_matches(' '), empty(&client));
        assert!((3..=4).contains(&body.find('{').unwrap()), "{body}");
        assert_eq!(poll.ended, Some(Ended::Complete));
    }
    assert_eq!(events.of(&client.id), ["connected"]);
    client.no_event().await;
}

#[tokio::test(start_paused = true)]
async fn item_26_the_default_is_110_seconds() {
    let (server, _) = in_memory(|builder| builder);
    let client = server.over(POLL, HUB).await;
    let began = Instant::now();
    let mut poll = client.come("/poll").await;
    poll.body().await;
    assert!(began.elapsed() >= s(110) && began.elapsed() <= s(115));
}

#[tokio::test(start_paused = true)]
async fn item_35_a_poll_ends_at_the_connection_timeout_without_keep_alive_too_and_has_no_blanks() {
    let (server, _) = in_memory(|builder| {
        let builder = builder.disconnect_timeout(s(6)).keep_alive(None);
        builder.connection_timeout(s(4))
    });
    let client = server.over(POLL, HUB).await;
    let began = Instant::now();
    let mut poll = client.come("/poll").await;
    assert_eq!(poll.body().await, empty(&client));
    assert!(began.elapsed() >= s(4) && began.elapsed() <= s(5));
}

#[tokio::test(start_paused = true)]
async fn item_27_a_poll_behind_its_cursor_is_answered_at_once() {
    let (server, _) = in_memory(|builder| builder);
    let mut client = server.over(POLL, HUB).await;
    for verb in ["/poll", "/reconnect", "/connect"] {
        for n in 0..3 {
            client
                .result("conformance", "Caller", json!([n.to_string()]))
                .await;
        }
        let began = Instant::now();
        let (mut got, mut connected) = (0, false);
        while got < 3 {
            // A connect says that the transport works, and leaves the rest to the first poll.
            let verb = if got == 0 && !connected {
                verb
            } else {
                "/poll"
            };
            connected = true;
            let mut poll = client.come(verb).await;
            let payload: Value = serde_json::from_str(&poll.body().await).unwrap();
            client.take(&payload);
            got += payload["M"].as_array().unwrap().len();
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        for n in 0..3 {
            assert_eq!(
                client.event().await,
                json!(["message", client.id, n.to_string()])
            );
        }
    }
}

#[tokio::test]
async fn item_28_the_cursor_and_the_groups_are_taken_from_the_query_and_from_the_form() {
    let (server, _) = server().await;
    for in_form in [false, true] {
        let mut client = server.over(POLL, HUB).await;
        let poll = client.come("/poll").await;
        client.result("conformance", "Join", json!(["g"])).await;
        let mut poll = poll;
        client.take(&serde_json::from_str(&poll.body().await).unwrap());
        let (cursor, groups) = (
            client.cursor.clone().unwrap(),
            client.groups.clone().unwrap(),
        );
        client
            .result("conformance", "SendGroup", json!(["g", "one"]))
            .await;
        let pairs = [("messageId", &*cursor), ("groupsToken", &*groups)];
        let mut poll = if in_form {
            let form = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(pairs)
                .finish();
            server
                .ask(&client.target("/poll", &[]), &[], Some(&form))
                .await
        } else {
            client.open("/poll", &pairs).await
        };
        client.take(&serde_json::from_str(&poll.body().await).unwrap());
        assert_eq!(
            client.event().await,
            json!(["groupMessage", "g", "one"]),
            "{in_form}"
        );
    }
}

#[tokio::test]
async fn item_28_the_query_comes_before_the_form() {
    let (server, _) = server().await;
    let mut client = server.over(POLL, HUB).await;
    let old = client.cursor.clone().unwrap();
    client.result("conformance", "Caller", json!(["one"])).await;
    client.poll().await;
    client.events.clear();
    let new = client.cursor.clone().unwrap();
    let form = format!("messageId={old}");
    let target = client.target("/poll", &[("messageId", &new)]);
    let mut poll = server.ask(&target, &[], Some(&form)).await;
    client.result("conformance", "Caller", json!(["two"])).await;
    client.take(&serde_json::from_str(&poll.body().await).unwrap());
    assert_eq!(client.event().await, json!(["message", client.id, "two"]));
}

#[tokio::test(start_paused = true)]
async fn item_29_every_answer_to_a_poll_has_l_in_milliseconds() {
    let (server, _) = in_memory(|b| quick(b).long_poll_delay(Duration::from_millis(1_500)));
    let mut client = server.negotiated_over(POLL, HUB, None).await;
    let body = client.open("/connect", &[]).await.body().await;
    assert!(body.ends_with(",\"S\":1,\"L\":1500,\"M\":[]}"), "{body}");
    client.take(&serde_json::from_str(&body).unwrap());
    client.start().await;
    // One that waits, and one that is behind.
    let mut poll = client.come("/poll").await;
    client
        .result("conformance", "Caller", json!(["live"]))
        .await;
    let body = poll.body().await;
    assert!(body.contains(",\"L\":1500,\"M\":[{"), "{body}");
    client.take(&serde_json::from_str(&body).unwrap());
    client
        .result("conformance", "Caller", json!(["behind"]))
        .await;
    assert_eq!(client.poll().await["L"], 1500);
    // Groups, replacement, timeout, abort.
    let mut poll = client.come("/poll").await;
    client.result("conformance", "Join", json!(["g"])).await;
    let body = poll.body().await;
    assert!(
        body.contains("\"G\":\"") && body.ends_with(",\"L\":1500,\"M\":[]}"),
        "{body}"
    );
    client.take(&serde_json::from_str(&body).unwrap());
    let nothing = empty(&client).replace("\"M\"", "\"L\":1500,\"M\"");
    let mut old = client.come("/poll").await;
    let mut poll = client.come("/poll").await;
    assert_eq!(old.body().await, nothing);
    assert_eq!(poll.body().await.trim_start(), nothing);
    let mut poll = client.come("/poll").await;
    client.abort().await;
    let body = poll.body().await;
    assert!(body.contains(",\"L\":1500,\"M\":[]}"), "{body}");
}

#[tokio::test]
async fn a_poll_returns_exactly_one_object_whatever_comes_at_once() {
    let (server, hub, _) = with_handle(|builder| builder).await;
    let mut client = server.over(POLL, HUB).await;
    let mut next = 0;
    for _ in 0..10 {
        let mut poll = client.come("/poll").await;
        for n in 0..20 {
            hub.clients().all().send("n", (next + n,)).await.unwrap();
        }
        let body = poll.body().await;
        client.take(&serde_json::from_str(&body).expect("one object"));
        for _ in 0..20 {
            assert_eq!(client.event().await, json!(["n", next]));
            next += 1;
        }
    }
}
