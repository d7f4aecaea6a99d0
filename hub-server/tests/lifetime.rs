//! How connections come, stay, come back and end (`classic-signalr.md` 10, checklist "Lifetime").
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::hubs::builder;
use common::{Server, within};
use serde_json::json;

#[tokio::test]
async fn a_call_is_answered_and_a_broadcast_heard() {
    let (builder, _) = builder();
    let server = Server::tcp(builder).await;
    let mut ann = server.client(&["conformance"]).await;
    let mut bob = server.client(&["conformance"]).await;
    assert_eq!(ann.result("conformance", "Add", json!([40, 2])).await, 42);
    ann.result("conformance", "Broadcast", json!(["hi"])).await;
    assert_eq!(ann.event().await, json!(["message", ann.id, "hi"]));
    assert_eq!(bob.event().await, json!(["message", ann.id, "hi"]));
    bob.no_event().await;
}

#[tokio::test]
async fn item_63_abort_after_close_is_a_stop_at_once() {
    let (builder, events) = builder();
    let server = Server::tcp(builder).await;
    let mut client = server.client(&["conformance"]).await;
    within(client.socket.stream().close(None)).await.unwrap();
    assert_eq!(client.socket.end().await, Some(1000));
    assert_eq!(events.of(&client.id), ["connected"]);
    client.abort().await;
    events
        .become_for(&client.id, &["connected", "disconnected:true"])
        .await;
}
