//! From connect to started, for new clients and for old ones (`classic-signalr.md` 7, checklist "Start").
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::hubs::{Events, builder};
use common::{Server, Socket, within};
use serde_json::{Value, json};
use tokio::time::Instant;

/// A connection that was negotiated and nothing else, for requests of any version.
struct Negotiated<'a> {
    server: &'a Server,
    id: String,
    token: String,
    data: String,
}

impl<'a> Negotiated<'a> {
    async fn new(server: &'a Server, hubs: &[&str]) -> Self {
        let data: Vec<Value> = hubs.iter().map(|hub| json!({"name": hub})).collect();
        let data = Value::from(data).to_string();
        let fields = server
            .get("/negotiate", &[("connectionData", &data)])
            .await
            .json();
        let text = |name: &str| fields[name].as_str().unwrap().to_owned();
        Self {
            server,
            id: text("ConnectionId"),
            token: text("ConnectionToken"),
            data,
        }
    }

    fn target(&self, verb: &str, version: Option<&str>) -> String {
        let mut query = vec![
            ("transport", "webSockets"),
            ("connectionData", &*self.data),
            ("connectionToken", &*self.token),
        ];
        query.extend(version.map(|version| ("clientProtocol", version)));
        self.server.target(verb, &query)
    }

    async fn connect(&self, version: Option<&str>) -> Socket {
        let target = self.target("/connect", version);
        self.server.upgrade(&target, &[]).await.unwrap()
    }

    async fn start(&self) -> u16 {
        let target = self.target("/start", Some("2.1"));
        self.server.raw("GET", &target, &[]).await.status
    }
}

async fn server() -> (Server, Events) {
    let (builder, events) = builder();
    (Server::tcp(builder).await, events)
}

/// The answer to a call, by id, on a socket that has no client around it.
async fn call(socket: &mut Socket, method: &str, args: Value) -> Value {
    socket
        .send(&json!({"H": "conformance", "M": method, "A": args, "I": "call"}))
        .await;
    socket.answer("call").await
}

#[tokio::test]
async fn item_16_the_first_frame_after_connect_is_cursor_init_and_no_messages() {
    let (server, _) = server().await;
    let negotiated = Negotiated::new(&server, &["conformance", "demo"]).await;
    let text = negotiated.connect(Some("2.1")).await.text().await;
    let cursor = text
        .strip_prefix("{\"C\":\"")
        .and_then(|rest| rest.strip_suffix("\",\"S\":1,\"M\":[]}"));
    assert!(
        cursor.is_some_and(|cursor| cursor.starts_with("d-")),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn item_16_the_first_frame_is_the_init_frame_also_amid_broadcasts() {
    let (server, _) = server().await;
    let mut noisy = server.client(&["conformance"]).await;
    let quiet = Arc::new(AtomicBool::new(false));
    let noise = async {
        while !quiet.load(Ordering::Relaxed) {
            for _ in 0..50 {
                noisy.send("conformance", "Broadcast", json!(["x"])).await;
            }
            noisy.result("conformance", "Nothing", json!([])).await;
            noisy.socket.events.clear();
        }
    };
    let comers = async {
        for _ in 0..150 {
            // Fails unless the first frame has `S` and an empty `M`.
            drop(server.connected(&["conformance"], None).await);
            let target = server.target("", &[("connectionData", r#"[{"name":"conformance"}]"#)]);
            let bare = server.upgrade(&target, &[]).await.unwrap().frame().await;
            assert_eq!((&bare["S"], &bare["M"]), (&json!(1), &json!([])), "{bare}");
        }
        quiet.store(true, Ordering::Relaxed);
    };
    tokio::join!(noise, comers);
}

#[tokio::test(start_paused = true)]
async fn item_17_start_runs_on_connected_and_waits_for_it() {
    let (builder, events) = builder();
    let server = Server::memory(builder);
    let client = server
        .connected(&["conformance", "onConnectedBufferHub"], None)
        .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(events.of(&client.id).is_empty(), "not before start");
    let asked = Instant::now();
    assert_eq!(client.get("/start").await.status, 200);
    assert_eq!(asked.elapsed(), Duration::from_secs(5));
    assert_eq!(events.of(&client.id), ["connected"]);
}

#[tokio::test(start_paused = true)]
async fn item_21_messages_of_on_connected_come_in_order_before_start_is_answered() {
    let (builder, _) = builder();
    let server = Server::memory(builder);
    let mut client = server.connected(&["onConnectedBufferHub"], None).await;
    let asked = Instant::now();
    let mut socket = std::mem::take(&mut client.socket);
    let messages = async {
        assert_eq!(socket.event().await, json!(["bufferMe", 0]));
        assert_eq!(socket.event().await, json!(["bufferMe", 1]));
        assert_eq!(asked.elapsed(), Duration::ZERO);
    };
    let (started, ()) = tokio::join!(client.get("/start"), messages);
    assert_eq!(started.status, 200);
    let again = call(&mut socket, "Nothing", json!([])).await;
    assert_eq!(again, json!({"I": "call"}));
    assert!(socket.events.is_empty(), "exactly once");
}

#[tokio::test]
async fn item_21_a_group_joined_in_on_connected_is_heard_at_once() {
    let (server, _) = server().await;
    let mut client = server.client(&["groupJoiningHub"]).await;
    assert_eq!(client.event().await, json!(["ping"]));
}

#[tokio::test]
async fn item_18_a_failing_on_connected_fails_start_and_leaves_the_socket_open() {
    let (server, events) = server().await;
    // One that fails at once keeps those after it from being told.
    for (hubs, told) in [
        (["failing", "conformance"], &[][..]),
        (["conformance", "failing"], &["connected"]),
    ] {
        let mut client = server.connected(&hubs, None).await;
        let started = client.get("/start").await;
        assert_eq!((started.status, &*started.body), (500, ""));
        assert_eq!(events.of(&client.id), told);
        assert_eq!(client.result("conformance", "Add", json!([1, 2])).await, 3);
        client.abort().await;
        let after: Vec<&str> = told.iter().copied().chain(["disconnected:true"]).collect();
        events.become_for(&client.id, &after).await;
    }
}

#[tokio::test]
async fn item_18_an_old_clients_connect_fails_with_its_on_connected() {
    let (server, events) = server().await;
    let negotiated = Negotiated::new(&server, &["conformance", "failing"]).await;
    let target = negotiated.target("/connect", Some("1.3"));
    let mut socket = server.upgrade(&target, &[]).await.unwrap();
    assert_eq!(socket.end().await, Some(1000));
    assert_eq!(events.of(&negotiated.id), ["connected"]);
}

#[tokio::test]
async fn item_19_an_old_client_is_connected_before_its_init_frame_and_needs_no_start() {
    let (server, events) = server().await;
    for version in [Some("1.3"), Some("1.2"), Some("1.0"), Some("garbage"), None] {
        let negotiated = Negotiated::new(&server, &["conformance"]).await;
        let mut socket = negotiated.connect(version).await;
        assert_eq!(socket.frame().await["S"], 1, "{version:?}");
        assert_eq!(events.of(&negotiated.id), ["connected"], "{version:?}");
        assert_eq!(call(&mut socket, "Add", json!([1, 2])).await["R"], 3);
    }
    for version in ["1.4", "1.5", "2.0", "2.1", "3.7"] {
        let negotiated = Negotiated::new(&server, &["conformance"]).await;
        let mut socket = negotiated.connect(Some(version)).await;
        assert_eq!(socket.frame().await["S"], 1);
        assert!(events.of(&negotiated.id).is_empty(), "{version}");
    }
}

#[tokio::test]
async fn item_19_the_version_of_the_connect_request_decides_not_that_of_negotiate() {
    let (server, events) = server().await;
    let client = server.connected(&["conformance"], None).await;
    assert!(events.of(&client.id).is_empty());
    let mut old = client
        .server
        .upgrade(
            &server.target(
                "/connect",
                &[
                    ("transport", "webSockets"),
                    ("connectionData", &client.data),
                    ("connectionToken", &client.token),
                ],
            ),
            &[],
        )
        .await
        .unwrap();
    assert_eq!(old.frame().await["S"], 1);
    assert!(
        events.of(&client.id).is_empty(),
        "a connection that is known already is not told"
    );
}

#[tokio::test(start_paused = true)]
async fn item_19_messages_of_an_old_clients_on_connected_come_before_its_init_frame() {
    let (builder, _) = builder();
    let server = Server::memory(builder);
    let negotiated = Negotiated::new(&server, &["onConnectedBufferHub"]).await;
    let began = Instant::now();
    let mut socket = negotiated.connect(Some("1.3")).await;
    assert_eq!(socket.event().await, json!(["bufferMe", 0]));
    assert_eq!(socket.event().await, json!(["bufferMe", 1]));
    let init = socket.frame().await;
    assert_eq!((&init["S"], &init["M"]), (&json!(1), &json!([])));
    assert_eq!(began.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn item_19_a_second_connect_of_an_old_client_waits_for_the_one_on_connected() {
    let (builder, events) = builder();
    let server = Server::memory(builder);
    let negotiated = Negotiated::new(&server, &["conformance", "onConnectedBufferHub"]).await;
    let began = Instant::now();
    let later = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        negotiated.connect(Some("1.3")).await
    };
    let (_first, mut second) = tokio::join!(negotiated.connect(Some("1.3")), later);
    while second.frame().await["S"] != 1 {}
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    assert_eq!(events.of(&negotiated.id), ["connected"]);
}

#[tokio::test]
async fn item_20_a_second_connect_ends_the_first_and_on_connected_runs_once() {
    let (server, events) = server().await;
    let mut client = server.connected(&["conformance"], None).await;
    let mut second = client.open("/connect", &[]).await.unwrap();
    assert_eq!(client.socket.end().await, Some(1000));
    assert_eq!(second.frame().await["S"], 1);
    assert!(events.of(&client.id).is_empty());
    assert_eq!(client.get("/start").await.status, 200);
    assert_eq!(events.of(&client.id), ["connected"]);
    client.socket = second;
    client
        .result("conformance", "Broadcast", json!(["x"]))
        .await;
    assert_eq!(client.event().await, json!(["message", client.id, "x"]));
    client.no_event().await;
}

#[tokio::test]
async fn start_works_before_connect_and_again_and_calls_before_start() {
    let (server, events) = server().await;
    let negotiated = Negotiated::new(&server, &["conformance"]).await;
    assert_eq!(negotiated.start().await, 200);
    assert_eq!(events.of(&negotiated.id), ["connected"]);
    let mut socket = negotiated.connect(Some("2.1")).await;
    assert_eq!(socket.frame().await["S"], 1);
    assert_eq!(call(&mut socket, "Add", json!([1, 2])).await["R"], 3);
    assert_eq!(negotiated.start().await, 200);
    assert_eq!(negotiated.start().await, 200);
    assert_eq!(
        events.of(&negotiated.id),
        ["connected", "connected", "connected"]
    );
}

#[tokio::test]
async fn calls_and_messages_work_without_any_start() {
    let (server, events) = server().await;
    let mut client = server.connected(&["conformance"], None).await;
    client
        .result("conformance", "Broadcast", json!(["x"]))
        .await;
    assert_eq!(client.event().await, json!(["message", client.id, "x"]));
    client.abort().await;
    events.become_for(&client.id, &["disconnected:true"]).await;
}

/// Sends a request and hangs up once it is on its way.
async fn hang_up(server: &Server, target: &str, headers: &str) {
    use tokio::io::AsyncWriteExt;
    let mut socket = server.dial().await;
    let head = format!("GET {target} HTTP/1.1\r\nHost: test.example\r\n{headers}\r\n");
    within(socket.write_all(head.as_bytes())).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(socket);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_while_start_runs_does_not_cut_on_connected_short() {
    let (builder, _) = builder();
    let server = Server::memory(builder.hub(SlowStart::default()));
    let client = server.connected(&["slowStart"], None).await;
    hang_up(&server, &server.target("/start", &client.query(&[])), "").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut witness = server.connected(&["slowStart"], None).await;
    assert_eq!(witness.result("slowStart", "finished", json!([])).await, 1);
}

#[tokio::test(start_paused = true)]
async fn an_old_client_that_hangs_up_while_it_connects_is_disconnected_in_time() {
    let (builder, events) = builder();
    let server = Server::memory(builder);
    let negotiated = Negotiated::new(&server, &["conformance", "onConnectedBufferHub"]).await;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    hang_up(
        &server,
        &negotiated.target("/connect", Some("1.3")),
        upgrade,
    )
    .await;
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(
        events.of(&negotiated.id),
        ["connected", "disconnected:false"]
    );
}

/// Counts how often its `on_connected` came to its end.
#[derive(Default)]
struct SlowStart {
    finished: std::sync::atomic::AtomicU32,
}

#[hub_server::hub]
impl SlowStart {
    async fn on_connected(&self) {
        tokio::time::sleep(Duration::from_secs(3)).await;
        self.finished.fetch_add(1, Ordering::SeqCst);
    }

    fn finished(&self) -> u32 {
        self.finished.load(Ordering::SeqCst)
    }
}
