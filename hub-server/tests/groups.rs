//! Groups: joining, leaving, the token that remembers them (`classic-signalr.md` 4.2, 11.4, checklist "Groups and users").
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::hubs::builder;
use common::{Client, Server};
use hub_server::{Builder, Context, HubError, HubServer, hub};
use serde_json::{Value, json};

const HUB: &[&str] = &["conformance"];

async fn tcp() -> Server {
    Server::tcp(builder().0).await
}

async fn join(client: &mut Client<'_>, group: &str) {
    client.result("conformance", "join", json!([group])).await;
}

async fn leave(client: &mut Client<'_>, group: &str) {
    client.result("conformance", "leave", json!([group])).await;
}

async fn say(client: &mut Client<'_>, group: &str, text: &str) {
    let args = json!([group, text]);
    client.result("conformance", "sendGroup", args).await;
}

fn heard(group: &str, text: &str) -> Value {
    json!(["groupMessage", group, text])
}

/// Calls, and gives the frames that come with the answer, before it or after.
async fn frames(client: &mut Client<'_>, method: &str, group: &str) -> Vec<Value> {
    let mut frames = Vec::new();
    for (method, args) in [(method, json!([group])), ("nothing", json!([]))] {
        let call = client.send("conformance", method, args).await;
        loop {
            let frame = client.socket.frame().await;
            if frame["I"] == *call {
                assert!(frame.get("E").is_none(), "{frame}");
                break;
            }
            frames.push(frame);
        }
    }
    frames
}

/// Whether the client is a member, as far as messages tell.
async fn is_member(client: &mut Client<'_>, group: &str) -> bool {
    say(client, group, "are you there?").await;
    client.result("conformance", "nothing", json!([])).await;
    let heard = std::mem::take(&mut client.socket.events);
    assert!(heard.len() < 2, "{heard:?}");
    !heard.is_empty()
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

#[tokio::test]
async fn item_57_a_token_comes_with_each_change_and_with_nothing_else() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    let mut known = None;
    for (method, group, changes) in [
        ("join", "a", true),
        ("join", "a", false),
        ("join", "b", true),
        ("leave", "a", true),
        ("leave", "a", false),
        ("leave", "never joined", false),
        ("leave", "b", true),
        ("leave", "b", false),
        ("join", "b", true),
    ] {
        let frames = frames(&mut client, method, group).await;
        let [frame] = &*frames else {
            panic!("{method} {group}: {frames:?}");
        };
        // A change of nothing moves the cursor all the same.
        assert_eq!(frame["M"], json!([]));
        assert!(frame["C"].is_string());
        let token = frame.get("G").cloned();
        assert_eq!(token.is_some(), changes, "{method} {group}");
        if changes {
            assert_ne!(token, known);
            known = token;
        }
    }
    say(&mut client, "b", "x").await;
    assert_eq!(client.event().await, heard("b", "x"));
    client
        .result("conformance", "broadcast", json!(["x"]))
        .await;
    client.event().await;
    assert_eq!(
        client.socket.groups,
        known.unwrap().as_str().map(Into::into)
    );
}

#[tokio::test]
async fn item_57_the_token_has_the_full_list_and_an_empty_one_too() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    let mut tokens = Vec::new();
    for (method, group) in [("join", "a"), ("join", "b"), ("leave", "a"), ("leave", "b")] {
        let frames = frames(&mut client, method, group).await;
        tokens.push(frames[0]["G"].as_str().unwrap().to_owned());
    }
    let members = [(true, false), (true, true), (false, true), (false, false)];
    for (token, (a, b)) in tokens.into_iter().zip(members) {
        // Its cursor passes everything so far, or the old token would bring back what was not for it.
        client.result("conformance", "caller", json!(["x"])).await;
        client.event().await;
        let cursor = client.socket.cursor.clone();
        client.cut();
        client.reconnect_from(cursor, Some(token)).await;
        assert_eq!(is_member(&mut client, "a").await, a);
        assert_eq!(is_member(&mut client, "b").await, b);
    }
}

#[tokio::test]
async fn item_57_a_reconnect_does_not_send_the_token_again() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    join(&mut client, "a").await;
    client.no_event().await;
    let token = client.socket.groups.take().unwrap();
    let cursor = client.socket.cursor.clone();
    client.cut();
    client.reconnect_from(cursor, Some(token)).await;
    client.socket.groups = None;
    assert!(is_member(&mut client, "a").await);
    assert_eq!(client.socket.groups, None);
    // Until something changes; then the list has the restored ones as well.
    join(&mut client, "b").await;
    client.no_event().await;
    assert!(client.socket.groups.is_some());
    client.reconnect().await;
    assert!(is_member(&mut client, "a").await);
    assert!(is_member(&mut client, "b").await);
}

#[tokio::test]
async fn item_57_a_token_of_another_connection_or_no_token_at_all_is_ignored() {
    let server = tcp().await;
    let mut ann = server.client(HUB).await;
    let mut bob = server.client(HUB).await;
    join(&mut ann, "secret").await;
    ann.no_event().await;
    let token = ann.socket.groups.clone().unwrap();
    for bad in [
        token.clone(),
        bob.token.clone(),
        "garbage".into(),
        String::new(),
        format!("{token}A"),
    ] {
        let cursor = bob.socket.cursor.clone();
        bob.cut();
        bob.reconnect_from(cursor, Some(bad)).await;
        assert!(!is_member(&mut bob, "secret").await);
    }
    // Without its token a client has left all groups.
    let cursor = ann.socket.cursor.clone();
    ann.cut();
    ann.reconnect_from(cursor, None).await;
    ann.socket.events.clear();
    assert!(!is_member(&mut ann, "secret").await);
}

fn with_key(key: u8) -> Builder {
    builder().0.key([key; 32])
}

#[tokio::test]
async fn item_58_groups_are_rejoined_also_on_another_server_with_the_same_key() {
    let first = Server::tcp(with_key(1)).await;
    let mut client = first.client(HUB).await;
    join(&mut client, "a").await;
    join(&mut client, "b").await;
    client.no_event().await;
    client.reconnect().await;
    assert!(is_member(&mut client, "a").await);
    let (cursor, token) = (client.socket.cursor.clone(), client.socket.groups.clone());
    let second = Server::tcp(with_key(1)).await;
    let mut there = client.moved(&second);
    there.reconnect_from(cursor.clone(), token.clone()).await;
    assert!(is_member(&mut there, "a").await);
    assert!(is_member(&mut there, "b").await);
    assert!(!is_member(&mut there, "c").await);
    // Another key knows neither of its tokens.
    let third = Server::tcp(with_key(3)).await;
    let stranger = client.moved(&third);
    let refused = stranger.open("/reconnect", &[]).await.err().unwrap();
    assert_eq!(
        refused,
        (400, "The ConnectionId is in the incorrect format.".into())
    );
}

#[tokio::test]
async fn item_58_groups_of_hubs_that_are_no_longer_listed_are_dropped() {
    let server = tcp().await;
    let mut client = server.client(&["conformance", "groupJoiningHub"]).await;
    join(&mut client, "a").await;
    assert_eq!(client.event().await, json!(["ping"]));
    client.no_event().await;
    client.data = json!([{"name": "GROUPJOININGHUB"}]).to_string();
    client.reconnect().await;
    assert!(!is_member(&mut client, "a").await);
    client
        .result("groupJoiningHub", "pingGroup", json!([]))
        .await;
    assert_eq!(client.event().await, json!(["ping"]));
    // The token still has them all: listed again, the group is back.
    client.data = json!([{"name": "Conformance"}]).to_string();
    client.reconnect().await;
    assert!(is_member(&mut client, "a").await);
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
