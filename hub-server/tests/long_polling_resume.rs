//! longPolling: what a poll goes on from (`classic-signalr.md` 6.4, checklist "Cursors" and "Groups" as far as they differ
//! there).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::Server;
use common::hubs::{Events, builder};
use common::receive::{Ended, POLL};
use hub_server::{Builder, HubHandle};
use serde_json::{Value, json};

const HUB: &[&str] = &["conformance"];

async fn server() -> (Server, Events) {
    let (builder, events) = builder();
    (Server::tcp(builder).await, events)
}

async fn with_handle(set: impl FnOnce(Builder) -> Builder) -> (Server, HubHandle, Events) {
    let (builder, events) = builder();
    let server = set(builder).build().unwrap();
    let handle = server.handle("conformance").unwrap();
    (Server::tcp_of(server).await, handle, events)
}

#[tokio::test]
async fn item_36_polls_with_pauses_between_them_miss_nothing_and_keep_the_order() {
    let (server, hub, _) = with_handle(|builder| builder).await;
    let mut client = server.over(POLL, HUB).await;
    for n in 0..500 {
        hub.clients().all().send("n", (n,)).await.unwrap();
        if n % 100 == 99 {
            for expected in n - 99..=n {
                assert_eq!(client.event().await, json!(["n", expected]));
            }
        }
    }
    client.no_event().await;
}

#[tokio::test]
async fn item_36_a_poll_whose_client_hung_up_loses_nothing() {
    let (server, events) = server().await;
    let mut client = server.over(POLL, HUB).await;
    for n in 0..20 {
        let poll = client.come("/poll").await;
        if n % 2 == 0 {
            // Gone before the message.
            drop(poll);
            client
                .result("conformance", "Caller", json!([n.to_string()]))
                .await;
        } else {
            // Gone after it, without having read it.
            client
                .result("conformance", "Caller", json!([n.to_string()]))
                .await;
            drop(poll);
        }
        let verb = if n % 3 == 0 { "/reconnect" } else { "/poll" };
        let mut poll = client.come(verb).await;
        client.take(&serde_json::from_str(&poll.body().await).unwrap());
        assert_eq!(
            client.event().await,
            json!(["message", client.id, n.to_string()])
        );
        assert!(client.events.is_empty());
    }
    assert!(
        !events
            .of(&client.id)
            .contains(&"disconnected:false".to_owned())
    );
}

#[tokio::test]
async fn item_37_a_poll_without_a_cursor_or_with_a_foreign_one_starts_at_the_end() {
    let (server, _) = server().await;
    let mut client = server.over(POLL, HUB).await;
    for cursor in [
        None,
        Some(""),
        Some("garbage"),
        Some("d-1-FF"),
        Some("s-0,2F"),
    ] {
        client
            .result("conformance", "Caller", json!(["missed"]))
            .await;
        client.cursor = cursor.map(ToOwned::to_owned);
        let mut poll = client.come("/poll").await;
        client
            .result("conformance", "Caller", json!(["live"]))
            .await;
        client.take(&serde_json::from_str(&poll.body().await).unwrap());
        assert_eq!(
            client.event().await,
            json!(["message", client.id, "live"]),
            "{cursor:?}"
        );
    }
}

#[tokio::test]
async fn item_40_what_a_poll_is_excepted_from_does_not_end_it() {
    let (server, _) = server().await;
    let mut client = server.over(POLL, HUB).await;
    let mut other = server.over(POLL, HUB).await;
    let mut poll = client.come("/poll").await;
    client
        .result("conformance", "Others", json!(["not me"]))
        .await;
    assert_eq!(other.event().await, json!(["message", client.id, "not me"]));
    other
        .result("conformance", "SendTo", json!([client.id, "me"]))
        .await;
    client.take(&serde_json::from_str(&poll.body().await).unwrap());
    assert_eq!(client.event().await, json!(["message", other.id, "me"]));
    assert!(client.events.is_empty());
    client.no_event().await;
}

#[tokio::test]
async fn item_56_57_the_poll_that_learns_of_a_group_has_its_token_and_later_ones_have_not() {
    let (server, _) = server().await;
    let mut client = server.over(POLL, HUB).await;
    let mut poll = client.come("/poll").await;
    client.result("conformance", "Join", json!(["g"])).await;
    // Nothing else has come: that alone ends the poll.
    let payload: Value = serde_json::from_str(&poll.body().await).unwrap();
    assert!(
        payload["G"].is_string() && payload["M"] == json!([]),
        "{payload}"
    );
    client.take(&payload);
    let told = client.groups.clone();
    for n in 0..3 {
        let mut poll = client.come("/poll").await;
        client
            .result("conformance", "SendGroup", json!(["g", n.to_string()]))
            .await;
        let payload: Value = serde_json::from_str(&poll.body().await).unwrap();
        assert!(payload.get("G").is_none(), "{payload}");
        client.take(&payload);
        assert_eq!(
            client.event().await,
            json!(["groupMessage", "g", n.to_string()])
        );
    }
    // The empty list is told, too.
    let mut poll = client.come("/poll").await;
    client.result("conformance", "Leave", json!(["g"])).await;
    client.take(&serde_json::from_str(&poll.body().await).unwrap());
    assert_ne!(client.groups, told);
    client
        .result("conformance", "SendGroup", json!(["g", "gone"]))
        .await;
    client.no_event().await;
}

#[tokio::test]
async fn item_57_a_token_of_another_connection_is_ignored() {
    let (server, _) = server().await;
    let mut ann = server.over(POLL, HUB).await;
    ann.result("conformance", "Join", json!(["g"])).await;
    ann.poll().await;
    let mut bob = server.over(POLL, HUB).await;
    bob.groups = ann.groups.clone();
    let mut poll = bob.come("/poll").await;
    ann.result("conformance", "SendGroup", json!(["g", "secret"]))
        .await;
    ann.result("conformance", "SendTo", json!([bob.id, "for bob"]))
        .await;
    bob.take(&serde_json::from_str(&poll.body().await).unwrap());
    assert_eq!(bob.event().await, json!(["message", ann.id, "for bob"]));
    assert_eq!(ann.event().await, json!(["groupMessage", "g", "secret"]));
}

#[tokio::test]
async fn item_58_the_token_brings_the_groups_back_on_every_poll_and_without_it_they_are_gone() {
    let (server, _) = server().await;
    let mut client = server.over(POLL, HUB).await;
    client.result("conformance", "Join", json!(["g"])).await;
    client.poll().await;
    for verb in ["/poll", "/reconnect"] {
        let mut poll = client.come(verb).await;
        client
            .result("conformance", "SendGroup", json!(["g", verb]))
            .await;
        client.take(&serde_json::from_str(&poll.body().await).unwrap());
        assert_eq!(client.event().await, json!(["groupMessage", "g", verb]));
    }
    client.groups = None;
    let mut poll = client.come("/poll").await;
    client
        .result("conformance", "SendGroup", json!(["g", "not for me"]))
        .await;
    client
        .result("conformance", "Caller", json!(["for me"]))
        .await;
    client.take(&serde_json::from_str(&poll.body().await).unwrap());
    assert_eq!(
        client.event().await,
        json!(["message", client.id, "for me"])
    );
}

#[tokio::test]
async fn item_58_a_join_between_two_polls_is_applied_by_the_next_one_with_what_the_group_got() {
    let (server, _) = server().await;
    let mut client = server.over(POLL, HUB).await;
    let mut other = server.over(POLL, HUB).await;
    other
        .result("conformance", "AddTo", json!([client.id, "g"]))
        .await;
    other
        .result("conformance", "SendGroup", json!(["g", "at once"]))
        .await;
    assert_eq!(
        client.event().await,
        json!(["groupMessage", "g", "at once"])
    );
    assert!(client.groups.is_some());
    other
        .result("conformance", "SendGroup", json!(["g", "later"]))
        .await;
    assert_eq!(client.event().await, json!(["groupMessage", "g", "later"]));
    client.no_event().await;
}

#[tokio::test]
async fn item_56_a_join_in_on_connected_is_heard() {
    let (server, _) = server().await;
    let mut client = server.over(POLL, &["groupJoiningHub", "conformance"]).await;
    assert_eq!(client.event().await, json!(["ping"]));
    client
        .result("groupJoiningHub", "PingGroup", json!([]))
        .await;
    assert_eq!(client.event().await, json!(["ping"]));
    client.no_event().await;
}

#[tokio::test]
async fn item_38_a_malformed_cursor_gets_a_head_and_is_cut_and_the_connection_takes_no_notice() {
    let (server, events) = server().await;
    let mut client = server.over(POLL, HUB).await;
    let cursor = client.cursor.clone().unwrap();
    let (prefix, _) = cursor.rsplit_once('-').unwrap();
    let mut waiting = client.come("/poll").await;
    for malformed in ["-", "-x", "-1-1", "-10000000000000000"] {
        let bad = format!("{prefix}{malformed}");
        for verb in ["/poll", "/reconnect", "/connect"] {
            for in_form in [false, true] {
                let mut poll = if in_form {
                    let form = format!("messageId={bad}");
                    server
                        .ask(&client.target(verb, &[]), &[], Some(&form))
                        .await
                } else {
                    client.open(verb, &[("messageId", &bad)]).await
                };
                assert_eq!(poll.status, 200);
                assert_eq!(
                    poll.headers["content-type"],
                    "application/json; charset=UTF-8"
                );
                assert_eq!((&*poll.body().await, poll.ended), ("", Some(Ended::Cut)));
            }
        }
    }
    client.result("conformance", "Caller", json!(["hi"])).await;
    client.take(&serde_json::from_str(&waiting.body().await).unwrap());
    assert_eq!(client.event().await, json!(["message", client.id, "hi"]));
    assert_eq!(events.of(&client.id), ["connected"]);
}

#[tokio::test]
async fn item_39_a_poll_that_missed_too_much_goes_on_from_the_oldest_and_the_hub_is_told() {
    let (server, hub, events) = with_handle(|builder| builder.retain(10, 1 << 20)).await;
    let mut client = server.over(POLL, HUB).await;
    for n in 0..50 {
        hub.clients().all().send("n", (n,)).await.unwrap();
    }
    for n in 40..50 {
        assert_eq!(client.event().await, json!(["n", n]));
    }
    hub.clients().all().send("n", ("live",)).await.unwrap();
    assert_eq!(client.event().await, json!(["n", "live"]));
    events
        .become_for(&client.id, &["connected", "reconnected:trimmed"])
        .await;
}
