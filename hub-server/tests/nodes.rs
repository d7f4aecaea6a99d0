//! Two nodes that share a key and a log: any request of a connection may come to either (`design.md` 4, checklist
//! "Scale-out").
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::farm::{answered, farm};
use common::receive::{Ended, Over, POLL, SSE};
use common::within;
use serde_json::json;
use tokio::time::sleep;

const HUB: &[&str] = &["conformance"];

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn polls_and_sends_that_alternate_between_nodes_under_load_lose_and_repeat_nothing() {
    const TURNS: usize = 300;
    let nodes = farm().await;
    let mut client = nodes[0].server.negotiated_over(POLL, HUB, None).await;
    client.connect().await;
    client.server = &nodes[1].server;
    client.start().await;
    client.result("conformance", "Join", json!(["g"])).await;
    let stays = nodes[1].server.over(SSE, HUB).await;

    // Each node says what it has to say in an order of its own.
    let load = nodes.each_ref().map(|node| {
        let hub = node.hub.clone();
        let from = format!("from {:p}", node);
        let name = from.clone();
        let sending = async move {
            for n in 0.. {
                let clients = hub.clients();
                let to = if n % 2 == 0 {
                    clients.all()
                } else {
                    clients.group("g")
                };
                to.send("load", (&from, n)).await.unwrap();
                sleep(Duration::from_micros(700)).await;
            }
        };
        (name, tokio::spawn(sending).abort_handle())
    });
    let names = load.each_ref().map(|(name, _)| name.clone());
    let (mut seen, mut own) = ([0, 0], 0);
    let mut sent = 0;
    let mut take = |client: &mut Over<'_>| {
        for event in client.events.drain(..) {
            let (name, n) = (&event["A"][0], event["A"][1].as_i64());
            match names.iter().position(|known| known == name) {
                Some(node) => {
                    assert_eq!(n, Some(seen[node]), "of node {node}");
                    seen[node] += 1;
                }
                None => {
                    assert_eq!(event["A"][1], own.to_string(), "{event}");
                    own += 1;
                }
            }
        }
        (seen, own)
    };
    for turn in 0..TURNS {
        client.server = &nodes[turn % 2].server;
        if turn % 3 == 0 {
            let text = json!([sent.to_string()]);
            client.result("conformance", "Caller", text).await;
            sent += 1;
            client.server = &nodes[(turn + turn / 6) % 2].server;
        }
        client.poll().await;
        take(&mut client);
    }
    load.iter().for_each(|(_, load)| load.abort());
    // All that was said before it comes before it.
    client
        .result("conformance", "Caller", json!(["last"]))
        .await;
    while client.events.back().is_none_or(|e| e["A"][1] != "last") {
        client.poll().await;
    }
    client.events.pop_back();
    let (seen, own) = take(&mut client);
    assert_eq!(own, sent);
    assert!(seen.iter().all(|&n| n > TURNS as i64 / 4), "{seen:?}");
    // No hub thought that it was gone, or back.
    for node in &nodes {
        let told = node.events.of(&client.id);
        assert!(told.iter().all(|event| event == "connected"), "{told:?}");
    }
    drop(stays);
}

#[tokio::test]
async fn start_and_abort_may_come_to_another_node_than_the_poll() {
    let [a, b] = farm().await;
    for transport in [POLL, SSE] {
        let mut client = a.server.negotiated_over(transport, HUB, None).await;
        client.connect().await;
        client.server = &b.server;
        client.start().await;
        assert_eq!(b.events.of(&client.id), ["connected"]);
        client.server = &a.server;
        let mut receiving = match client.stream.take() {
            Some(stream) => stream,
            None => client.come("/poll").await,
        };
        client.server = &b.server;
        client.abort().await;
        receiving.body().await;
        assert_eq!(receiving.ended, Some(Ended::Complete));
        // The node that had it tells, and no other.
        a.events
            .become_for(&client.id, &["disconnected:true"])
            .await;
        assert_eq!(b.events.of(&client.id), ["connected"]);
    }
}

#[tokio::test]
async fn item_81_a_join_for_a_connection_on_another_node_is_acknowledged_and_in_effect_at_once() {
    let [a, b] = farm().await;
    let mut ann = a.server.client(HUB).await;
    let mut bob = b.server.client(HUB).await;
    for n in 0..50 {
        let group = format!("g{n}");
        let add = json!([bob.id, group]);
        ann.result("conformance", "addTo", add).await;
        let say = json!([group, "hi"]);
        ann.result("conformance", "sendGroup", say).await;
        assert_eq!(bob.event().await, json!(["groupMessage", group, "hi"]));
    }
    // And a leave.
    let groups = b.hub.groups();
    within(groups.remove(&ann.id.as_str().into(), "g0"))
        .await
        .unwrap();
    within(a.hub.groups().remove(&bob.id.as_str().into(), "g0"))
        .await
        .unwrap();
    let say = json!(["g0", "not for bob"]);
    ann.result("conformance", "sendGroup", say).await;
    bob.no_event().await;
    ann.no_event().await;
}

#[tokio::test]
async fn acknowledgements_of_two_nodes_are_not_taken_for_each_other() {
    let [a, b] = farm().await;
    let bob = b.server.client(HUB).await;
    // Both nodes count from the same number.
    let nobody = tokio::spawn({
        let groups = b.hub.groups();
        async move { groups.add(&"nobody".into(), "g").await }
    });
    tokio::task::yield_now().await;
    for _ in 0..5 {
        within(a.add(&bob.id, "g")).await.unwrap();
    }
    within(b.add(&bob.id, "h")).await.unwrap();
    assert!(!nobody.is_finished());
    nobody.abort();
}

#[tokio::test]
async fn groups_joined_on_one_node_hold_on_the_other_and_a_join_between_two_polls_is_applied_there()
{
    let [a, b] = farm().await;
    let mut client = a.server.over(POLL, HUB).await;
    let mut other = a.server.over(POLL, HUB).await;
    client.result("conformance", "Join", json!(["g"])).await;
    client.poll().await;
    client.server = &b.server;
    for n in 0..20 {
        let poll = client.come("/poll").await;
        let text = n.to_string();
        let say = json!(["g", text]);
        other.result("conformance", "SendGroup", say).await;
        answered(&mut client, poll).await;
        assert_eq!(client.event().await, json!(["groupMessage", "g", text]));
        // The node that has it acknowledges; the next poll is another's.
        let group = format!("g{n}");
        let add = json!([client.id, group]);
        other.result("conformance", "AddTo", add).await;
        let say = json!([group, "at once"]);
        other.result("conformance", "SendGroup", say).await;
        client.server = [&a.server, &b.server][n % 2];
        let heard = json!(["groupMessage", group, "at once"]);
        assert_eq!(client.event().await, heard);
    }
    client.no_event().await;
}

#[tokio::test]
async fn users_and_others_are_found_on_all_nodes() {
    let [a, b] = farm().await;
    let mut here = a.server.client_as(HUB, Some("ann")).await;
    let mut there = b.server.client_as(HUB, Some("ann")).await;
    let mut bob = b.server.client_as(HUB, Some("bob")).await;
    for (caller, to) in [("a", "ann"), ("b", "bob")] {
        let sender = if caller == "a" { &mut here } else { &mut there };
        let id = sender.id.clone();
        sender
            .result("conformance", "sendToUser", json!([to, caller]))
            .await;
        let said = json!(["message", id, caller]);
        if to == "ann" {
            assert_eq!(here.event().await, said);
            assert_eq!(there.event().await, said);
        } else {
            assert_eq!(bob.event().await, said);
        }
    }
    here.result("conformance", "others", json!(["x"])).await;
    let said = json!(["message", here.id, "x"]);
    assert_eq!(there.event().await, said);
    assert_eq!(bob.event().await, said);
    let except = json!([[there.id], "y"]);
    bob.result("conformance", "allExcept", except).await;
    let said = json!(["message", bob.id, "y"]);
    assert_eq!(here.event().await, said);
    assert_eq!(bob.event().await, said);
    for client in [&mut here, &mut there, &mut bob] {
        client.no_event().await;
    }
}

#[tokio::test]
async fn item_79_a_socket_that_comes_back_to_another_node_gets_exactly_what_it_missed() {
    let nodes = farm().await;
    let mut client = nodes[0].server.client(HUB).await;
    client.result("conformance", "join", json!(["g"])).await;
    client.no_event().await;
    for round in 1..=10 {
        let [near, far] = [round % 2, (round + 1) % 2].map(|at: usize| &nodes[at]);
        client.cut();
        for n in 0..50 {
            let hub = if n % 3 == 0 { &near.hub } else { &far.hub };
            let clients = hub.clients();
            let to = if n % 2 == 0 {
                clients.group("g")
            } else {
                clients.all()
            };
            within(to.send("n", (round, n))).await.unwrap();
        }
        client.server = &near.server;
        client.reconnect().await;
        for n in 0..50 {
            assert_eq!(client.event().await, json!(["n", round, n]));
        }
        client.no_event().await;
        near.events
            .become_for(&client.id, &told(round, round % 2 == 0))
            .await;
        far.forgets(&client.id).await;
    }
}

/// What a node was told after so many rounds; the first one was told of the start.
fn told(round: usize, first: bool) -> Vec<&'static str> {
    let start = first.then_some("connected");
    let back = vec!["reconnected"; round.div_ceil(2)];
    start.into_iter().chain(back).collect()
}
