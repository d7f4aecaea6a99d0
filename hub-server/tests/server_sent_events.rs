//! serverSentEvents (`classic-signalr.md` 6.2), and what foreverFrame has in common with it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::Server;
use common::hubs::{Events, builder};
use common::receive::{Ended, FRAME, Over, SSE, payload_of};
use hub_server::{Builder, HubHandle};
use serde_json::json;
use tokio::time::{Instant, sleep};

const HUB: &[&str] = &["conformance"];
const STREAMS: [&str; 2] = [SSE, FRAME];

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

/// The stream says nothing more, and its body ends as it should.
async fn ends_quietly(client: &mut Over<'_>) {
    let mut stream = client.stream.take().unwrap();
    assert_eq!(&*stream.body().await, "");
    assert_eq!(stream.ended, Some(Ended::Complete));
}

#[tokio::test]
async fn item_22_it_begins_with_initialized_on_connect_and_on_reconnect() {
    let (server, _) = server().await;
    let mut client = server.negotiated_over(SSE, HUB, None).await;
    let mut stream = client.open("/connect", &[]).await;
    assert_eq!(stream.status, 200);
    assert_eq!(stream.headers["content-type"], "text/event-stream");
    assert_eq!(stream.headers["x-content-type-options"], "nosniff");
    assert_eq!(stream.unit().await.unwrap(), "data: initialized\n\n");
    let init = stream.unit().await.unwrap();
    client.take(&payload_of(&init).unwrap());
    let cursor = client.cursor.clone().unwrap();
    assert_eq!(
        init,
        format!("data: {{\"C\":\"{cursor}\",\"S\":1,\"M\":[]}}\n\n")
    );
    client.start().await;
    let mut stream = client.come("/reconnect").await;
    assert_eq!(stream.unit().await.unwrap(), "data: initialized\n\n");
    // Nothing else comes until there is something to say, and then without `S`.
    client.result("conformance", "Caller", json!(["hi"])).await;
    let unit = stream.unit().await.unwrap();
    client.take(&payload_of(&unit).unwrap());
    let (id, cursor) = (&client.id, client.cursor.as_ref().unwrap());
    let message = format!("{{\"H\":\"conformance\",\"M\":\"message\",\"A\":[\"{id}\",\"hi\"]}}");
    assert_eq!(
        unit,
        format!("data: {{\"C\":\"{cursor}\",\"M\":[{message}]}}\n\n")
    );
}

#[tokio::test(start_paused = true)]
async fn item_23_a_keep_alive_is_an_empty_object_in_its_period_also_under_traffic() {
    let (server, _) = in_memory(|builder| builder.disconnect_timeout(s(6)));
    let mut client = server.over(SSE, HUB).await;
    let mut stream = client.stream.take().unwrap();
    assert_eq!(stream.unit().await.unwrap(), "data: {}\n\n");
    for _ in 0..5 {
        let at = Instant::now();
        sleep(Duration::from_millis(900)).await;
        client
            .result("conformance", "Caller", json!(["traffic"]))
            .await;
        assert!(payload_of(&stream.unit().await.unwrap()).is_some());
        assert_eq!(stream.unit().await.unwrap(), "data: {}\n\n");
        assert_eq!(at.elapsed(), s(2));
    }
}

#[tokio::test]
async fn item_23_and_49_whatever_the_text_a_payload_is_one_line() {
    let (server, _) = server().await;
    for transport in STREAMS {
        let mut client = server.over(transport, HUB).await;
        for text in [
            "+",
            "%2B",
            "\u{1f600}",
            "</script>",
            "\u{2028}\u{2029}\u{85}",
            "\r\n\n",
            "\"'\\",
            "data: x",
        ] {
            client.result("conformance", "Caller", json!([text])).await;
            // `payload_of` checks the lines.
            assert_eq!(client.event().await, json!(["message", client.id, text]));
        }
    }
}

#[tokio::test]
async fn item_31_and_63_an_abort_ends_the_stream_and_disconnects_at_once() {
    let (server, events) = server().await;
    for transport in STREAMS {
        for method in ["GET", "POST"] {
            let mut client = server.over(transport, HUB).await;
            let answer = server.raw(method, &client.target("/abort", &[]), &[]).await;
            assert_eq!((answer.status, &*answer.body), (200, ""));
            ends_quietly(&mut client).await;
            events
                .become_for(&client.id, &["connected", "disconnected:true"])
                .await;
        }
    }
}

#[tokio::test]
async fn item_63_an_abort_after_the_client_closed_the_stream_disconnects_at_once() {
    let (server, events) = server().await;
    for transport in STREAMS {
        let mut client = server.over(transport, HUB).await;
        client.cut();
        client.abort().await;
        events
            .become_for(&client.id, &["connected", "disconnected:true"])
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn item_35_without_keep_alive_a_stream_ends_at_the_connection_timeout() {
    let (server, events) = in_memory(|builder| {
        let builder = builder.disconnect_timeout(s(6)).keep_alive(None);
        builder.connection_timeout(s(4))
    });
    for transport in STREAMS {
        let mut client = server.over(transport, HUB).await;
        let began = Instant::now();
        ends_quietly(&mut client).await;
        assert!(
            began.elapsed() >= s(4) && began.elapsed() <= s(5),
            "{:?}",
            began.elapsed()
        );
        client.reconnect().await;
        client.no_event().await;
        events
            .become_for(&client.id, &["connected", "reconnected"])
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn item_35_with_keep_alive_a_stream_does_not_end() {
    let (server, _) = in_memory(|builder| builder.connection_timeout(s(7)));
    let mut client = server.over(SSE, HUB).await;
    let began = Instant::now();
    while began.elapsed() < s(300) {
        let unit = client.stream.as_mut().unwrap().unit().await;
        assert_eq!(unit.as_deref(), Some("data: {}\n\n"));
    }
}

#[tokio::test]
async fn item_36_a_reconnect_replays_exactly_what_was_missed() {
    let (server, hub, events) = with_handle(|builder| builder).await;
    let mut client = server.over(SSE, HUB).await;
    client.result("conformance", "Join", json!(["g"])).await;
    client.payload().await;
    for round in 0..5 {
        client.cut();
        for n in 0..100 {
            let clients = hub.clients();
            let to = if n % 2 == 0 {
                clients.group("g")
            } else {
                clients.all()
            };
            to.send("n", (round, n)).await.unwrap();
        }
        client.reconnect().await;
        for n in 0..100 {
            assert_eq!(client.event().await, json!(["n", round, n]));
        }
        client.no_event().await;
    }
    let told = events.of(&client.id);
    assert!(
        told.iter().all(|told| told != "disconnected:false"),
        "{told:?}"
    );
}

#[tokio::test]
async fn item_37_a_foreign_cursor_starts_at_the_end() {
    let (server, _) = server().await;
    let mut client = server.over(SSE, HUB).await;
    for cursor in ["", "garbage", "d-1-FF", "s-0,2F"] {
        client.cut();
        client
            .result("conformance", "Caller", json!(["missed"]))
            .await;
        client.cursor = Some(cursor.to_owned());
        client.reconnect().await;
        client.no_event().await;
    }
}

#[tokio::test]
async fn item_38_a_malformed_cursor_gets_head_and_prelude_and_is_cut() {
    let (server, events) = server().await;
    for transport in STREAMS {
        let mut client = server.over(transport, HUB).await;
        let cursor = client.cursor.clone().unwrap();
        let (prefix, _) = cursor.rsplit_once('-').unwrap();
        for malformed in ["-", "-x", "-1-1", "-10000000000000000"] {
            let bad = format!("{prefix}{malformed}");
            for verb in ["/reconnect", "/connect"] {
                let mut stream = client.open(verb, &[("messageId", &bad)]).await;
                assert_eq!(stream.status, 200);
                let prelude = stream.unit().await.unwrap();
                assert_eq!(payload_of(&prelude), None, "{prelude}");
                assert_eq!(
                    (stream.unit().await, stream.ended),
                    (None, Some(Ended::Cut))
                );
            }
        }
        // The connection itself took no notice.
        client.no_event().await;
        assert_eq!(events.of(&client.id), ["connected"]);
    }
}

#[tokio::test]
async fn item_56_57_58_groups_are_told_once_heard_at_once_and_come_back_with_the_token() {
    let (server, _) = server().await;
    for transport in STREAMS {
        let mut client = server.over(transport, HUB).await;
        client.result("conformance", "Join", json!(["g"])).await;
        let told = client.payload().await;
        assert!(told["G"].is_string() && told["M"] == json!([]), "{told}");
        for n in 0..3 {
            client
                .result("conformance", "SendGroup", json!(["g", n.to_string()]))
                .await;
            let payload = client.payload().await;
            assert!(payload.get("G").is_none(), "{payload}");
            assert_eq!(
                client.event().await,
                json!(["groupMessage", "g", n.to_string()])
            );
        }
        client.reconnect().await;
        client
            .result("conformance", "SendGroup", json!(["g", "back"]))
            .await;
        assert_eq!(client.event().await, json!(["groupMessage", "g", "back"]));
        // Neither without the token nor with somebody else's.
        let mut other = server.over(transport, HUB).await;
        other.groups = client.groups.take();
        for client in [&mut client, &mut other] {
            client.reconnect().await;
            client
                .result("conformance", "SendGroup", json!(["g", "secret"]))
                .await;
            client.no_event().await;
        }
    }
}

#[tokio::test]
async fn item_58_a_join_while_the_stream_is_away_is_applied_when_it_comes_back() {
    let (server, _) = server().await;
    let mut other = server.over(SSE, HUB).await;
    let mut client = server.over(SSE, HUB).await;
    client.cut();
    other
        .result("conformance", "AddTo", json!([client.id, "g"]))
        .await;
    other
        .result("conformance", "SendGroup", json!(["g", "meanwhile"]))
        .await;
    client.reconnect().await;
    assert_eq!(
        client.event().await,
        json!(["groupMessage", "g", "meanwhile"])
    );
    assert!(client.groups.is_some());
}

#[tokio::test(start_paused = true)]
async fn item_64_a_client_that_is_cut_off_is_gone_after_the_disconnect_timeout_and_five_seconds() {
    let (server, events) = in_memory(|builder| builder);
    for transport in STREAMS {
        let mut client = server.over(transport, HUB).await;
        sleep(s(100)).await;
        assert_eq!(events.of(&client.id), ["connected"]);
        client.cut();
        let began = Instant::now();
        while events.of(&client.id) == ["connected"] {
            assert!(began.elapsed() <= s(40));
            sleep(Duration::from_millis(10)).await;
        }
        assert!(began.elapsed() >= s(35), "{:?} already", began.elapsed());
        assert_eq!(events.of(&client.id), ["connected", "disconnected:false"]);
    }
}

#[tokio::test(start_paused = true)]
async fn item_65_a_reconnect_in_time_is_told_and_no_disconnect() {
    let (server, events) = in_memory(|builder| builder);
    let mut client = server.over(SSE, HUB).await;
    for _ in 0..3 {
        client.cut();
        sleep(s(34)).await;
        client.reconnect().await;
    }
    client.no_event().await;
    let told = ["connected", "reconnected", "reconnected", "reconnected"];
    events.become_for(&client.id, &told).await;
}

#[tokio::test]
async fn item_67_every_stream_that_is_no_connect_tells_of_a_reconnect() {
    let (server, events) = server().await;
    let client = server.over(SSE, HUB).await;
    let mut streams = Vec::new();
    for verb in ["/reconnect", "/poll", "/whatever"] {
        streams.push(client.come(verb).await);
    }
    let told = ["connected", "reconnected", "reconnected", "reconnected"];
    events.become_for(&client.id, &told).await;
}

#[tokio::test]
async fn item_68_a_newer_stream_ends_the_older_quietly() {
    let (server, _) = server().await;
    for transport in STREAMS {
        let mut client = server.over(transport, HUB).await;
        for verb in ["/reconnect", "/connect", "/reconnect"] {
            let mut newer = client.come(verb).await;
            newer.unit().await.unwrap();
            ends_quietly(&mut client).await;
            client.stream = Some(newer);
            client.no_event().await;
        }
    }
}
