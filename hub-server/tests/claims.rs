//! Which of two nodes that share a log has a connection: the one that its newest request came to (`design.md` 4).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::farm::{Node, answered, farm, farm_in_memory, to_all};
use common::receive::{Ended, Over, POLL, SSE, payload_of};
use common::{until, within};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;

const HUB: &[&str] = &["conformance"];

#[tokio::test]
async fn an_abort_after_the_connection_moved_is_told_once_by_the_node_that_has_it() {
    let [a, b] = farm().await;
    let mut client = a.server.over(POLL, HUB).await;
    for _ in 0..5 {
        for node in [&b, &a] {
            client.server = &node.server;
            client.result("conformance", "Caller", json!(["x"])).await;
            client.poll().await;
        }
    }
    b.forgets(&client.id).await;
    client.server = &b.server;
    client.abort().await;
    let told = ["connected", "disconnected:true"];
    a.events.become_for(&client.id, &told).await;
    a.forgets(&client.id).await;
    assert!(b.events.of(&client.id).is_empty());
}

#[tokio::test]
async fn item_68_a_newer_request_on_another_node_ends_the_older_quietly() {
    let [a, b] = farm().await;
    let mut socket = a.server.client(HUB).await;
    let mut there = socket.moved(&b.server);
    let cursor = socket.socket.cursor.clone();
    there.reconnect_from(cursor, None).await;
    assert_eq!(socket.socket.end().await, Some(1000));
    there.no_event().await;

    let mut stream = a.server.over(SSE, HUB).await;
    let mut old = stream.stream.take().unwrap();
    stream.server = &b.server;
    stream.reconnect().await;
    assert_eq!((&*old.body().await, old.ended), ("", Some(Ended::Complete)));
    stream.no_event().await;

    let mut polls = a.server.over(POLL, HUB).await;
    let mut old = polls.come("/poll").await;
    polls.server = &b.server;
    let new = polls.come("/poll").await;
    let empty: Value = serde_json::from_str(&old.body().await).unwrap();
    assert_eq!(empty["M"], json!([]), "{empty}");
    polls.result("conformance", "Caller", json!(["x"])).await;
    answered(&mut polls, new).await;
    assert_eq!(polls.event().await, json!(["message", polls.id, "x"]));
    for (id, back) in [(&socket.id, 1), (&stream.id, 1), (&polls.id, 0)] {
        assert_eq!(a.events.of(id), ["connected"]);
        assert_eq!(b.events.of(id), vec!["reconnected"; back]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_a_client_left_does_not_report_it_as_lost() {
    let [a, b] = farm_in_memory();
    for transport in [SSE, POLL] {
        let mut client = a.server.over(transport, HUB).await;
        client.cut();
        client.server = &b.server;
        let poll = client.come("/reconnect").await;
        sleep(Duration::from_secs(100)).await;
        assert_eq!(a.events.of(&client.id), ["connected"], "{transport}");
        assert_eq!(b.events.of(&client.id), ["reconnected"], "{transport}");
        drop(poll);
        sleep(Duration::from_secs(41)).await;
        assert_eq!(a.events.of(&client.id), ["connected"], "{transport}");
        let told = ["reconnected", "disconnected:false"];
        assert_eq!(b.events.of(&client.id), told, "{transport}");
    }
}

#[tokio::test]
async fn a_claim_that_is_read_after_the_client_came_back_does_not_end_it() {
    let [a, b] = farm().await;
    let mut client = a.server.over(POLL, HUB).await;
    client.server = &b.server;
    a.log.hold(true);
    let poll = client.come("/poll").await;
    let clients = b.hub.clients();
    clients
        .client(client.id.as_str())
        .send("n", (1,))
        .await
        .unwrap();
    answered(&mut client, poll).await;
    assert_eq!(client.event().await, json!(["n", 1]));
    // It comes back before this node has read that it was gone.
    client.server = &a.server;
    let poll = client.come("/poll").await;
    a.log.hold(false);
    b.forgets(&client.id).await;
    assert!(a.has(&client.id));
    to_all(&b, 2).await;
    answered(&mut client, poll).await;
    assert_eq!(client.event().await, json!(["n", 2]));
    client.abort().await;
    let told = ["connected", "disconnected:true"];
    a.events.become_for(&client.id, &told).await;
    assert!(b.events.of(&client.id).is_empty());
}

/// Takes a payload if it has the message, and counts it.
fn take_x(client: &mut Over<'_>, payload: &str) -> usize {
    let x = payload.matches("\"x\"").count();
    if x > 0 {
        client.take(&serde_json::from_str(payload).unwrap());
        client.events.clear();
    }
    x
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn requests_that_race_to_both_nodes_leave_one_that_has_the_connection() {
    let [a, b] = farm().await;
    for transport in [POLL, SSE] {
        let mut client = a.server.over(transport, HUB).await;
        for _ in 0..30 {
            let verb = if transport == POLL {
                "/poll"
            } else {
                "/reconnect"
            };
            let target = client.target(verb, &[("messageId", client.cursor.as_ref().unwrap())]);
            let both = [&b, &a].map(|node| node.server.ask(&target, &[], None));
            let mut both = within(join_all(both)).await;
            // One of them ends for the other, and the node of the other has it.
            until(|| async { (a.has(&client.id) != b.has(&client.id)).then_some(()) }).await;
            client.result("conformance", "Caller", json!(["x"])).await;
            let mut came = 0;
            for stream in &mut both {
                came += if transport == POLL {
                    take_x(&mut client, &stream.body().await)
                } else {
                    let mut x = 0;
                    while x == 0
                        && let Some(unit) = stream.unit().await
                    {
                        x = payload_of(&unit).map_or(0, |p| take_x(&mut client, &p.to_string()));
                    }
                    x
                };
            }
            assert_eq!(came, 1);
        }
        client.abort().await;
        let gone = || async { (!a.has(&client.id) && !b.has(&client.id)).then_some(()) };
        until(gone).await;
        let told = |node: &Node| {
            let told = node.events.of(&client.id).into_iter();
            told.filter(|event| event == "disconnected:true").count()
        };
        until(|| async { (told(&a) + told(&b) > 0).then_some(()) }).await;
        assert_eq!(told(&a) + told(&b), 1);
    }
}

#[tokio::test]
async fn a_node_that_ends_leaves_no_interest_behind() {
    let [a, b] = farm().await;
    let client = a.server.client(HUB).await;
    assert!(!a.log.topics().is_empty());
    let (id, log) = (client.id.clone(), a.log.clone());
    let mut there = client.moved(&b.server);
    let cursor = client.socket.cursor.clone();
    drop(client);
    drop(a);
    until(|| async { log.topics().is_empty().then_some(()) }).await;
    there.reconnect_from(cursor, None).await;
    to_all(&b, 1).await;
    assert_eq!(there.event().await, json!(["n", 1]));
    assert!(b.has(&id));
}
