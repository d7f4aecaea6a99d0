//! What clients must not be able to do: whatever comes, the server answers others as before, holds bounded memory and
//! does not panic.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once};
use std::time::Duration;

use common::alone::{alone, memory};
use common::hubs::{Events, builder};
use common::{Client, Io, Server, within};
use futures_util::{SinkExt, StreamExt};
use hub_server::{Context, HubError, hub};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;

// Support

static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Records panics of the server's own code from now on; those of tests and of their hubs are their own matter.
fn watch_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic
                .location()
                .map(ToString::to_string)
                .unwrap_or_default();
            if !place.contains("/tests/") {
                PANICS.lock().unwrap().push(place);
            }
            usual(panic);
        }));
    });
}

async fn server() -> (Server, Events) {
    watch_panics();
    let (builder, events) = builder();
    (Server::tcp(builder.hub(Gauge::default())).await, events)
}

/// Others were not disturbed, newcomers are welcome, and nothing panicked.
async fn undisturbed(server: &Server, bystander: &mut Client<'_>) {
    assert_eq!(
        bystander.result("conformance", "Add", json!([40, 2])).await,
        42
    );
    let mut newcomer = server.client(&["conformance"]).await;
    newcomer
        .result(
            "conformance",
            "SendTo",
            json!([bystander.id, "still there?"]),
        )
        .await;
    assert_eq!(
        bystander.event().await,
        json!(["message", newcomer.id, "still there?"])
    );
    assert!(
        bystander.socket.events.is_empty(),
        "{:?}",
        bystander.socket.events
    );
    assert_eq!(*PANICS.lock().unwrap(), [""; 0]);
}

/// The answer to the next call, which must be the next frame: what was sent before is not answered.
async fn not_answered(client: &mut Client<'_>) {
    let id = client.send("conformance", "Add", json!([1, 2])).await;
    assert_eq!(client.socket.frame().await, json!({"R": 3, "I": id}));
}

/// Sends bytes on a connection of its own and gives what comes back, if anything; the peer may hang up any time.
async fn throw(server: &Server, bytes: &[u8]) -> String {
    let mut socket = server.dial().await;
    let _ = within(socket.write_all(bytes)).await;
    rest_of(socket).await
}

/// The same, and hangs up before the answer.
async fn throw_and_run(server: &Server, bytes: &[u8]) {
    let mut socket = server.dial().await;
    let _ = within(socket.write_all(bytes)).await;
    let _ = socket.shutdown().await;
    rest_of(socket).await;
}

async fn rest_of(mut socket: Box<dyn Io>) -> String {
    let mut answer = Vec::new();
    let _ = within(socket.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Counts how many of its calls run at once.
#[derive(Default)]
struct Gauge {
    running: AtomicUsize,
    most: AtomicUsize,
}

#[hub]
impl Gauge {
    async fn slow(&self, ms: u64, value: i32) -> i32 {
        let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(ms)).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        value
    }

    fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    /// Sends everybody `n` events of so many bytes, numbered from `from` on.
    async fn flood(&self, cx: &Context, from: u32, n: u32, bytes: usize) -> Result<(), HubError> {
        let text = "x".repeat(bytes);
        for i in from..from + n {
            cx.clients().all().send("flood", (i, &text)).await?;
        }
        Ok(())
    }
}

// Calls

#[tokio::test]
async fn a_call_of_an_unknown_hub_is_not_answered() {
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let mut client = server.client(&["conformance"]).await;
    for hub in [
        json!("nosuch"),
        json!(""),
        json!(null),
        json!("conformance.x"),
        json!({}),
        json!("x".repeat(10_000)),
    ] {
        client
            .socket
            .send(&json!({"H": hub, "M": "Add", "A": [1, 2], "I": 99}))
            .await;
        not_answered(&mut client).await;
    }
    client
        .socket
        .send(&json!({"M": "Add", "A": [1, 2], "I": 99}))
        .await;
    not_answered(&mut client).await;
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn an_unknown_method_or_the_wrong_arguments_are_an_error_of_that_call_alone() {
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let mut client = server.client(&["conformance"]).await;
    for (method, args) in [
        ("NoSuch", json!([])),
        ("", json!([])),
        ("Add", json!([1])),
        ("Add", json!([])),
        ("Add", json!([1, 2, 3])),
        ("Add", json!(["x", {}])),
        ("Add", json!([1, 99_999_999_999_i64])),
        ("Add", json!([1, 1.5])),
        ("Add", json!([null, null])),
        ("SendToMany", json!(["not a list", "x"])),
        ("on_connected", json!([])),
        ("onConnected", json!([])),
    ] {
        let answer = client.call("conformance", method, args.clone()).await;
        let text = format!("There was an error invoking Hub method 'conformance.{method}'.");
        assert_eq!(answer["E"], text, "{method} {args}");
        assert!(
            answer.get("R").is_none() && answer.get("H").is_none(),
            "{answer}"
        );
    }
    let panicked = client.call("conformance", "Panic", json!([])).await;
    assert_eq!(
        panicked["E"],
        "There was an error invoking Hub method 'conformance.Panic'."
    );
    not_answered(&mut client).await;
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn malformed_json_and_frames_that_are_no_objects_are_ignored() {
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let mut client = server.client(&["conformance"]).await;
    for text in [
        "",
        " ",
        "{",
        "}",
        "null",
        "undefined",
        "1",
        "-",
        "[]",
        "[1]",
        "\"x\"",
        "\"",
        "true",
        "{}",
        "{\"H\"",
        "{\"H\":}",
        "{\"H\":\"conformance\"}",
        "{\"H\":\"conformance\",\"M\":null,\"I\":99}",
        "{\"H\":\"conformance\",\"M\":{},\"I\":99}",
        "{\"H\":\"conformance\",\"M\":\"Add\",\"A\":{},\"I\":99}",
        "{\"H\":\"conformance\",\"M\":\"Add\",\"A\":\"x\",\"I\":99}",
        "{\"H\":\"conformance\",\"M\":\"Add\",\"A\":[1,2],\"I\":{}}",
        "{\"H\":\"conformance\",\"M\":\"Add\",\"A\":[1,2],\"I\":[1]}",
        "{\"H\":\"conformance\",\"M\":\"Add\",\"A\":[1,2],\"I\":99,\"S\":[]}",
        "{\"H\":\"conformance\",\"M\":\"Add\",\"A\":[1,2],\"I\":99,\"S\":1}",
        "{\"H\":\"conformance\",\"M\":\"Add\",\"A\":[1,2,\"I\":99}",
        "{\"H\":\"\\ud800\",\"M\":\"Add\",\"A\":[1,2],\"I\":99}",
        "{\"\\u0048\":1",
        "\u{0}",
        "\u{feff}",
        "GET / HTTP/1.1\r\n\r\n",
    ] {
        client.socket.send_text(text).await;
        not_answered(&mut client).await;
    }
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn deeply_nested_arguments_fail_their_call_alone() {
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let mut client = server.client(&["conformance"]).await;
    for depth in [1_000, 30_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let inner = if open == "[" { "" } else { "1" };
            let depth = depth.min(60_000 / (open.len() + close.len()));
            let nested = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
            let call =
                format!("{{\"H\":\"conformance\",\"M\":\"EchoAny\",\"A\":[{nested}],\"I\":5}}");
            client.socket.send_text(&call).await;
            let answer = client.socket.answer("5").await;
            assert!(answer["E"].is_string(), "{depth}");
            // Where the depth is not looked at, it does no harm.
            let skipped = format!(
                "{{\"x\":{nested},\"H\":\"conformance\",\"M\":\"Add\",\"A\":[1,2],\"I\":6}}"
            );
            client.socket.send_text(&skipped).await;
            assert_eq!(client.socket.answer("6").await["R"], 3);
            let state = format!(
                "{{\"H\":\"conformance\",\"M\":\"CountUp\",\"S\":{{\"s\":{nested}}},\"I\":99}}"
            );
            client.socket.send_text(&state).await;
            let unclosed = "[".repeat(depth);
            client.socket.send_text(&unclosed).await;
        }
        // Too large a state is not answered; a smaller one is, and nothing else matters here.
        not_answered_but(&mut client, "99").await;
    }
    undisturbed(&server, &mut bystander).await;
}

/// Like [`not_answered`], with answers to one id allowed before.
async fn not_answered_but(client: &mut Client<'_>, allowed: &str) {
    let id = client.send("conformance", "Add", json!([1, 2])).await;
    loop {
        let frame = client.socket.frame().await;
        if frame["I"] == *id {
            return;
        }
        assert_eq!(frame["I"], allowed, "{frame}");
    }
}

#[tokio::test]
async fn item_50_a_state_of_4097_characters_is_refused() {
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let mut client = server.client(&["conformance"]).await;
    let call = |characters: usize, blanks: usize, letter: &str| {
        let text = letter.repeat(characters - r#"{"a":""}"#.len());
        let blanks = " ".repeat(blanks);
        format!(r#"{{"H":"conformance","M":"CountUp","A":[],"I":99,"S":{{"a":{blanks}"{text}"}}}}"#)
    };
    for (characters, blanks, letter, passes) in [
        (4_096, 0, "x", true),
        (4_097, 0, "x", false),
        (4_096, 500, "x", true),
        (4_097, 500, "x", false),
        (4_096, 0, "ä", true),
        (4_097, 0, "ä", false),
    ] {
        client
            .socket
            .send_text(&call(characters, blanks, letter))
            .await;
        if passes {
            assert_eq!(
                client.socket.answer("99").await["R"],
                1,
                "{characters} {blanks} {letter}"
            );
        }
        not_answered(&mut client).await;
    }
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn large_and_binary_frames_end_their_socket_alone() {
    let (server, events) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    for frame in [
        Message::text("x".repeat(65 * 1024)),
        Message::text(format!("{{\"x\":\"{}\"}}", "y".repeat(1 << 20))),
        Message::binary(vec![0; 10]),
        Message::binary(Vec::new()),
    ] {
        let mut client = server.client(&["conformance"]).await;
        // The server may cut it before all of it was sent.
        let _ = within(client.socket.stream().send(frame)).await;
        assert_eq!(client.socket.end().await, None);
        client
            .reconnect_from(client.socket.cursor.clone(), None)
            .await;
        not_answered(&mut client).await;
        events
            .become_for(&client.id, &["connected", "reconnected"])
            .await;
    }
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn bytes_that_are_no_websocket_frames_end_their_socket_alone() {
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    for bytes in [
        &[0xFF; 64][..],
        &[0x81, 0x02, b'{', b'}'],                            // not masked
        &[0x83, 0x80, 0, 0, 0, 0],                            // a reserved opcode
        &[0xC1, 0x80, 0, 0, 0, 0],                            // a reserved bit
        &[0x09, 0x80, 0, 0, 0, 0],                            // a ping in fragments
        &[&[0x89, 0xFE, 0x00, 0x80][..], &[0; 132]].concat(), // a ping of 128 bytes
        &[0x80, 0x80, 0, 0, 0, 0],                            // goes on with nothing
        &[
            0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0,
        ],
        &[0x81, 0x81, 0, 0, 0, 0, 0xFF],       // not UTF-8
        &[0x88, 0x81, 0, 0, 0, 0, 0x03],       // half a close code
        &[0x88, 0x82, 0, 0, 0, 0, 0x00, 0x00], // close code 0
    ] {
        let client = server.client(&["conformance"]).await;
        let target = server.target("/reconnect", &client.query(&[]));
        let mut socket = server.dial().await;
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        within(socket.read_exact(&mut answer)).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 101");
        let _ = socket.write_all(bytes).await;
        let mut rest = Vec::new();
        let end = timeout(common::SOON, socket.read_to_end(&mut rest)).await;
        assert!(end.is_ok(), "the socket stays after {bytes:x?}");
        undisturbed(&server, &mut bystander).await;
    }
}

// Requests

#[tokio::test]
async fn a_missing_forged_or_foreign_token_or_that_of_another_user_opens_nothing() {
    let (server, _) = server().await;
    let (other, _) = self::server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let foreign = other.client(&["conformance"]).await;
    let anns = server.client_as(&["conformance"], Some("ann")).await;
    let long = "A".repeat(20_000);
    for (token, status) in [
        (None, 400),
        (Some(""), 400),
        (Some("forged"), 400),
        (Some(&*long), 400),
        (Some(&*foreign.token), 400),
        (Some(&*anns.token), 403),
    ] {
        let mut query = vec![("transport", "webSockets"), ("clientProtocol", "2.1")];
        query.extend(token.map(|token| ("connectionToken", token)));
        for verb in ["/connect", "/reconnect"] {
            let refusal = server
                .upgrade(&server.target(verb, &query), &[])
                .await
                .err();
            assert_eq!(refusal.map(|(status, _)| status), Some(status), "{token:?}");
        }
        for verb in ["/start", "/abort"] {
            assert_eq!(server.get(verb, &query).await.status, status, "{token:?}");
        }
    }
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn an_unknown_transport_and_duplicate_hubs_are_refused() {
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let long = "x".repeat(30_000);
    for transport in [
        "",
        "nosuch",
        "serverSentEvents,webSockets",
        "\0",
        "🦀",
        &long,
    ] {
        let mut query = bystander.query(&[]);
        query[0].1 = transport;
        assert_eq!(server.get("/connect", &query).await.status, 400);
    }
    let nested = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let many = Value::from(vec![json!({"name": "conformance"}); 500]).to_string();
    for data in [
        r#"[{"name":"conformance"},{"name":"Conformance"}]"#,
        &nested,
        &many,
        "[{\"name\":\"\\ud800\"}]",
    ] {
        assert_eq!(
            server
                .get("/negotiate", &[("connectionData", data)])
                .await
                .status,
            500
        );
    }
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn very_long_queries_and_headers_are_refused_or_served_and_nothing_else() {
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    for (size, served) in [
        (10_000, true),
        (50_000, true),
        (200_000, false),
        (2_000_000, false),
    ] {
        let long = "x".repeat(size);
        let query =
            format!("GET /signalr/ping?x={long} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let header = format!(
            "GET /signalr/ping HTTP/1.1\r\nHost: x\r\nX: {long}\r\nConnection: close\r\n\r\n"
        );
        let answers = [
            throw(&server, query.as_bytes()).await,
            throw(&server, header.as_bytes()).await,
        ];
        if served {
            assert!(
                answers
                    .iter()
                    .all(|answer| answer.starts_with("HTTP/1.1 200")),
                "{size}"
            );
        }
        assert!(answers[0].starts_with("HTTP/1.1 200") == served, "{size}");
    }
    let headers: String = (0..2_000).map(|n| format!("X-{n}: y\r\n")).collect();
    let many =
        format!("GET /signalr/ping HTTP/1.1\r\nHost: x\r\n{headers}Connection: close\r\n\r\n");
    assert!(
        !throw(&server, many.as_bytes())
            .await
            .starts_with("HTTP/1.1 200")
    );
    let parameters: Vec<_> = (0..5_000).map(|n| format!("a{n}={n}")).collect();
    let many = server
        .raw(
            "GET",
            &format!("/signalr/ping?{}", parameters.join("&")),
            &[],
        )
        .await;
    assert_eq!(many.status, 200);
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn invalid_utf_8_in_paths_and_queries_is_taken_as_some_text() {
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    for target in [
        "/signalr/negotiate?clientProtocol=%FF%FE",
        "/signalr/negotiate?%FF=%80&connectionData=%5B%5D",
        "/signalr/%FF/negotiate",
        "/signalr/negotiate?%",
        "/signalr/negotiate?%zz=%",
        "/signalr/negotiate?&&==&",
        "/signalr/negotiate?connectionData=%00",
        "/signalr/negotiate?messageId=%C0%80",
    ] {
        let status = server.raw("GET", target, &[]).await.status;
        assert!(
            status == 200 || target.contains("%00") && status == 500,
            "{target} {status}"
        );
    }
    let bad_hub = server
        .raw("GET", "/signalr/negotiate?connectionData=%FF", &[])
        .await;
    assert_eq!(bad_hub.status, 500);
    for bytes in [
        &b"GET /signalr/negotiate?x=\xFF\xFE HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"[..],
        b"GET /signalr/\xFF/negotiate HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /signalr/ping HTTP/1.1\r\nHost: x\r\nX-User: \xFF\r\nConnection: close\r\n\r\n",
        b"GET http://x/signalr/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST /signalr/abort HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\nConnection: close\r\n\r\n",
        b"GET /signalr/ping HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        throw_and_run(&server, bytes).await;
        undisturbed(&server, &mut bystander).await;
    }
}

// Amounts

#[tokio::test]
async fn connections_that_negotiate_and_never_connect_cost_nothing() {
    if !alone("connections_that_negotiate_and_never_connect_cost_nothing") {
        return;
    }
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let negotiate = async |n: usize| {
        for _ in 0..n {
            let query = [
                ("clientProtocol", "2.1"),
                ("connectionData", r#"[{"name":"conformance"}]"#),
            ];
            assert_eq!(server.get("/negotiate", &query).await.status, 200);
        }
    };
    negotiate(500).await;
    let before = memory();
    negotiate(1_000).await;
    let grown = memory().saturating_sub(before);
    assert!(grown < 512, "{grown} KiB for 1,000 negotiations");
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn ten_thousand_slow_calls_of_one_connection_are_all_answered_a_bounded_number_at_a_time() {
    watch_panics();
    let (builder, _) = builder();
    let server = Server::tcp(builder.hub(Gauge::default()).max_open_calls(100)).await;
    let mut bystander = server.client(&["conformance"]).await;
    let mut client = server.client(&["conformance"]).await;
    const CALLS: usize = 10_000;
    let (mut writer, mut reader) = client.socket.take_stream().split();
    let writing = async {
        for n in 0..CALLS {
            let call = json!({"H": "gauge", "M": "slow", "A": [5, n], "I": n});
            writer.send(Message::text(call.to_string())).await.unwrap();
        }
    };
    let reading = async {
        let mut answered = vec![false; CALLS];
        let mut left = CALLS;
        while left > 0 {
            let message = within(reader.next()).await.unwrap().unwrap();
            let answer: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
            let n = answer["R"].as_u64().and_then(|n| usize::try_from(n).ok());
            let Some(n) = n else { continue };
            assert_eq!(answer["I"], n.to_string());
            assert!(!std::mem::replace(&mut answered[n], true), "{n} twice");
            left -= 1;
        }
    };
    tokio::join!(writing, reading);
    let most = bystander
        .result("gauge", "most", json!([]))
        .await
        .as_u64()
        .unwrap();
    assert!((50..=100).contains(&most), "{most} at once");
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_replaced_socket_make_no_room_for_more_on_the_new_one() {
    watch_panics();
    let (builder, _) = builder();
    let server = Server::memory(builder.hub(Gauge::default()).max_open_calls(2));
    let mut bystander = server.client(&["conformance"]).await;
    let mut client = server.client(&["conformance"]).await;
    for _ in 0..4 {
        client.send("gauge", "slow", json!([1_000, 0])).await;
    }
    client.reconnect().await;
    for _ in 0..6 {
        client.send("gauge", "slow", json!([60_000, 0])).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(bystander.result("gauge", "running", json!([])).await, 2);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(bystander.result("gauge", "running", json!([])).await, 2);
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn the_smallest_outbox_still_serves() {
    watch_panics();
    for (frames, bytes) in [
        (0, 0),
        (1, 1),
        (2, 1 << 20),
        (1_024, 0),
        (usize::MAX, usize::MAX),
    ] {
        let (builder, _) = builder();
        let server = Server::tcp(builder.outbox(frames, bytes).retain(0, 0)).await;
        let mut bystander = server.client(&["conformance"]).await;
        undisturbed(&server, &mut bystander).await;
    }
}

#[tokio::test]
async fn a_hundred_thousand_pings_of_a_peer_that_reads_no_pong_cost_no_memory() {
    if !alone("a_hundred_thousand_pings_of_a_peer_that_reads_no_pong_cost_no_memory") {
        return;
    }
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let mut client = server.client(&["conformance"]).await;
    let before = memory();
    let ping = Message::Ping(vec![b'p'; 125].into());
    for n in 0..100_000 {
        within(client.socket.stream().feed(ping.clone()))
            .await
            .unwrap();
        if n % 100 == 99 {
            within(client.socket.stream().flush()).await.unwrap();
        }
    }
    let grown = memory().saturating_sub(before);
    assert!(grown < 1_024, "{grown} KiB");
    undisturbed(&server, &mut bystander).await;
    // Once it reads again, it is served as before.
    let id = client.send("conformance", "Add", json!([1, 2])).await;
    let answer = loop {
        match client.socket.next().await {
            Some(Ok(Message::Text(text))) if text.as_str() != "{}" => break text,
            Some(Ok(Message::Pong(_) | Message::Text(_))) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(answer.as_str(), format!("{{\"R\":3,\"I\":\"{id}\"}}"));
}

/// Floods all connections with so many rounds of five events of 100 kB, each after the caller has read the one before.
async fn flood<'a>(caller: &mut Client<'a>, witness: &mut Client<'a>, rounds: u32) -> Duration {
    const ROUND: u32 = 5;
    let mut latest = Duration::ZERO;
    for round in 0..rounds {
        let first = round * ROUND;
        let began = Instant::now();
        caller
            .send("gauge", "flood", json!([first, ROUND, 100_000]))
            .await;
        for reader in [&mut *caller, witness] {
            for n in first..first + ROUND {
                let event = reader.event().await;
                assert_eq!(event[1], n);
            }
        }
        latest = latest.max(began.elapsed());
    }
    latest
}

#[tokio::test]
async fn a_peer_that_stops_reading_a_hundred_megabytes_costs_bounded_memory_and_holds_up_nobody() {
    if !alone(
        "a_peer_that_stops_reading_a_hundred_megabytes_costs_bounded_memory_and_holds_up_nobody",
    ) {
        return;
    }
    let (server, events) = server().await;
    let mut caller = server.client(&["gauge"]).await;
    let mut witness = server.client(&["gauge"]).await;
    let mut stalled = server.client(&["gauge", "conformance"]).await;
    flood(&mut caller, &mut witness, 4).await;
    let before = memory();
    let latest = flood(&mut caller, &mut witness, 200).await;
    let grown = memory().saturating_sub(before);
    // The log's megabyte, the outbox's, and what a socket's flush holds; the sockets' own buffers are the kernel's.
    assert!(grown < 12 * 1024, "{grown} KiB");
    assert!(latest < Duration::from_secs(5), "a round took {latest:?}");
    // It reads again: what it gets is in order, and then it is told to come back, since it missed something.
    let mut seen = Vec::new();
    let code = loop {
        match stalled.socket.next().await {
            Some(Ok(Message::Text(text))) if text.as_str() != "{}" => {
                let frame: Value = serde_json::from_str(text.as_str()).unwrap();
                stalled.socket.cursor = Some(frame["C"].as_str().unwrap().to_owned());
                seen.extend(
                    frame["M"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|m| m["A"][0].as_u64().unwrap()),
                );
            }
            Some(Ok(Message::Text(_))) => {}
            Some(Ok(Message::Close(frame))) => break frame.map(|frame| u16::from(frame.code)),
            _ => break None,
        }
    };
    assert!(matches!(code, Some(1000) | None));
    let in_order: Vec<u64> = (0..20).chain(0..1_000).take(seen.len()).collect();
    assert_eq!(seen, in_order);
    assert!(seen.len() < 1_000, "it can't have got all");
    // It comes back, is told of the gap, and goes on.
    stalled.reconnect().await;
    events
        .become_for(&stalled.id, &["connected", "reconnected:trimmed"])
        .await;
    let mut now = Vec::new();
    while now.last() != Some(&999) {
        now.push(stalled.event().await[1].as_u64().unwrap());
    }
    assert!(now.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{now:?}");
    caller.result("gauge", "flood", json!([7, 1, 1])).await;
    assert_eq!(stalled.event().await[1], 7);
}

#[tokio::test]
async fn a_slow_peer_gets_everything_in_order_as_long_as_the_log_has_it() {
    watch_panics();
    let (builder, events) = builder();
    let builder = builder.hub(Gauge::default()).retain(10_000, 1 << 30);
    let server = Server::tcp(builder).await;
    let mut caller = server.client(&["gauge"]).await;
    let mut witness = server.client(&["gauge"]).await;
    let mut slow = server.client(&["gauge", "conformance"]).await;
    flood(&mut caller, &mut witness, 40).await;
    for n in 0..200 {
        assert_eq!(slow.event().await[1], n);
    }
    // And is live again.
    caller.result("gauge", "flood", json!([200, 1, 1])).await;
    assert_eq!(slow.event().await[1], 200);
    assert_eq!(events.of(&slow.id), ["connected"]);
    slow.no_event().await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_vanished_without_a_word_is_disconnected_once_nothing_can_be_written() {
    watch_panics();
    let (builder, events) = builder();
    let server = Server::memory(builder.hub(Gauge::default()));
    let mut caller = server.client(&["conformance", "gauge"]).await;
    let gone = server.client(&["conformance", "gauge"]).await;
    // More than the pipe takes.
    for n in 0..10 {
        caller
            .result("gauge", "flood", json!([n, 1, 100_000]))
            .await;
    }
    caller.socket.events.clear();
    let began = Instant::now();
    let seconds = Duration::from_secs;
    while events.of(&gone.id) == ["connected"] {
        assert!(began.elapsed() < seconds(100), "never");
        let keep_alives = timeout(Duration::from_millis(50), caller.socket.stream().next()).await;
        assert!(
            !matches!(keep_alives, Ok(None | Some(Err(_)))),
            "the caller lives"
        );
    }
    assert_eq!(events.of(&gone.id), ["connected", "disconnected:false"]);
    // 30 s of blocked writing, 30 s of absence, 5 s of grace, and two beats; a moment to say goodbye.
    let (least, most) = (seconds(65), seconds(65 + 10) + Duration::from_millis(300));
    assert!(
        (least..=most).contains(&began.elapsed()),
        "{:?}",
        began.elapsed()
    );
    caller.result("conformance", "Add", json!([1, 2])).await;
    assert_eq!(events.of(&caller.id), ["connected"]);
}

#[tokio::test]
async fn connections_that_come_and_go_leave_no_memory_behind() {
    if !alone("connections_that_come_and_go_leave_no_memory_behind") {
        return;
    }
    let (server, events) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let come_and_go = async |n: usize| {
        for _ in 0..n {
            let mut client = server.client(&["conformance"]).await;
            client
                .result("conformance", "Join", json!([client.id]))
                .await;
            client.abort().await;
            assert_eq!(client.socket.end().await, Some(1000));
        }
    };
    come_and_go(300).await;
    let before = memory();
    come_and_go(1_000).await;
    let grown = memory().saturating_sub(before);
    // The test's own record of events, and the log's thousand idle topics.
    assert!(grown < 3 * 1024, "{grown} KiB");
    drop(events);
    undisturbed(&server, &mut bystander).await;
}
