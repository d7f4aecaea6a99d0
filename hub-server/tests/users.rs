//! Sending to users (`classic-signalr.md` 11.3, checklist item 62).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::Server;
use common::hubs::builder;
use http::request::Parts;
use hub_server::{Identity, Unauthenticated};
use serde_json::json;

const HUB: &[&str] = &["conformance"];

#[tokio::test]
async fn item_62_a_message_to_a_user_reaches_all_connections_of_the_user_and_nobody_else() {
    let server = Server::tcp(builder().0).await;
    let mut ann = server.client_as(HUB, Some("ann")).await;
    let mut again = server.client_as(HUB, Some("ann")).await;
    let mut bob = server.client_as(HUB, Some("bob")).await;
    let mut nobody = server.client(HUB).await;
    let mut elsewhere = server.client_as(&["demo"], Some("ann")).await;
    let args = json!(["ann", "one"]);
    bob.result("conformance", "sendToUser", args).await;
    let args = json!([["ann", "bob", "nobody"], "all"]);
    bob.result("conformance", "sendToUsers", args).await;
    for client in [&mut ann, &mut again] {
        assert_eq!(client.event().await, json!(["message", bob.id, "one"]));
        assert_eq!(client.event().await, json!(["message", bob.id, "all"]));
        client.no_event().await;
    }
    assert_eq!(bob.event().await, json!(["message", bob.id, "all"]));
    for client in [&mut bob, &mut nobody, &mut elsewhere] {
        client.no_event().await;
    }
}

#[tokio::test]
async fn item_62_users_are_compared_exactly_and_nobody_is_no_user() {
    let server = Server::tcp(builder().0).await;
    let mut ann = server.client_as(HUB, Some("Ann")).await;
    let mut nobody = server.client(HUB).await;
    let mut colon = server.client_as(HUB, Some("a:b|c,d")).await;
    for user in ["ann", "ANN", "Ann ", "a"] {
        let args = json!([user, "x"]);
        ann.result("conformance", "sendToUser", args).await;
    }
    let empty = ann
        .call("conformance", "sendToUser", json!(["", "x"]))
        .await;
    assert!(empty["E"].is_string());
    for client in [&mut ann, &mut nobody, &mut colon] {
        client.no_event().await;
    }
    let args = json!(["a:b|c,d", "x"]);
    nobody.result("conformance", "sendToUser", args).await;
    assert_eq!(colon.event().await, json!(["message", nobody.id, "x"]));
    assert_eq!(
        colon.result("conformance", "request", json!([])).await["user"],
        "a:b|c,d"
    );
    assert_eq!(
        nobody.result("conformance", "request", json!([])).await["user"],
        ""
    );
}

#[tokio::test]
async fn item_62_a_connection_id_is_no_user_and_a_user_no_connection_id() {
    let server = Server::tcp(builder().0).await;
    let mut ann = server.client(HUB).await;
    let id = ann.id.clone();
    let mut spy = server.client_as(HUB, Some(&id)).await;
    ann.result("conformance", "sendTo", json!([id, "to ann"]))
        .await;
    assert_eq!(ann.event().await, json!(["message", id, "to ann"]));
    ann.result("conformance", "sendToUser", json!([id, "to spy"]))
        .await;
    assert_eq!(spy.event().await, json!(["message", id, "to spy"]));
    ann.no_event().await;
    spy.no_event().await;
}

/// Users are known by what is before the `@`.
fn by_mailbox(head: &Parts) -> Result<Identity, Unauthenticated> {
    let header = head.headers.get("X-User").and_then(|v| v.to_str().ok());
    let known = |name: &str| {
        let mailbox = name.split('@').next().unwrap_or_default();
        Identity::named(name).with_id(mailbox)
    };
    Ok(header.map(known).unwrap_or_default())
}

#[tokio::test]
async fn item_62_users_are_who_the_authentication_says() {
    let server = Server::tcp(builder().0.authenticate(by_mailbox)).await;
    let mut ann = server.client_as(HUB, Some("ann@home.example")).await;
    let mut work = server.client_as(HUB, Some("ann@work.example")).await;
    ann.result("conformance", "sendToUser", json!(["ann", "x"]))
        .await;
    assert_eq!(ann.event().await, json!(["message", ann.id, "x"]));
    assert_eq!(work.event().await, json!(["message", ann.id, "x"]));
    let args = json!(["ann@work.example", "x"]);
    ann.result("conformance", "sendToUser", args).await;
    work.no_event().await;
}

#[tokio::test]
async fn item_62_a_user_who_comes_back_gets_what_was_sent_meanwhile() {
    let server = Server::tcp(builder().0).await;
    let mut ann = server.client_as(HUB, Some("ann")).await;
    let mut bob = server.client(HUB).await;
    ann.cut();
    for n in ["1", "2"] {
        let args = json!(["ann", n]);
        bob.result("conformance", "sendToUser", args).await;
    }
    ann.reconnect().await;
    for n in ["1", "2"] {
        assert_eq!(ann.event().await, json!(["message", bob.id, n]));
    }
    ann.no_event().await;
}

const ANN: &str = "00000000-0000-0000-0000-00000000000a";
const BOB: &str = "00000000-0000-0000-0000-00000000000b";

#[tokio::test]
async fn a_persistent_id_belongs_to_the_first_user_who_brought_it() {
    let server = Server::tcp(builder().0).await;
    let status = async |user: Option<&str>, id: &str| {
        let response = server
            .get_as("/negotiate", &[("persistentId", id)], user)
            .await;
        response.status
    };
    assert_eq!(status(None, ANN).await, 200);
    assert_eq!(status(Some("ann"), ANN).await, 200);
    assert_eq!(status(Some("ANN"), ANN).await, 200);
    assert_eq!(status(Some("bob"), ANN).await, 403);
    assert_eq!(status(None, ANN).await, 403);
    assert_eq!(status(Some("bob"), BOB).await, 200);
    assert_eq!(status(None, "nonsense").await, 400);
    assert_eq!(status(None, "").await, 200);
}
