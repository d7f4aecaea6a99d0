//! What a client has missed: told to those that can be told, and what the log still has of it (`delivery.md` b).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::farm::farm;
use common::hubs::builder;
use common::{Client, Server, until};
use hub_server::{Clients, HubHandle, Topic};
use serde_json::{Value, json};

/// A server whose log keeps three entries of a topic.
async fn server() -> (Server, HubHandle) {
    let server = builder().0.retain(3, 1 << 20).build().unwrap();
    let hub = server.handle("conformance").unwrap();
    (Server::tcp_of(server).await, hub)
}

async fn client<'s>(server: &'s Server, more: &[(&str, &str)]) -> Client<'s> {
    let mut client = server.negotiated(&["conformance"], None).await;
    let owned = more
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    client.more = owned.collect();
    client.socket = client.open("/connect", &[]).await.unwrap();
    assert_eq!(client.socket.frame().await["S"], 1);
    assert_eq!(client.get("/start").await.status, 200);
    client
}

async fn say(to: &Clients, numbers: std::ops::Range<u64>) {
    for n in numbers {
        to.all().send("n", (n,)).await.unwrap();
    }
}

/// Reads until so many events are there; what the frames said was missed.
async fn missed(client: &mut Client<'_>, events: usize) -> Vec<Value> {
    let mut missed = Vec::new();
    while client.socket.events.len() < events {
        let frame = client.socket.frame().await;
        missed.extend(frame["X"].as_array().into_iter().flatten().cloned());
    }
    missed
}

#[tokio::test]
async fn who_has_a_gap_is_told_once_what_is_missing() {
    let (server, hub) = server().await;
    let mut told = client(&server, &[("tags", "1")]).await;
    let mut plain = client(&server, &[]).await;
    told.result("conformance", "Join", json!(["g"])).await;
    say(&hub.clients(), 0..1).await;
    assert_eq!(missed(&mut told, 1).await, Vec::<Value>::new());
    plain.event().await;
    for client in [&mut told, &mut plain] {
        client.cut();
        client.socket.events.clear();
    }
    say(&hub.clients(), 1..8).await;
    for n in 0..4 {
        hub.clients().group("g").send("n", (n,)).await.unwrap();
    }
    told.reconnect().await;
    let mut gaps = missed(&mut told, 6).await;
    gaps.sort_by_key(Value::to_string);
    assert_eq!(
        gaps,
        [
            json!({"T": "group", "W": "trimmed", "H": "conformance", "N": "g"}),
            json!({"T": "all", "W": "trimmed", "H": "conformance"}),
        ]
    );
    // In order, and each with its place.
    let orders = told
        .socket
        .events
        .iter()
        .map(|event| u64::from_str_radix(event["O"].as_str().unwrap(), 16).unwrap());
    assert!(orders.is_sorted());
    told.socket.events.clear();
    say(&hub.clients(), 8..9).await;
    assert_eq!(missed(&mut told, 1).await, Vec::<Value>::new());
    plain.reconnect().await;
    assert_eq!(missed(&mut plain, 3).await, Vec::<Value>::new());
    assert!(
        plain
            .socket
            .events
            .iter()
            .all(|event| event.get("O").is_none())
    );
}

#[tokio::test]
async fn a_cursor_of_another_log_may_have_missed_anything() {
    let (server, hub) = server().await;
    let mut client = client(&server, &[("tags", "1")]).await;
    client.cut();
    client.reconnect_from(Some("d-1-1".into()), None).await;
    say(&hub.clients(), 0..1).await;
    let expected = [json!({"T": "log", "W": "epochChanged"})];
    assert_eq!(missed(&mut client, 1).await, expected);
}

#[tokio::test]
async fn the_log_tells_what_it_has_and_whether_that_is_all() {
    let (server, hub) = server().await;
    let mut member = client(&server, &[]).await;
    member.result("conformance", "Join", json!(["g"])).await;
    let group = hub.clients().group("g");
    group.send("a", (1, "x")).await.unwrap();
    group.send("b", ()).await.unwrap();
    let all = group.history(None, 10).await.unwrap();
    assert!(!all.recovered, "nobody knows since when");
    let json = serde_json::to_value(&all).unwrap();
    assert_eq!(json["position"], all.position.to_string());
    assert_eq!(json["events"][0]["args"], json!([1, "x"]));
    assert_eq!(json["events"][1]["method"], "b");
    let order = format!("{:X}", all.events[1].order);
    assert_eq!(json["events"][1]["order"], order);

    let since = all.position.to_string();
    group.send("c", ()).await.unwrap();
    hub.clients()
        .all()
        .send("not of the group", ())
        .await
        .unwrap();
    let more = group.history(Some(&since), 10).await.unwrap();
    let methods = |history: &hub_server::History| {
        let methods = history.events.iter().map(|event| event.method.to_string());
        methods.collect::<Vec<_>>()
    };
    assert_eq!((more.recovered, methods(&more)), (true, vec!["c".into()]));
    let none = group
        .history(Some(&more.position.to_string()), 10)
        .await
        .unwrap();
    assert_eq!((none.recovered, none.events.len()), (true, 0));

    // More than it may tell, more than it has, and what is no position of this log.
    group.send("d", ()).await.unwrap();
    let one = group.history(Some(&since), 1).await.unwrap();
    assert_eq!((one.recovered, methods(&one)), (false, vec!["d".into()]));
    for method in ["e", "f"] {
        group.send(method, ()).await.unwrap();
    }
    let rest = group.history(Some(&since), 10).await.unwrap();
    assert_eq!((rest.recovered, rest.events.len()), (false, 3));
    for odd in ["d-1-1", "x", "", "d-FFFFFFFFFFFFFFFF-FFFFFFFFFFFFFFFF"] {
        let history = group.history(Some(odd), 10).await.unwrap();
        assert!(!history.recovered, "{odd}");
    }
    let beyond = format!("{}FFFF", since);
    assert!(!group.history(Some(&beyond), 10).await.unwrap().recovered);
    assert!(hub.clients().group("").history(None, 1).await.is_err());
    let nothing = group.history(Some(&since), 0).await.unwrap();
    assert_eq!((nothing.recovered, nothing.events.len()), (false, 0));
}

#[tokio::test]
async fn nothing_live_comes_before_it_is_told_that_the_log_is_another_one() {
    let [node, _] = farm().await;
    let mut client = node.server.negotiated(&["conformance"], None).await;
    client.more.push(("tags".into(), "1".into()));
    let own = Topic::Control(client.id.as_str().into());
    // The others are to hear first that it is here; meanwhile it listens.
    node.log.hold_claims(true);
    let meanwhile = async {
        until(async || node.log.topics().contains(&own).then_some(())).await;
        say(&node.hub.clients(), 0..1).await;
        node.log.hold_claims(false);
    };
    let comes_back = client.reconnect_from(Some("d-1-FF".into()), None);
    tokio::join!(comes_back, meanwhile);
    let frame = client.socket.frame().await;
    assert_eq!(frame["X"], json!([{"T": "log", "W": "epochChanged"}]));
    assert_eq!(frame["M"][0]["M"], "n");
    client.socket.events.clear();
    say(&node.hub.clients(), 1..2).await;
    assert_eq!(missed(&mut client, 1).await, Vec::<Value>::new(), "once");
}
