//! What clients of the hub `conformance` do with groups.

use serde_json::{Value, json};

use super::Client;

pub async fn join(client: &mut Client<'_>, group: &str) {
    client.result("conformance", "join", json!([group])).await;
}

pub async fn leave(client: &mut Client<'_>, group: &str) {
    client.result("conformance", "leave", json!([group])).await;
}

pub async fn say(client: &mut Client<'_>, group: &str, text: &str) {
    let args = json!([group, text]);
    client.result("conformance", "sendGroup", args).await;
}

pub fn heard(group: &str, text: &str) -> Value {
    json!(["groupMessage", group, text])
}

/// Whether the client is a member, as far as messages tell.
pub async fn is_member(client: &mut Client<'_>, group: &str) -> bool {
    say(client, group, "are you there?").await;
    client.result("conformance", "nothing", json!([])).await;
    let heard = std::mem::take(&mut client.socket.events);
    assert!(heard.len() < 2, "{heard:?}");
    !heard.is_empty()
}
