//! Two nodes that share a log, of which one has not heard of all that the other has: its tail is behind, or leaves out what
//! it did not listen to.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::farm::{farm, to_all};
use common::within;
use serde_json::json;
use tokio::time::timeout;

const HUB: &[&str] = &["conformance"];

#[tokio::test]
async fn a_node_that_is_behind_repeats_nothing_to_a_client_that_is_not() {
    let [a, b] = farm().await;
    // Somebody is on the slow node, which therefore has all of it still before it.
    let mut stays = b.server.client(HUB).await;
    let mut client = a.server.client(HUB).await;
    b.log.hold(true);
    for n in 0..10 {
        to_all(&a, n).await;
        assert_eq!(client.event().await, json!(["n", n]));
    }
    let cursor = client.socket.cursor.clone();
    client.cut();
    client.server = &b.server;
    client.reconnect_from(cursor, None).await;
    to_all(&a, 10).await;
    b.log.hold(false);
    for n in 0..=10 {
        assert_eq!(stays.event().await, json!(["n", n]));
    }
    assert_eq!(client.event().await, json!(["n", 10]));
    client.no_event().await;
    b.events.become_for(&client.id, &["reconnected"]).await;
}

#[tokio::test]
async fn what_a_group_gets_before_a_node_listens_to_it_reaches_its_new_member_there() {
    let [a, b] = farm().await;
    let mut ann = a.server.client(HUB).await;
    ann.result("conformance", "join", json!(["g"])).await;
    let mut bob = b.server.client(HUB).await;
    b.log.hold(true);
    let mut adding = Box::pin(a.add(&bob.id, "g"));
    let pending = timeout(Duration::from_millis(20), adding.as_mut()).await;
    assert!(
        pending.is_err(),
        "acknowledged by a node that does not have it"
    );
    for n in 0..10 {
        let clients = a.hub.clients();
        clients.group("g").send("n", (n,)).await.unwrap();
    }
    b.log.hold(false);
    within(adding).await.unwrap();
    for n in 0..10 {
        assert_eq!(bob.event().await, json!(["n", n]));
        assert_eq!(ann.event().await, json!(["n", n]));
    }
    bob.no_event().await;
}

#[tokio::test]
async fn a_join_that_was_read_in_the_log_is_not_applied_again_by_the_node_that_is_behind() {
    let [a, b] = farm().await;
    let mut client = b.server.client(HUB).await;
    b.log.hold(true);
    let id = client.id.clone();
    let mut adding = Box::pin(a.add(&id, "g"));
    let pending = timeout(Duration::from_millis(20), adding.as_mut()).await;
    assert!(pending.is_err());
    to_all(&a, 1).await;
    // Somebody new: from now on whoever comes back reads up to here.
    let mut other = b.server.client(HUB).await;
    client.reconnect().await;
    assert_eq!(client.event().await, json!(["n", 1]));
    b.log.hold(false);
    within(adding).await.unwrap();
    to_all(&a, 2).await;
    assert_eq!(client.event().await, json!(["n", 2]));
    client.no_event().await;
    assert_eq!(other.event().await, json!(["n", 2]));
    other.no_event().await;
}

#[tokio::test]
async fn a_new_connection_hears_nothing_of_before_it_came_also_after_a_reconnect() {
    let [a, b] = farm().await;
    let stays = a.server.client(HUB).await;
    for n in 0..10 {
        to_all(&a, n).await;
    }
    // Nobody was on this node before.
    let mut client = b.server.client(HUB).await;
    client.no_event().await;
    let cursor = client.socket.cursor.clone();
    for server in [&b.server, &a.server] {
        client.cut();
        client.server = server;
        client.reconnect_from(cursor.clone(), None).await;
        client.no_event().await;
    }
    drop(stays);
}

#[tokio::test]
async fn sending_to_those_of_the_other_node_alone_returns() {
    let [a, b] = farm().await;
    let mut bob = b.server.client(HUB).await;
    bob.result("conformance", "join", json!(["g"])).await;
    for n in 0..20 {
        // Nobody here listens to it: the tail of this node does not have it.
        let clients = a.hub.clients();
        within(clients.group("g").send("n", (n,))).await.unwrap();
        assert_eq!(bob.event().await, json!(["n", n]));
    }
}
