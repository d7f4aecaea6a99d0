//! longPolling (`classic-signalr.md` 6.4; checklist "Transports", "Cursors", "Groups" and "Lifetime" as far as they differ
//! there).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::hubs::{Events, builder};
use common::receive::{Dice, Ended, Over, POLL};
use common::{Server, until};
use hub_server::{Builder, HubHandle};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

const HUB: &[&str] = &["conformance"];

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn server() -> (Server, Events) {
    let (builder, events) = builder();
    (Server::tcp(builder).await, events)
}

fn in_memory(set: impl FnOnce(Builder) -> Builder) -> (Server, Events) {
    let (builder, events) = builder();
    (Server::memory(set(builder)), events)
}

async fn with_handle(set: impl FnOnce(Builder) -> Builder) -> (Server, HubHandle, Events) {
    let (builder, events) = builder();
    let server = set(builder).build().unwrap();
    let handle = server.handle("conformance").unwrap();
    (Server::tcp_of(server).await, handle, events)
}

/// Keep-alive every 2 s, looked at every second.
fn quick(builder: Builder) -> Builder {
    builder.disconnect_timeout(s(6)).connection_timeout(s(7))
}

/// The payload that says nothing.
fn empty(client: &Over<'_>) -> String {
    format!("{{\"C\":\"{}\",\"M\":[]}}", client.cursor.as_ref().unwrap())
}

#[tokio::test]
async fn item_16_connect_is_answered_at_once_with_one_object_that_has_s() {
    let (server, _) = server().await;
    let mut client = server.negotiated_over(POLL, HUB, None).await;
    let mut poll = client.open("/connect", &[]).await;
    assert_eq!(poll.status, 200);
    assert_eq!(
        poll.headers["content-type"],
        "application/json; charset=UTF-8"
    );
    assert_eq!(poll.headers["x-content-type-options"], "nosniff");
    assert_eq!(poll.headers["transfer-encoding"], "chunked");
    let body = poll.body().await;
    assert_eq!(poll.ended, Some(Ended::Complete));
    client.take(&serde_json::from_str(&body).unwrap());
    let cursor = client.cursor.clone().unwrap();
    assert_eq!(body, format!("{{\"C\":\"{cursor}\",\"S\":1,\"M\":[]}}"));
}

#[tokio::test]
async fn item_22_the_head_of_a_poll_comes_at_once_and_the_body_when_there_is_one() {
    let (server, _) = server().await;
    let mut client = server.over(POLL, HUB).await;
    // That it returns says that the head is there.
    let mut poll = client.come("/poll").await;
    assert_eq!(poll.status, 200);
    client.result("conformance", "Caller", json!(["now"])).await;
    let chunk = poll.chunk().await.unwrap();
    client.take(&serde_json::from_str(&chunk).unwrap());
    assert_eq!(client.event().await, json!(["message", client.id, "now"]));
    assert_eq!(
        (poll.chunk().await, poll.ended),
        (None, Some(Ended::Complete))
    );
}

#[tokio::test(start_paused = true)]
async fn item_25_a_keep_alive_is_one_blank_every_interval_also_under_traffic() {
    let (server, _) = in_memory(quick);
    let mut client = server.over(POLL, HUB).await;
    let mut other = server.over(POLL, HUB).await;
    let mut poll = client.come("/poll").await;
    let mut at = Instant::now();
    for n in 0..3 {
        assert_eq!(poll.chunk().await.unwrap(), " ", "flushed by itself");
        if n > 0 {
            assert_eq!(at.elapsed(), s(2));
        }
        at = Instant::now();
        sleep(Duration::from_millis(700)).await;
        client.result("conformance", "Nothing", json!([])).await;
        other.result("conformance", "Caller", json!(["mine"])).await;
        other.poll().await;
    }
    other
        .result("conformance", "SendTo", json!([client.id, "hi"]))
        .await;
    let body = poll.body().await;
    client.take(&serde_json::from_str(&body).unwrap());
    assert_eq!(client.event().await, json!(["message", other.id, "hi"]));
}

#[tokio::test(start_paused = true)]
async fn item_26_a_poll_with_nothing_to_say_ends_at_the_connection_timeout_on_the_heartbeat() {
    let (server, events) = in_memory(quick);
    let mut client = server.over(POLL, HUB).await;
    for offset in [0, 300, 999] {
        sleep(Duration::from_millis(offset)).await;
        let began = Instant::now();
        let mut poll = client.come("/poll").await;
        let body = poll.body().await;
        let took = began.elapsed();
        assert!(took >= s(7) && took <= s(8), "{took:?}");
        assert_eq!(body.trim_start_matches(' '), empty(&client));
        assert!((3..=4).contains(&body.find('{').unwrap()), "{body}");
        assert_eq!(poll.ended, Some(Ended::Complete));
    }
    assert_eq!(events.of(&client.id), ["connected"]);
    client.no_event().await;
}

#[tokio::test(start_paused = true)]
async fn item_26_the_default_is_110_seconds() {
    let (server, _) = in_memory(|builder| builder);
    let client = server.over(POLL, HUB).await;
    let began = Instant::now();
    let mut poll = client.come("/poll").await;
    poll.body().await;
    assert!(began.elapsed() >= s(110) && began.elapsed() <= s(115));
}

#[tokio::test(start_paused = true)]
async fn item_35_a_poll_ends_at_the_connection_timeout_without_keep_alive_too_and_has_no_blanks() {
    let (server, _) = in_memory(|builder| {
        let builder = builder.disconnect_timeout(s(6)).keep_alive(None);
        builder.connection_timeout(s(4))
    });
    let client = server.over(POLL, HUB).await;
    let began = Instant::now();
    let mut poll = client.come("/poll").await;
    assert_eq!(poll.body().await, empty(&client));
    assert!(began.elapsed() >= s(4) && began.elapsed() <= s(5));
}

#[tokio::test(start_paused = true)]
async fn item_27_a_poll_behind_its_cursor_is_answered_at_once() {
    let (server, _) = in_memory(|builder| builder);
    let mut client = server.over(POLL, HUB).await;
    for verb in ["/poll", "/reconnect", "/connect"] {
        for n in 0..3 {
            client
                .result("conformance", "Caller", json!([n.to_string()]))
                .await;
        }
        let began = Instant::now();
        let (mut got, mut connected) = (0, false);
        while got < 3 {
            // A connect says that the transport works, and leaves the rest to the first poll.
            let verb = if got == 0 && !connected {
                verb
            } else {
                "/poll"
            };
            connected = true;
            let mut poll = client.come(verb).await;
            let payload: Value = serde_json::from_str(&poll.body().await).unwrap();
            client.take(&payload);
            got += payload["M"].as_array().unwrap().len();
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        for n in 0..3 {
            assert_eq!(
                client.event().await,
                json!(["message", client.id, n.to_string()])
            );
        }
    }
}

#[tokio::test]
async fn item_28_the_cursor_and_the_groups_are_taken_from_the_query_and_from_the_form() {
    let (server, _) = server().await;
    for in_form in [false, true] {
        let mut client = server.over(POLL, HUB).await;
        let poll = client.come("/poll").await;
        client.result("conformance", "Join", json!(["g"])).await;
        let mut poll = poll;
        client.take(&serde_json::from_str(&poll.body().await).unwrap());
        let (cursor, groups) = (
            client.cursor.clone().unwrap(),
            client.groups.clone().unwrap(),
        );
        client
            .result("conformance", "SendGroup", json!(["g", "one"]))
            .await;
        let pairs = [("messageId", &*cursor), ("groupsToken", &*groups)];
        let mut poll = if in_form {
            let form = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(pairs)
                .finish();
            server
                .ask(&client.target("/poll", &[]), &[], Some(&form))
                .await
        } else {
            client.open("/poll", &pairs).await
        };
        client.take(&serde_json::from_str(&poll.body().await).unwrap());
        assert_eq!(
            client.event().await,
            json!(["groupMessage", "g", "one"]),
            "{in_form}"
        );
    }
}

#[tokio::test]
async fn item_28_the_query_comes_before_the_form() {
    let (server, _) = server().await;
    let mut client = server.over(POLL, HUB).await;
    let old = client.cursor.clone().unwrap();
    client.result("conformance", "Caller", json!(["one"])).await;
    client.poll().await;
    client.events.clear();
    let new = client.cursor.clone().unwrap();
    let form = format!("messageId={old}");
    let target = client.target("/poll", &[("messageId", &new)]);
    let mut poll = server.ask(&target, &[], Some(&form)).await;
    client.result("conformance", "Caller", json!(["two"])).await;
    client.take(&serde_json::from_str(&poll.body().await).unwrap());
    assert_eq!(client.event().await, json!(["message", client.id, "two"]));
}

#[tokio::test(start_paused = true)]
async fn item_29_every_answer_to_a_poll_has_l_in_milliseconds() {
    let (server, _) = in_memory(|b| quick(b).long_poll_delay(Duration::from_millis(1_500)));
    let mut client = server.negotiated_over(POLL, HUB, None).await;
    let body = client.open("/connect", &[]).await.body().await;
    assert!(body.ends_with(",\"S\":1,\"L\":1500,\"M\":[]}"), "{body}");
    client.take(&serde_json::from_str(&body).unwrap());
    client.start().await;
    // One that waits, and one that is behind.
    let mut poll = client.come("/poll").await;
    client
        .result("conformance", "Caller", json!(["live"]))
        .await;
    let body = poll.body().await;
    assert!(body.contains(",\"L\":1500,\"M\":[{"), "{body}");
    client.take(&serde_json::from_str(&body).unwrap());
    client
        .result("conformance", "Caller", json!(["behind"]))
        .await;
    assert_eq!(client.poll().await["L"], 1500);
    // Groups, replacement, timeout, abort.
    let mut poll = client.come("/poll").await;
    client.result("conformance", "Join", json!(["g"])).await;
    let body = poll.body().await;
    assert!(
        body.contains("\"G\":\"") && body.ends_with(",\"L\":1500,\"M\":[]}"),
        "{body}"
    );
    client.take(&serde_json::from_str(&body).unwrap());
    let nothing = empty(&client).replace("\"M\"", "\"L\":1500,\"M\"");
    let mut old = client.come("/poll").await;
    let mut poll = client.come("/poll").await;
    assert_eq!(old.body().await, nothing);
    assert_eq!(poll.body().await.trim_start(), nothing);
    let mut poll = client.come("/poll").await;
    client.abort().await;
    let body = poll.body().await;
    assert!(body.contains(",\"L\":1500,\"M\":[]}"), "{body}");
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
async fn item_63_an_abort_ends_the_poll_with_an_empty_payload() {
    let (server, events) = server().await;
    let client = server.over(POLL, HUB).await;
    let mut poll = client.come("/poll").await;
    client.abort().await;
    let body = poll.body().await;
    assert!(
        body.starts_with("{\"C\":\"") && body.ends_with("\",\"M\":[]}"),
        "{body}"
    );
    assert_eq!(poll.ended, Some(Ended::Complete));
    events
        .become_for(&client.id, &["connected", "disconnected:true"])
        .await;
}

#[tokio::test]
async fn item_63_an_abort_between_two_polls_and_after_one_was_dropped_disconnects_at_once() {
    let (server, events) = server().await;
    for drops in [false, true] {
        let client = server.over(POLL, HUB).await;
        if drops {
            drop(client.come("/poll").await);
        }
        client.abort().await;
        events
            .become_for(&client.id, &["connected", "disconnected:true"])
            .await;
        // What comes now is a connection that the server did not know.
        let mut poll = client.come("/poll").await;
        let mut other = server.over(POLL, HUB).await;
        other
            .result("conformance", "SendTo", json!([client.id, "hi"]))
            .await;
        let payload: Value = serde_json::from_str(&poll.body().await).unwrap();
        assert_eq!(payload["M"][0]["A"], json!([other.id, "hi"]));
    }
}

#[tokio::test(start_paused = true)]
async fn item_64_a_client_that_stops_polling_is_gone_after_the_disconnect_timeout_without_grace() {
    for (delay, due) in [(Duration::ZERO, s(30)), (s(3), s(33))] {
        let (server, events) = in_memory(|builder| builder.long_poll_delay(delay));
        let client = server.over(POLL, HUB).await;
        for drops in [false, true] {
            let mut client = server.over(POLL, HUB).await;
            let mut poll = client.come("/poll").await;
            if drops {
                drop(poll);
            } else {
                client
                    .result("conformance", "Caller", json!(["last"]))
                    .await;
                poll.body().await;
            }
            let began = Instant::now();
            while events.of(&client.id) == ["connected"] {
                assert!(began.elapsed() <= due + s(5));
                sleep(Duration::from_millis(10)).await;
            }
            assert!(began.elapsed() >= due, "{:?} already", began.elapsed());
            assert_eq!(events.of(&client.id), ["connected", "disconnected:false"]);
        }
        // The first one never polled at all.
        assert_eq!(events.of(&client.id), ["connected", "disconnected:false"]);
    }
}

#[tokio::test(start_paused = true)]
async fn item_65_a_client_that_polls_again_in_time_stays_and_a_waiting_poll_keeps_it_for_ever() {
    let (server, events) = in_memory(|builder| builder);
    let mut client = server.over(POLL, HUB).await;
    for _ in 0..5 {
        sleep(s(29)).await;
        client.result("conformance", "Caller", json!(["x"])).await;
        client.poll().await;
    }
    for _ in 0..5 {
        assert_eq!(client.poll().await["M"], json!([]), "after 110 s");
    }
    assert_eq!(events.of(&client.id), ["connected"]);
}

#[tokio::test]
async fn item_67_poll_does_not_tell_of_a_reconnect_and_reconnect_does() {
    let (server, events) = server().await;
    let mut client = server.over(POLL, HUB).await;
    for _ in 0..3 {
        client.result("conformance", "Caller", json!(["x"])).await;
        client.poll().await;
    }
    assert_eq!(events.of(&client.id), ["connected"]);
    client.result("conformance", "Caller", json!(["x"])).await;
    client.reconnect().await;
    events
        .become_for(&client.id, &["connected", "reconnected"])
        .await;
}

#[tokio::test]
async fn item_68_a_newer_poll_ends_the_older_with_its_own_cursor_and_no_messages() {
    let (server, events) = server().await;
    let mut client = server.over(POLL, HUB).await;
    for verb in ["/poll", "/poll", "/reconnect"] {
        let mut old = client.come("/poll").await;
        let mut new = client.come(verb).await;
        assert_eq!(old.body().await, empty(&client));
        assert_eq!(old.ended, Some(Ended::Complete));
        client.result("conformance", "Caller", json!([verb])).await;
        client.take(&serde_json::from_str(&new.body().await).unwrap());
        assert_eq!(client.event().await, json!(["message", client.id, verb]));
        assert!(client.events.is_empty());
    }
    events
        .become_for(&client.id, &["connected", "reconnected"])
        .await;
}

#[tokio::test]
async fn two_polls_at_once_share_nothing_and_each_is_answered_with_one_object() {
    let (server, _) = server().await;
    let mut client = server.over(POLL, HUB).await;
    for n in 0..30 {
        // Both on their way: either may be the older.
        let (mut one, mut two) = tokio::join!(client.come("/poll"), client.come("/poll"));
        let (first, second, ()) = tokio::join!(one.body(), two.body(), async {
            client
                .post(
                    &json!({"H": "conformance", "M": "Caller", "A": [n.to_string()], "I": 0})
                        .to_string(),
                )
                .await;
        });
        let payloads = [&first, &second].map(|body| serde_json::from_str::<Value>(body).unwrap());
        let full: Vec<_> = payloads
            .iter()
            .filter(|payload| payload["M"] != json!([]))
            .collect();
        assert_eq!(full.len(), 1, "{first} {second}");
        client.take(full[0]);
        assert_eq!(
            client.event().await,
            json!(["message", client.id, n.to_string()])
        );
    }
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

/// Polls, drops polls half way, comes back by either verb, until `last` has come; gives what came and how many were cut.
async fn wander(client: &mut Over<'_>, mut dice: Dice, last: i64) -> (Vec<i64>, u32) {
    let (mut seen, mut cuts) = (Vec::new(), 0);
    while seen.last() != Some(&last) {
        let verb = if dice.roll(4) == 0 {
            "/reconnect"
        } else {
            "/poll"
        };
        let mut poll = client.come(verb).await;
        match dice.roll(4) {
            0 => cuts += 1,
            1 => {
                // The answer comes, but the client does not get to use it.
                tokio::task::yield_now().await;
                let _ =
                    tokio::time::timeout(Duration::from_millis(dice.roll(3)), poll.body()).await;
                cuts += 1;
            }
            2 => {
                // A second poll overtakes the first.
                let mut newer = client.come("/poll").await;
                let payload: Value = serde_json::from_str(&poll.body().await).unwrap();
                if payload["M"] == json!([]) {
                    client.take(&serde_json::from_str(&newer.body().await).unwrap());
                } else {
                    client.take(&payload);
                }
            }
            _ => client.take(&serde_json::from_str(&poll.body().await).unwrap()),
        }
        for event in client.events.drain(..) {
            seen.push(event["A"][0].as_i64().unwrap());
        }
    }
    (seen, cuts)
}

async fn random_cuts(seed: u64, set: impl FnOnce(Builder) -> Builder) -> u32 {
    const LAST: i64 = 300;
    let (server, hub, events) = with_handle(set).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = server.over(POLL, HUB).await;
        client.result("conformance", "Join", json!(["g"])).await;
        clients.push(client);
    }
    let mut dice = Dice::new(seed);
    let mut sender = Dice::new(dice.roll(u64::MAX));
    let sending = tokio::spawn(async move {
        for n in 0..=LAST {
            let clients = hub.clients();
            let to = if sender.roll(2) == 0 {
                clients.group("g")
            } else {
                clients.all()
            };
            to.send("n", (n,)).await.unwrap();
            if sender.roll(3) == 0 {
                sleep(Duration::from_micros(sender.roll(2_000))).await;
            }
        }
    });
    let wandering = clients
        .iter_mut()
        .map(|c| wander(c, Dice::new(dice.roll(u64::MAX)), LAST));
    let seen = tokio::time::timeout(s(60), futures_util::future::join_all(wandering)).await;
    let seen = seen.unwrap_or_else(|_| panic!("seed {seed}: something was lost"));
    sending.await.unwrap();
    let mut cuts = 0;
    for (seen, cut) in seen {
        assert_eq!(seen, (0..=LAST).collect::<Vec<_>>(), "seed {seed}");
        cuts += cut;
    }
    for client in &clients {
        let told = events.of(&client.id);
        assert!(
            told.iter().all(|e| e == "connected" || e == "reconnected"),
            "{seed}: {told:?}"
        );
    }
    cuts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn item_36_polls_cut_at_random_lose_nothing_repeat_nothing_and_keep_the_order() {
    let mut cuts = 0;
    for seed in 0..8 {
        cuts += random_cuts(seed, |builder| builder).await;
    }
    assert!(cuts > 50, "only {cuts} cuts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn item_36_polls_cut_at_random_with_a_tiny_outbox() {
    for seed in 100..108 {
        random_cuts(seed, |builder| builder.outbox(2, 256)).await;
    }
}

#[tokio::test]
async fn a_poll_returns_exactly_one_object_whatever_comes_at_once() {
    let (server, hub, _) = with_handle(|builder| builder).await;
    let mut client = server.over(POLL, HUB).await;
    let mut next = 0;
    for _ in 0..10 {
        let mut poll = client.come("/poll").await;
        for n in 0..20 {
            hub.clients().all().send("n", (next + n,)).await.unwrap();
        }
        let body = poll.body().await;
        client.take(&serde_json::from_str(&body).expect("one object"));
        for _ in 0..20 {
            assert_eq!(client.event().await, json!(["n", next]));
            next += 1;
        }
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_during_a_poll_frees_its_request() {
    let (server, events) = server().await;
    let mut client = server.over(POLL, HUB).await;
    drop(client.come("/poll").await);
    // Nobody takes what is sent now, until the next poll does.
    client
        .result("conformance", "Caller", json!(["kept"]))
        .await;
    let got = until(|| async { Some(client.come("/poll").await) }).await;
    let mut got = got;
    client.take(&serde_json::from_str(&got.body().await).unwrap());
    assert_eq!(client.event().await, json!(["message", client.id, "kept"]));
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

#[tokio::test(start_paused = true)]
async fn item_67_a_poll_of_a_new_client_tells_of_nothing_though_topics_were_forgotten_as_it_came() {
    let (builder, events) = builder();
    let server = builder.build().unwrap();
    let hub = server.handle("conformance").unwrap();
    let server = Server::memory_of(server);
    let old = server.over(POLL, HUB).await;
    hub.clients().all().send("n", (1,)).await.unwrap();
    old.abort().await;
    events
        .become_for(&old.id, &["connected", "disconnected:true"])
        .await;
    sleep(s(600)).await;
    // Counted by the log, and kept for nobody.
    hub.clients().client("gone").send("n", (2,)).await.unwrap();
    for _ in 0..2 {
        let mut client = server.over(POLL, HUB).await;
        client.result("conformance", "Caller", json!(["x"])).await;
        client.poll().await;
        client.poll().await;
        sleep(s(1)).await;
        assert_eq!(events.of(&client.id), ["connected"]);
        client.abort().await;
    }
}
