//! Groups: joining and leaving, and who is reached (`classic-signalr.md` 11.4, checklist "Groups and users").
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::Server;
use common::groups::{heard, is_member, join, leave, say};
use common::hubs::builder;
use hub_server::{Context, HubError, HubServer, hub};
use serde_json::json;

const HUB: &[&str] = &["conformance"];

async fn tcp() -> Server {
    Server::tcp(builder().0).await
}

#[tokio::test]
async fn item_56_after_an_awaited_add_a_group_message_reaches_the_member() {
    let server = tcp().await;
    let mut ann = server.client(HUB).await;
    let mut bob = server.client(HUB).await;
    for n in 0..50 {
        let group = format!("g{n}");
        join(&mut ann, &group).await;
        say(&mut bob, &group, "hi").await;
        assert_eq!(ann.event().await, heard(&group, "hi"));
        // And by somebody else's hand.
        let other = format!("h{n}");
        let add = json!([bob.id, other]);
        ann.result("conformance", "addTo", add).await;
        say(&mut ann, &other, "ho").await;
        assert_eq!(bob.event().await, heard(&other, "ho"));
    }
    ann.no_event().await;
    bob.no_event().await;
}

#[tokio::test]
async fn item_56_an_add_inside_on_connected_is_in_effect_at_once() {
    let server = tcp().await;
    for _ in 0..10 {
        let mut client = server.client(&["groupJoiningHub"]).await;
        assert_eq!(client.event().await, json!(["ping"]));
        client
            .result("groupJoiningHub", "pingGroup", json!([]))
            .await;
        assert_eq!(client.event().await, json!(["ping"]));
        client.no_event().await;
        assert!(client.socket.groups.is_some());
    }
}

#[tokio::test]
async fn item_56_after_an_awaited_remove_nothing_reaches_the_former_member() {
    let server = tcp().await;
    let mut ann = server.client(HUB).await;
    let mut bob = server.client(HUB).await;
    for _ in 0..50 {
        join(&mut ann, "g").await;
        leave(&mut ann, "g").await;
        say(&mut bob, "g", "not for ann").await;
        ann.no_event().await;
    }
}

#[tokio::test(start_paused = true)]
async fn item_59_adding_a_connection_that_does_not_exist_fails_after_thirty_seconds() {
    let server = Server::memory(builder().0);
    let mut client = server.client(HUB).await;
    let start = tokio::time::Instant::now();
    let call = client
        .send("conformance", "addTo", json!(["nobody", "g"]))
        .await;
    // Others are not held up by it.
    assert_eq!(client.result("conformance", "add", json!([1, 2])).await, 3);
    tokio::time::sleep(Duration::from_secs(28)).await;
    client.result("conformance", "nothing", json!([])).await;
    assert!(!client.socket.is_answered(&call));
    let answer = client.socket.answer(&call).await;
    let text = "There was an error invoking Hub method 'conformance.addTo'.";
    assert_eq!(answer, json!({"I": call, "E": text}));
    let took = start.elapsed().as_secs();
    assert!((30..=36).contains(&took), "{took}");
    client.no_event().await;
}

#[tokio::test(start_paused = true)]
async fn item_59_a_connection_that_is_away_or_gone() {
    let server = Server::memory(builder().0);
    let mut ann = server.client(HUB).await;
    let mut bob = server.client(HUB).await;
    let add = json!([bob.id, "g"]);
    bob.cut();
    tokio::time::sleep(Duration::from_secs(10)).await;
    // Away it is still a connection; the command waits for it in the log.
    let start = tokio::time::Instant::now();
    ann.result("conformance", "addTo", add.clone()).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    tokio::time::sleep(Duration::from_secs(31)).await;
    let call = ann.send("conformance", "addTo", add).await;
    tokio::time::sleep(Duration::from_secs(28)).await;
    let answer = ann.socket.answer(&call).await;
    assert!(answer["E"].is_string(), "{answer}");
}

#[tokio::test]
async fn item_60_adding_twice_delivers_once_and_one_remove_is_enough() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    for _ in 0..3 {
        join(&mut client, "g").await;
    }
    assert!(is_member(&mut client, "g").await, "once: it checks for two");
    client.reconnect().await;
    join(&mut client, "g").await;
    assert!(is_member(&mut client, "g").await);
    leave(&mut client, "g").await;
    assert!(!is_member(&mut client, "g").await);
}

#[tokio::test]
async fn item_60_two_calls_at_once_join_once() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    let mut calls = Vec::new();
    for _ in 0..20 {
        calls.push(client.send("conformance", "join", json!(["g"])).await);
    }
    for call in calls {
        client.socket.answer(&call).await;
    }
    assert!(is_member(&mut client, "g").await);
}

#[tokio::test]
async fn item_61_a_group_named_like_something_else_gives_no_access_to_it() {
    let server = tcp().await;
    let mut spy = server.client_as(HUB, Some("spy")).await;
    let mut ann = server.client_as(HUB, Some("ann")).await;
    let id = ann.id.clone();
    let names = [
        id.clone(),
        "ann".into(),
        "conformance".into(),
        "h-conformance".into(),
        format!("hc-conformance.{id}"),
        format!("c-{id}"),
        "hu-conformance.ann".into(),
        format!("conformance.{id}"),
        "hg-conformance.real".into(),
        "conformance.real".into(),
        "__SIGNALR__SERVER__".into(),
        String::new(),
    ];
    for name in &names {
        join(&mut spy, name).await;
    }
    join(&mut ann, "real").await;
    let mut bob = server.client(HUB).await;
    for (method, args) in [
        ("sendTo", json!([id, "x"])),
        ("sendToUser", json!(["ann", "x"])),
        ("sendGroup", json!(["real", "x"])),
        ("allExcept", json!([[spy.id], "x"])),
    ] {
        bob.result("conformance", method, args).await;
        ann.event().await;
    }
    bob.event().await;
    ann.result("conformance", "progress", json!([2])).await;
    spy.no_event().await;
    // Nor does a message to such a group reach anybody but its members.
    for name in names.iter().filter(|name| !name.is_empty()) {
        say(&mut bob, name, "x").await;
        assert_eq!(spy.event().await, heard(name, "x"));
    }
    ann.socket.events.clear();
    ann.no_event().await;
    bob.no_event().await;
}

#[tokio::test]
async fn item_61_group_names_are_any_text_compared_exactly_and_survive_the_token() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    let long = "x".repeat(300);
    let names = [
        "a|b,c\\d",
        "\"quoted\":[1]",
        "with.dots.in.it",
        "grüße 😀 \u{2028}",
        " ",
        "g",
        "G",
        &long,
    ];
    for name in names {
        join(&mut client, name).await;
    }
    for round in 0..2 {
        for name in names {
            assert!(is_member(&mut client, name).await, "{round} {name}");
        }
        assert!(!is_member(&mut client, "Grüße 😀 \u{2028}").await);
        client.reconnect().await;
    }
    leave(&mut client, "G").await;
    assert!(is_member(&mut client, "g").await);
}

#[tokio::test]
async fn a_group_belongs_to_its_hub() {
    let server = tcp().await;
    let mut client = server.client(&["groupJoiningHub", "conformance"]).await;
    assert_eq!(client.event().await, json!(["ping"]));
    let id = client.id.clone();
    // The other hub has a group of this name with this member; this one has not.
    assert!(!is_member(&mut client, &id).await);
    join(&mut client, &id).await;
    leave(&mut client, &id).await;
    client
        .result("groupJoiningHub", "pingGroup", json!([]))
        .await;
    assert_eq!(client.event().await, json!(["ping"]));
}

struct Eager;

#[hub]
impl Eager {
    /// Does not wait until the join is applied.
    async fn join_and_tell(&self, cx: &Context, group: String) -> Result<(), HubError> {
        let clients = cx.clients().group(&group);
        let (joined, told) = tokio::join!(cx.join(&group), clients.send("told", ()));
        joined?;
        Ok(told?)
    }
}

#[tokio::test]
async fn a_message_right_after_a_join_is_not_lost_even_if_nobody_waited_for_it() {
    let server = Server::tcp(HubServer::builder().hub(Eager)).await;
    let mut client = server.client(&["eager"]).await;
    for n in 0..50 {
        client
            .result("eager", "joinAndTell", json!([n.to_string()]))
            .await;
        assert_eq!(client.event().await, json!(["told"]), "{n}");
    }
}
