//! JSONP (`classic-signalr.md` 2.6, checklist 13 and 25).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::Server;
use common::hubs::{Events, builder};
use common::receive::{Ended, Over, POLL, SSE};
use serde_json::{Value, json};
use tokio::time::Instant;

const HUB: &[&str] = &["conformance"];
const JAVASCRIPT: &str = "application/javascript; charset=UTF-8";

async fn server() -> (Server, Events) {
    let (builder, events) = builder();
    (Server::tcp(builder.jsonp(true)).await, events)
}

/// The object in a call of `name`.
fn unwrapped(text: &str, name: &str) -> Value {
    let inner = text
        .strip_prefix(name)
        .and_then(|text| text.strip_prefix('('));
    let inner = inner.and_then(|text| text.strip_suffix(");"));
    serde_json::from_str(inner.unwrap_or_else(|| panic!("{text}"))).unwrap()
}

/// One poll as a script.
async fn poll(client: &mut Over<'_>, verb: &str) {
    let cursor = client.cursor.clone().unwrap();
    let groups = client.groups.clone().unwrap_or_default();
    let more = [
        ("callback", "cb"),
        ("messageId", &*cursor),
        ("groupsToken", &*groups),
    ];
    let mut poll = client.open(verb, &more).await;
    assert_eq!(poll.headers["content-type"], JAVASCRIPT);
    let body = poll.body().await;
    assert_eq!(poll.ended, Some(Ended::Complete));
    client.take(&unwrapped(&body, "cb"));
}

#[tokio::test]
async fn item_13_without_jsonp_a_callback_is_refused_everywhere() {
    let (builder, _) = builder();
    let server = Server::tcp(builder).await;
    let client = server.negotiated_over(POLL, HUB, None).await;
    for verb in [
        "/negotiate",
        "/ping",
        "/start",
        "/connect",
        "/poll",
        "/reconnect",
        "/send",
        "/abort",
        "/hubs",
        "/js",
    ] {
        let answer = server
            .raw("GET", &client.target(verb, &[("callback", "cb")]), &[])
            .await;
        let got = (answer.status, &*answer.reason, &*answer.body);
        assert_eq!(got, (403, "Forbidden: JSONP is disabled.", ""), "{verb}");
        assert!(!answer.headers.contains_key("x-content-type-options"));
    }
    let target = client
        .target("/connect", &[("callback", "cb")])
        .replace(POLL, "webSockets");
    assert_eq!(
        server
            .upgrade(&target, &[])
            .await
            .err()
            .map(|(status, _)| status),
        Some(403)
    );
    // An empty one is none.
    assert_eq!(server.get("/ping", &[("callback", "")]).await.status, 200);
}

#[tokio::test]
async fn item_13_answers_are_wrapped_and_are_scripts() {
    let (server, events) = server().await;
    let query = [("clientProtocol", "2.1"), ("callback", "jQuery1124_1416.x")];
    let negotiated = server.get("/negotiate", &query).await;
    assert_eq!(negotiated.headers["content-type"], JAVASCRIPT);
    assert_eq!(negotiated.headers["x-content-type-options"], "nosniff");
    assert!(unwrapped(&negotiated.body, "jQuery1124_1416.x")["ConnectionToken"].is_string());
    let ping = server.get("/ping", &[("callback", "cb")]).await;
    assert_eq!(ping.body, "cb({ \"Response\": \"pong\" });");

    let mut client = server.negotiated_over(POLL, HUB, None).await;
    let mut connect = client.open("/connect", &[("callback", "cb1")]).await;
    assert_eq!(connect.headers["content-type"], JAVASCRIPT);
    let body = connect.body().await;
    let init = unwrapped(&body, "cb1");
    assert_eq!(init["S"], 1);
    client.take(&init);
    let start = server
        .raw("GET", &client.target("/start", &[("callback", "cb2")]), &[])
        .await;
    assert_eq!(start.body, "cb2({ \"Response\": \"started\" });");
    assert_eq!(start.headers["content-type"], JAVASCRIPT);

    let data = json!({"H": "conformance", "M": "Join", "A": ["g"], "I": 0}).to_string();
    let target = client.target("/send", &[("callback", "cb3"), ("data", &data)]);
    let sent = server.raw("GET", &target, &[]).await;
    assert_eq!(sent.body, "cb3({\"I\":\"0\"});");
    assert_eq!(sent.headers["content-type"], JAVASCRIPT);
    poll(&mut client, "/poll").await;
    assert!(client.groups.is_some());
    for verb in ["/poll", "/reconnect"] {
        client
            .result("conformance", "SendGroup", json!(["g", verb]))
            .await;
        poll(&mut client, verb).await;
        assert_eq!(client.event().await, json!(["groupMessage", "g", verb]));
    }
    events
        .become_for(&client.id, &["connected", "reconnected"])
        .await;
    // A replaced one and one whose connection ends are wrapped, too.
    let cursor = client.cursor.clone().unwrap();
    let more = [("callback", "cb"), ("messageId", &*cursor)];
    let mut old = client.open("/poll", &more).await;
    let mut new = client.open("/poll", &more).await;
    assert_eq!(
        old.body().await,
        format!("cb({{\"C\":\"{cursor}\",\"M\":[]}});")
    );
    let aborted = server
        .raw("GET", &client.target("/abort", &[("callback", "cb")]), &[])
        .await;
    assert_eq!((aborted.status, &*aborted.body), (200, ""), "not wrapped");
    assert_eq!(unwrapped(&new.body().await, "cb")["M"], json!([]));
}

#[tokio::test]
async fn item_13_a_callback_that_is_no_name_is_a_500() {
    let (server, events) = server().await;
    let client = server.negotiated_over(POLL, HUB, None).await;
    let data = json!({"H": "conformance", "M": "Nothing", "A": [], "I": 0}).to_string();
    for bad in [
        " ",
        "a b",
        "1a",
        "a..b",
        ".a",
        "a.",
        "let",
        "a.function",
        "NaN",
        "a(",
        "a;b",
        "<b>",
        "a[0]",
    ] {
        for verb in [
            "/negotiate",
            "/ping",
            "/start",
            "/connect",
            "/poll",
            "/send",
        ] {
            let target = client.target(verb, &[("callback", bad), ("data", &data)]);
            let answer = server.raw("GET", &target, &[]).await;
            let refusal = (500, "The callback is no name of a function.");
            assert_eq!((answer.status, &*answer.body), refusal, "{bad} {verb}");
        }
    }
    assert!(events.of(&client.id).is_empty());
    for good in ["cb", "$", "_a1", "a.b.c", "null", "eval", "\u{e4}rger"] {
        let answer = server.get("/ping", &[("callback", good)]).await;
        assert_eq!(
            answer.body,
            format!("{good}({{ \"Response\": \"pong\" }});")
        );
    }
}

#[tokio::test]
async fn item_13_errors_and_scripts_are_not_wrapped() {
    let (server, _) = server().await;
    let client = server.negotiated_over(POLL, HUB, None).await;
    let answer = server.get("/connect", &[("callback", "cb")]).await;
    assert_eq!(
        (answer.status, &*answer.body),
        (400, "Protocol error: Unknown transport.")
    );
    let answer = server
        .get("/connect", &[("callback", "cb"), ("transport", POLL)])
        .await;
    assert_eq!(
        (answer.status, &*answer.body),
        (400, "Protocol error: Missing connection token.")
    );
    let answer = server
        .raw("GET", &client.target("/send", &[("callback", "cb")]), &[])
        .await;
    assert_eq!((answer.status, &*answer.body), (500, ""));
    let failing = server.negotiated_over(POLL, &["failing"], None).await;
    let answer = server
        .raw("GET", &failing.target("/start", &[("callback", "cb")]), &[])
        .await;
    assert_eq!((answer.status, &*answer.body), (500, ""));
    let data = json!({"H": "conformance", "M": "Unserializable", "A": [], "I": 0}).to_string();
    let target = client.target("/send", &[("callback", "cb"), ("data", &data)]);
    let answer = server.raw("GET", &target, &[]).await;
    assert_eq!((answer.status, &*answer.body), (200, ""));
    let script = server.get("/hubs", &[("callback", "cb")]).await;
    assert_eq!(script.status, 200);
    assert!(!script.body.starts_with("cb(") && script.body.contains("createHubProxy"));
}

#[tokio::test]
async fn item_13_without_a_callback_nothing_is_wrapped() {
    let (server, _) = server().await;
    for transport in [POLL, SSE] {
        let mut client = server.over(transport, HUB).await;
        assert_eq!(client.result("conformance", "Add", json!([1, 2])).await, 3);
        client.no_event().await;
    }
}

#[tokio::test(start_paused = true)]
async fn item_25_a_poll_as_a_script_has_no_keep_alives() {
    let (builder, _) = builder();
    let builder = builder
        .jsonp(true)
        .disconnect_timeout(Duration::from_secs(6));
    let server = Server::memory(builder.connection_timeout(Duration::from_secs(7)));
    let client = server.over(POLL, HUB).await;
    let cursor = client.cursor.clone().unwrap();
    let began = Instant::now();
    let more = [("callback", "cb"), ("messageId", &*cursor)];
    let mut poll = client.open("/poll", &more).await;
    let only = poll.chunk().await.unwrap();
    assert_eq!(only, format!("cb({{\"C\":\"{cursor}\",\"M\":[]}});"));
    assert!(began.elapsed() >= Duration::from_secs(7));
    assert_eq!(
        (poll.chunk().await, poll.ended),
        (None, Some(Ended::Complete))
    );
}
