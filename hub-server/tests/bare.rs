//! WebSockets without negotiation: one URL, and frames flow (`conformance-app.md`, `/bare`).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::hubs::{Conformance, Demo, Events, GroupJoiningHub, OnConnectedBufferHub, builder};
use common::{Server, Socket, within};
use hub_server::{Builder, Context, HubError, HubServer, hub};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{Instant, interval, timeout};

/// Hubs that let everybody in at once.
fn friendly() -> (Builder, Events) {
    let conformance = Conformance::default();
    let events = conformance.events.clone();
    let builder = HubServer::builder()
        .hub(conformance)
        .hub(Demo)
        .hub(GroupJoiningHub);
    (builder, events)
}

async fn server() -> (Server, Events) {
    let (builder, events) = friendly();
    (Server::tcp(builder).await, events)
}

fn listing(server: &Server, verb: &str, hubs: &[&str]) -> String {
    let data: Vec<Value> = hubs.iter().map(|hub| json!({"name": hub})).collect();
    server.target(verb, &[("connectionData", &Value::from(data).to_string())])
}

async fn answer(socket: &mut Socket, hub: &str, method: &str, args: Value) -> Value {
    socket
        .send(&json!({"H": hub, "M": method, "A": args, "I": "a"}))
        .await;
    socket.answer("a").await
}

/// Opens a socket, takes the init frame, and asks for the connection's id.
async fn open(server: &Server, target: &str) -> (Socket, String) {
    let mut socket = server.upgrade(target, &[]).await.unwrap();
    let init = socket.frame().await;
    assert_eq!((&init["S"], &init["M"]), (&json!(1), &json!([])), "{init}");
    let asked = answer(&mut socket, "conformance", "request", json!([])).await;
    let id = asked["R"]["connectionId"].as_str().unwrap().to_owned();
    (socket, id)
}

#[tokio::test]
async fn a_socket_on_the_mount_or_on_connect_is_a_connection() {
    let (server, events) = server().await;
    for target in [
        "/signalr",
        "/signalr/",
        "/signalr/connect",
        "/SIGNALR/Connect?x=1",
    ] {
        let (mut socket, id) = open(&server, target).await;
        assert_eq!(events.of(&id), ["connected"], "{target}");
        assert_eq!(
            answer(&mut socket, "CONFORMANCE", "add", json!([40, 2])).await,
            json!({"R": 42, "I": "a"})
        );
    }
}

/// A hub that takes its time.
struct Patient(Arc<Notify>);

#[hub(name = "patient")]
impl Patient {
    async fn on_connected(&self, _cx: &Context) -> Result<(), HubError> {
        self.0.notified().await;
        Ok(())
    }

    async fn on_disconnected(&self, _cx: &Context, _stopped: bool) -> Result<(), HubError> {
        self.0.notified().await;
        Ok(())
    }
}

#[tokio::test]
async fn the_handshake_is_over_before_on_connected_is() {
    let ready = Arc::new(Notify::new());
    let server = Server::tcp(HubServer::builder().hub(Patient(ready.clone()))).await;
    let target = "/signalr?persistentId=7d9f6a34-3f0e-4a51-9a59-0a9f0c3d8b11";
    let mut socket = within(server.upgrade(target, &[])).await.unwrap();
    ready.notify_one();
    assert_eq!(socket.frame().await["S"], 1);
    // Nor does it wait until the hub has heard of the end of an older connection, which is waited for no longer than 5 s.
    let upgraded = timeout(Duration::from_secs(4), server.upgrade(target, &[])).await;
    let mut newer = upgraded.expect("it waited").unwrap();
    let greeted = async {
        let mut release = interval(Duration::from_millis(10));
        loop {
            tokio::select! {
                frame = newer.frame() => return frame,
                _ = release.tick() => ready.notify_one(),
            }
        }
    };
    assert_eq!(within(greeted).await["S"], 1);
}

#[tokio::test]
async fn the_init_frame_comes_first_also_when_on_connected_sends() {
    let (server, _) = server().await;
    for _ in 0..20 {
        let target = listing(&server, "", &["groupJoiningHub"]);
        let mut socket = server.upgrade(&target, &[]).await.unwrap();
        let init = socket.frame().await;
        assert_eq!((&init["S"], &init["M"]), (&json!(1), &json!([])), "{init}");
        assert_eq!(socket.event().await, json!(["ping"]));
    }
}

#[tokio::test]
async fn it_listens_to_the_hubs_that_it_lists_and_to_all_if_it_lists_none() {
    let (server, events) = server().await;
    let (mut all, _) = open(&server, "/signalr").await;
    assert_eq!(all.event().await, json!(["ping"]), "of groupJoiningHub");
    let (mut some, some_id) = open(&server, &listing(&server, "", &["conformance"])).await;
    let (mut none, none_id) = open(&server, &listing(&server, "", &["demo"])).await;
    let mut caller = server.client(&["conformance"]).await;
    caller
        .result("conformance", "Broadcast", json!(["x"]))
        .await;
    let message = json!(["message", caller.id, "x"]);
    assert_eq!(all.event().await, message);
    assert_eq!(some.event().await, message);
    // All that was sent before is there before the answer.
    answer(&mut none, "conformance", "Nothing", json!([])).await;
    assert!(none.events.is_empty(), "{:?}", none.events);
    assert_eq!(events.of(&some_id), ["connected"]);
    assert!(events.of(&none_id).is_empty());
}

#[tokio::test]
async fn its_hubs_must_exist() {
    let (server, _) = server().await;
    let refusal = server
        .upgrade(&listing(&server, "", &["nosuch"]), &[])
        .await;
    assert_eq!(refusal.err().map(|(status, _)| status), Some(500));
}

#[tokio::test]
async fn it_joins_groups_and_is_told_its_token() {
    let (server, _) = server().await;
    let (mut socket, _) = open(&server, &listing(&server, "", &["conformance"])).await;
    answer(&mut socket, "conformance", "Join", json!(["room"])).await;
    let mut caller = server.client(&["conformance"]).await;
    caller
        .result("conformance", "SendGroup", json!(["room", "x"]))
        .await;
    assert_eq!(socket.event().await, json!(["groupMessage", "room", "x"]));
    assert!(socket.groups.is_some());
}

#[tokio::test]
async fn a_foreign_origin_is_403_and_its_own_or_an_allowed_one_is_accepted() {
    let (builder, _) = friendly();
    let server = Server::tcp(builder.allow_origin("https://friend.example:8443")).await;
    for (origin, accepted) in [
        (None, true),
        (Some("http://test.example"), true),
        (Some("https://TEST.example"), true),
        (Some("https://friend.example:8443"), true),
        (Some("https://FRIEND.example:8443"), true),
        (Some("http://friend.example:8443"), false),
        (Some("https://friend.example"), false),
        (Some("https://evil.example"), false),
        (Some("http://test.example.evil.example"), false),
        (Some("http://eviltest.example"), false),
        (Some("http://test.example:81"), false),
        (Some("null"), false),
        (Some(""), false),
        (Some("http://evil.example/test.example"), false),
        (Some("http://test.example@evil.example"), false),
    ] {
        let headers: Vec<_> = origin
            .map(|origin| ("Origin", origin))
            .into_iter()
            .collect();
        for target in ["/signalr", "/signalr/connect"] {
            let answer = server.upgrade(target, &headers).await.map(drop);
            let expected = if accepted {
                Ok(())
            } else {
                Err((403, String::new()))
            };
            assert_eq!(answer, expected, "{origin:?}");
        }
    }
}

#[tokio::test]
async fn the_origin_of_a_negotiated_socket_is_not_checked() {
    // The token is what guards it, and CORS guards the token.
    let (server, _) = server().await;
    let client = server.connected(&["conformance"], None).await;
    let target = server.target("/connect", &client.query(&[]));
    let origin = [("Origin", "https://evil.example")];
    assert!(server.upgrade(&target, &origin).await.is_ok());
}

#[tokio::test]
async fn a_request_that_names_a_transport_or_a_token_is_no_bare_one() {
    let (server, _) = server().await;
    let status = async |query: &[(&str, &str)]| {
        let target = server.target("/connect", query);
        server.upgrade(&target, &[]).await.err()
    };
    let missing = (400, "Protocol error: Missing connection token.".to_owned());
    let unknown = (400, "Protocol error: Unknown transport.".to_owned());
    assert_eq!(
        status(&[("transport", "webSockets")]).await,
        Some(missing.clone())
    );
    assert_eq!(
        status(&[("transport", "webSockets"), ("connectionToken", "")]).await,
        Some(missing)
    );
    assert_eq!(
        status(&[("connectionToken", "x")]).await,
        Some(unknown.clone())
    );
    assert_eq!(status(&[("transport", "")]).await, Some(unknown));
}

#[tokio::test]
async fn verbs_that_are_no_receive_requests_do_not_become_sockets() {
    let (server, _) = server().await;
    for verb in ["/start", "/abort"] {
        let refusal = server.upgrade(&server.target(verb, &[]), &[]).await.err();
        assert_eq!(refusal.map(|(status, _)| status), Some(400), "{verb}");
    }
    for verb in ["/negotiate", "/ping", "/hubs"] {
        let refusal = server.upgrade(&server.target(verb, &[]), &[]).await.err();
        assert_eq!(refusal.map(|(status, _)| status), Some(200), "{verb}");
    }
}

#[tokio::test]
async fn switched_off_it_is_400() {
    let (builder, _) = friendly();
    let server = Server::tcp(builder.bare_websockets(false)).await;
    for target in ["/signalr", "/signalr/connect"] {
        let refusal = server.upgrade(target, &[]).await.err();
        assert_eq!(
            refusal,
            Some((400, "Protocol error: Unknown transport.".to_owned()))
        );
    }
    drop(server.client(&["conformance"]).await);
}

#[tokio::test]
async fn who_is_refused_by_the_authentication_gets_no_socket() {
    let (builder, _) = builder();
    let server = Server::tcp(builder).await;
    let refusal = server.upgrade("/signalr", &[("X-User", "refused")]).await;
    assert_eq!(refusal.err(), Some((401, String::new())));
    let target = listing(&server, "", &["conformance"]);
    let mut ann = server.upgrade(&target, &[("X-User", "ann")]).await.unwrap();
    let asked = answer(&mut ann, "conformance", "request", json!([])).await;
    assert_eq!(asked["R"]["user"], "ann");
}

#[tokio::test]
async fn a_closing_handshake_is_a_stop_at_once() {
    let (server, events) = server().await;
    let (mut socket, id) = open(&server, "/signalr").await;
    within(socket.stream().close(None)).await.unwrap();
    assert_eq!(socket.end().await, Some(1000));
    events
        .become_for(&id, &["connected", "disconnected:true"])
        .await;
}

#[tokio::test]
async fn a_cut_socket_is_a_loss_at_once() {
    let (server, events) = server().await;
    let (socket, id) = open(&server, "/signalr").await;
    drop(socket);
    events
        .become_for(&id, &["connected", "disconnected:false"])
        .await;
}

#[tokio::test]
async fn a_connection_that_aborts_itself_is_closed_and_stopped() {
    let (server, events) = server().await;
    let (mut socket, id) = open(&server, "/signalr").await;
    socket
        .send(&json!({"H": "conformance", "M": "Abort", "A": [], "I": 1}))
        .await;
    assert_eq!(socket.end().await, Some(1000));
    events
        .become_for(&id, &["connected", "disconnected:true"])
        .await;
}

#[tokio::test]
async fn a_failing_on_connected_closes_it() {
    let (builder, events) = builder();
    let server = Server::tcp(builder).await;
    let target = listing(&server, "", &["conformance", "failing"]);
    let mut socket = server.upgrade(&target, &[]).await.unwrap();
    assert_eq!(socket.end().await, Some(1000));
    // The server still serves.
    let (_socket, id) = open(&server, &listing(&server, "", &["conformance"])).await;
    assert_eq!(events.of(&id), ["connected"]);
}

#[tokio::test(start_paused = true)]
async fn what_on_connected_sends_is_there_once_it_is_done() {
    let server = Server::memory(HubServer::builder().hub(OnConnectedBufferHub));
    let began = Instant::now();
    let mut socket = server.upgrade("/signalr", &[]).await.unwrap();
    assert_eq!(socket.frame().await["S"], 1);
    assert_eq!(socket.event().await, json!(["bufferMe", 0]));
    assert_eq!(socket.event().await, json!(["bufferMe", 1]));
    assert!(began.elapsed() <= Duration::from_secs(5));
}

#[tokio::test]
async fn item_70_dropping_the_server_ends_bare_sockets_and_tells_nobody() {
    let (server, events) = server().await;
    let (mut socket, id) = open(&server, "/signalr").await;
    drop(server);
    assert_eq!(socket.end().await, Some(1000));
    assert_eq!(events.of(&id), ["connected"]);
}
