//! The token that remembers a client's groups (`classic-signalr.md` 4.2, checklist items 57 and 58).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::groups::{heard, is_member, join, say};
use common::hubs::builder;
use common::{Client, Server};
use hub_server::Builder;
use serde_json::{Value, json};

const HUB: &[&str] = &["conformance"];

async fn tcp() -> Server {
    Server::tcp(builder().0).await
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
