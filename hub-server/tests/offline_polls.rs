//! What was kept for clients of longPolling, whose first poll may come before their start.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::over::Over;
use common::receive::{POLL, SSE};
use common::wires::{BOB, Servers};
use serde_json::{Value, json};

/// A client that is known again, connected and not started.
async fn connected<'a>(servers: &'a Servers, transport: &'static str) -> Over<'a> {
    let mut client = servers
        .http
        .negotiated_over(transport, &["foo"], None)
        .await;
    client.more = vec![("persistentId".into(), BOB[13..].into())];
    client.connect().await;
    client
}

async fn events(client: &mut Over<'_>, count: usize) -> Vec<Value> {
    let mut events = Vec::new();
    while events.len() < count {
        events.push(client.event().await);
    }
    events
}

#[tokio::test]
async fn a_poll_that_comes_before_the_start_brings_what_was_kept_before_what_is_live() {
    let servers = Servers::start().await;
    let mut sender = servers.client(true, "").await;
    sender.open().await;
    for transport in [POLL, SSE] {
        let bob = connected(&servers, transport).await;
        bob.start().await;
        bob.abort().await;
        for text in ["one", "two"] {
            sender
                .expect(&[("bar", text)], &[&format!("bar|{text}")])
                .await;
        }
        let mut bob = connected(&servers, transport).await;
        // As the JavaScript client does: it polls, and starts meanwhile.
        let poll = match transport == POLL {
            true => Some(bob.come("/poll").await),
            false => None,
        };
        sender.expect(&[("bar", "live")], &["bar|live"]).await;
        bob.start().await;
        if let Some(mut poll) = poll {
            assert_eq!(poll.status, 200);
            let payload = serde_json::from_str(&poll.body().await).unwrap();
            bob.take(&payload);
        }
        sender.expect(&[("bar", "later")], &["bar|later"]).await;
        let expected = ["one", "two", "live", "later"].map(|text| json!(["bar", text]));
        assert_eq!(events(&mut bob, 4).await, expected, "{transport}");
        sender.expect(&[("bar", "end")], &["bar|end"]).await;
        assert_eq!(
            bob.event().await,
            json!(["bar", "end"]),
            "nothing comes twice"
        );
        bob.abort().await;
    }
}

#[tokio::test]
async fn what_had_left_for_a_client_that_says_goodbye_does_not_come_again() {
    let servers = Servers::start().await;
    let mut sender = servers.client(true, "").await;
    sender.open().await;
    for transport in [POLL, SSE] {
        let mut bob = connected(&servers, transport).await;
        bob.start().await;
        sender.expect(&[("bar", "heard")], &["bar|heard"]).await;
        assert_eq!(bob.event().await, json!(["bar", "heard"]));
        // As a page that stops when it has heard it: no poll says so any more.
        bob.abort().await;
        sender.expect(&[("bar", "away")], &["bar|away"]).await;
        let mut bob = connected(&servers, transport).await;
        bob.start().await;
        assert_eq!(bob.event().await, json!(["bar", "away"]), "{transport}");
        bob.abort().await;
    }
}

#[tokio::test]
async fn a_payload_that_no_poll_came_after_comes_again_to_who_says_no_goodbye() {
    let servers = Servers::start().await;
    let mut sender = servers.client(true, "").await;
    sender.open().await;
    let mut bob = connected(&servers, POLL).await;
    bob.start().await;
    sender.expect(&[("bar", "one")], &["bar|one"]).await;
    assert_eq!(bob.event().await, json!(["bar", "one"]));
    // It may have crossed what was on its way: it proves nothing.
    bob.result("foo", "Add", json!([1, 2])).await;
    sender.expect(&[("bar", "two")], &["bar|two"]).await;
    let mut bob = connected(&servers, POLL).await;
    bob.start().await;
    let expected = ["one", "two"].map(|text| json!(["bar", text]));
    assert_eq!(events(&mut bob, 2).await, expected);
}
