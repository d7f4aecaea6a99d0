//! The older clients' ways, byte for byte as they put them on the wire (`classic-signalr.md` 14.2 to 14.5): Java,
//! Objective-C, Python, .NET.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::hubs::{Events, builder};
use common::receive::{Ended, FORM, payload_of};
use common::{Response, Server, Socket, within};
use serde_json::{Value, json};

/// `[{"name":"conformance"}]`, as clients that escape it do.
const DATA: &str = "%5B%7B%22name%22%3A%22conformance%22%7D%5D";

async fn server() -> (Server, Events) {
    let (builder, events) = builder();
    (Server::tcp(builder).await, events)
}

/// A client that writes its queries itself.
struct Old<'a> {
    server: &'a Server,
    id: String,
    /// The query that all its requests have after the transport.
    query: String,
    cursor: String,
    groups: Option<String>,
}

impl<'a> Old<'a> {
    /// Negotiates with this query; `query` is made of the token for the requests that follow.
    async fn negotiate(
        server: &'a Server,
        negotiate: &str,
        query: impl FnOnce(&str) -> String,
    ) -> (Self, Value) {
        let target = format!("/signalr/negotiate?{negotiate}");
        let answer = server.raw("GET", &target, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let fields = answer.json();
        let token = escaped(fields["ConnectionToken"].as_str().unwrap());
        let old = Self {
            server,
            id: fields["ConnectionId"].as_str().unwrap().to_owned(),
            query: query(&token),
            cursor: String::new(),
            groups: None,
        };
        (old, fields)
    }

    fn target(&self, verb: &str, transport: &str, more: &str) -> String {
        format!("/signalr/{verb}?transport={transport}&{}{more}", self.query)
    }

    fn take(&mut self, payload: &Value) {
        self.cursor = payload["C"].as_str().unwrap().to_owned();
        let groups = payload["G"].as_str().map(ToOwned::to_owned);
        self.groups = groups.or(self.groups.take());
    }

    /// What it knows, unescaped.
    fn way_back(&self) -> String {
        let groups = self.groups.as_ref();
        let groups = groups.map(|groups| format!("&groupsToken={groups}"));
        format!("&messageId={}{}", self.cursor, groups.unwrap_or_default())
    }

    /// One poll, to its end.
    async fn poll(&mut self, method: &str, verb: &str, more: &str) -> Value {
        let target = self.target(verb, "longPolling", more);
        let form = (method == "POST").then_some("");
        let mut poll = within(self.server.ask(&target, &[], form)).await;
        assert_eq!(poll.status, 200);
        let body = poll.body().await;
        let payload = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"));
        self.take(&payload);
        payload
    }

    async fn send(&self, transport: &str, method: &str, args: Value) -> Response {
        let call = json!({"H": "conformance", "M": method, "A": args, "I": 0}).to_string();
        let body = format!("data={}", escaped(&call));
        let target = self.target("send", transport, "");
        let headers = [("Content-Type", FORM)];
        let answer = self.server.post(&target, &headers, body.as_bytes()).await;
        assert_eq!(answer.status, 200);
        answer
    }
}

/// A call in the socket, as all send where they have one.
async fn say(socket: &mut Socket, method: &str, args: Value) {
    let call = json!({"H": "Conformance", "M": method, "A": args, "I": 0});
    socket.send(&call).await;
}

fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The message that `Caller` sends.
fn message(payload: &Value) -> &Value {
    &payload["M"][0]["A"][1]
}

async fn java(server: &Server) -> Old<'_> {
    let negotiate = format!("clientProtocol=1.3&connectionData={DATA}");
    let query = |token: &str| format!("connectionToken={token}&connectionData={DATA}");
    let (java, fields) = Old::negotiate(server, &negotiate, query).await;
    assert_eq!(fields["ProtocolVersion"], "1.3");
    // It reads all of these, and fails on null.
    for name in [
        "Url",
        "ConnectionId",
        "ConnectionToken",
        "DisconnectTimeout",
        "TryWebSockets",
    ] {
        assert!(!fields[name].is_null(), "{name}");
    }
    java
}

#[tokio::test]
async fn java_names_its_version_to_negotiate_alone_polls_with_get_and_never_starts() {
    let (server, events) = server().await;
    let mut java = java(&server).await;
    let init = java.poll("GET", "connect", "").await;
    assert_eq!(init["S"], 1, "{init}");
    // The connect request names no version: it is connected already.
    assert_eq!(events.of(&java.id), ["connected"]);
    for n in 0..5 {
        let text = format!("{n} + \u{e4}");
        java.send("longPolling", "Caller", json!([text])).await;
        let more = format!("&messageId={}", java.cursor);
        let payload = java.poll("GET", "poll", &more).await;
        assert_eq!(message(&payload), &json!(text), "{payload}");
        assert!(payload.get("S").is_none(), "{payload}");
    }
    assert_eq!(events.of(&java.id), ["connected"]);
    let abort = java.target("abort", "longPolling", "");
    assert_eq!(server.post(&abort, &[], b"").await.status, 200);
    let told = ["connected", "disconnected:true"];
    events.become_for(&java.id, &told).await;
}

#[tokio::test]
async fn java_leaves_the_plus_signs_of_its_groups_token_raw() {
    let (server, _) = server().await;
    for transport in ["longPolling", "webSockets"] {
        let mut java = java(&server).await;
        java.poll("GET", "connect", "").await;
        // Each change is told with a new token; most have a plus sign.
        for n in 0.. {
            let group = format!("g{n}");
            java.send("longPolling", "Join", json!([group])).await;
            let more = java.way_back();
            java.poll("GET", "poll", &more).await;
            if java.groups.as_ref().unwrap().contains('+') {
                break;
            }
        }
        let back = java.way_back();
        if transport == "longPolling" {
            let target = java.target("poll", transport, &back);
            let mut poll = server.ask(&target, &[], None).await;
            java.send(transport, "SendGroup", json!(["g0", "hi"])).await;
            let payload: Value = serde_json::from_str(&poll.body().await).unwrap();
            assert_eq!(message(&payload), "hi", "{payload}");
        } else {
            let target = java.target("reconnect", transport, &back);
            let mut socket = server.upgrade(&target, &[]).await.unwrap();
            say(&mut socket, "SendGroup", json!(["g0", "hi"])).await;
            let heard = json!(["groupMessage", "g0", "hi"]);
            assert_eq!(socket.event().await, heard);
        }
    }
}

#[tokio::test]
async fn java_leaves_the_reserved_characters_of_a_cursor_raw() {
    let (server, events) = server().await;
    // Those of an original server that this one has replaced.
    for cursor in ["d-4E3C7594-B,2|C,0|D,2|E,0", "s-0,2F|1,FFFFFFFFFFFFFFFF"] {
        let mut java = java(&server).await;
        let more = format!("&messageId={cursor}");
        let target = java.target("reconnect", "webSockets", &more);
        let mut socket = server.upgrade(&target, &[]).await.unwrap();
        say(&mut socket, "Caller", json!(["hi"])).await;
        assert_eq!(socket.event().await[2], "hi");
        events.become_for(&java.id, &["reconnected:epoch"]).await;
        let target = java.target("poll", "longPolling", &more);
        let mut poll = server.ask(&target, &[], None).await;
        java.send("longPolling", "Caller", json!(["ho"])).await;
        let payload: Value = serde_json::from_str(&poll.body().await).unwrap();
        java.take(&payload);
        assert_eq!(message(&payload), "ho");
    }
}

#[tokio::test]
async fn objective_c_names_version_1_3_on_every_request_and_never_starts() {
    let (server, events) = server().await;
    let all = format!("clientProtocol=1.3&connectionData={DATA}");
    let query = |token: &str| format!("{all}&connectionToken={token}");
    for transport in ["serverSentEvents", "longPolling", "webSockets"] {
        let (mut objc, fields) = Old::negotiate(&server, &all, query).await;
        assert_eq!(fields["ProtocolVersion"], "1.3");
        let target = objc.target("connect", transport, "");
        let mut socket = Socket::default();
        let mut stream = None;
        match transport {
            "webSockets" => {
                socket = server.upgrade(&target, &[]).await.unwrap();
                assert_eq!(socket.frame().await["S"], 1);
            }
            "serverSentEvents" => {
                let mut events = server.ask(&target, &[], None).await;
                assert_eq!(events.unit().await.unwrap(), "data: initialized\n\n");
                let init = payload_of(&events.unit().await.unwrap()).unwrap();
                assert_eq!(init["S"], 1);
                stream = Some(events);
            }
            _ => assert_eq!(objc.poll("GET", "connect", "").await["S"], 1),
        }
        assert_eq!(events.of(&objc.id), ["connected"], "{transport}");
        let text = if transport == "webSockets" {
            say(&mut socket, "Caller", json!(["hi"])).await;
            socket.event().await[2].clone()
        } else {
            // It wants JSON, and looks at the content type.
            let answer = objc.send(transport, "Caller", json!(["hi"])).await;
            let json = "application/json; charset=UTF-8";
            assert_eq!(answer.headers["content-type"], json);
            assert_eq!(answer.json(), json!({"I": "0"}));
            let payload = match &mut stream {
                Some(stream) => payload_of(&stream.unit().await.unwrap()).unwrap(),
                None => {
                    let more = format!("&messageId={}", escaped(&objc.cursor));
                    objc.poll("GET", "poll", &more).await
                }
            };
            message(&payload).clone()
        };
        assert_eq!(text, "hi", "{transport}");
    }
}

#[tokio::test]
async fn python_starts_without_waiting_for_the_first_payload() {
    let (server, events) = server().await;
    // Hub names in the casing that its user chose.
    let data = "%5B%7B%22name%22%3A+%22CONFORMANCE%22%7D%5D";
    for transport in ["webSockets", "serverSentEvents"] {
        for _ in 0..10 {
            let all = format!("connectionData={data}&clientProtocol=1.5");
            let query = |token: &str| format!("connectionToken={token}&{all}");
            let (python, fields) = Old::negotiate(&server, &all, query).await;
            assert_eq!(fields["ProtocolVersion"], "1.5");
            let connect = python.target("connect", transport, "");
            let start = python.target("start", transport, "");
            let started = |answer: Response| assert_eq!(answer.json()["Response"], "started");
            let ended = if transport == "webSockets" {
                let mut socket = server.upgrade(&connect, &[]).await.unwrap();
                started(server.raw("GET", &start, &[]).await);
                assert_eq!(events.of(&python.id), ["connected"]);
                assert_eq!(socket.frame().await["S"], 1);
                say(&mut socket, "Caller", json!(["hi"])).await;
                assert_eq!(socket.event().await[2], "hi");
                abort(&python, "GET", transport).await;
                socket.end().await == Some(1000)
            } else {
                let mut stream = server.ask(&connect, &[], None).await;
                started(server.raw("GET", &start, &[]).await);
                assert_eq!(events.of(&python.id), ["connected"]);
                stream.unit().await.unwrap();
                let init = payload_of(&stream.unit().await.unwrap()).unwrap();
                assert_eq!(init["S"], 1);
                // It reads every answer to a send as JSON.
                let answer = python.send(transport, "Caller", json!(["hi"])).await;
                assert_eq!(answer.json(), json!({"I": "0"}));
                let payload = payload_of(&stream.unit().await.unwrap()).unwrap();
                assert_eq!(message(&payload), "hi");
                abort(&python, "GET", transport).await;
                stream.body().await;
                stream.ended == Some(Ended::Complete)
            };
            assert!(ended, "{transport}");
            let told = ["connected", "disconnected:true"];
            events.become_for(&python.id, &told).await;
        }
    }
}

#[tokio::test]
async fn python_may_start_even_before_the_transport_is_open() {
    let (server, events) = server().await;
    let all = format!("connectionData={DATA}&clientProtocol=1.5");
    for _ in 0..20 {
        let query = |token: &str| format!("connectionToken={token}&{all}");
        let (python, _) = Old::negotiate(&server, &all, query).await;
        let connect = python.target("connect", "serverSentEvents", "");
        let start = python.target("start", "serverSentEvents", "");
        let both = (
            server.ask(&connect, &[], None),
            server.raw("GET", &start, &[]),
        );
        let (mut stream, started) = tokio::join!(both.0, both.1);
        assert_eq!(started.json()["Response"], "started");
        stream.unit().await.unwrap();
        let init = payload_of(&stream.unit().await.unwrap()).unwrap();
        assert_eq!(init["S"], 1);
        assert_eq!(events.of(&python.id), ["connected"]);
    }
}

async fn abort(old: &Old<'_>, method: &str, transport: &str) {
    let target = old.target("abort", transport, "");
    let answer = match method {
        "GET" => old.server.raw("GET", &target, &[]).await,
        _ => old.server.post(&target, &[], b"").await,
    };
    assert_eq!((answer.status, &*answer.body), (200, ""));
}

/// `Stop` waits for the end of its receive request, up to 30 s.
const PROMPTLY: Duration = Duration::from_secs(2);

#[tokio::test]
async fn dot_net_posts_empty_bodies_leaves_its_hubs_unescaped_and_stops_when_its_stream_ends() {
    let (server, events) = server().await;
    for data in [
        // As its URI class leaves it, and as others may.
        "[%7B%22Name%22:%22Conformance%22%7D,%7B%22Name%22:%22demo%22%7D]",
        "[{%22Name%22:%22Conformance%22},{%22Name%22:%22demo%22}]",
    ] {
        for transport in ["serverSentEvents", "longPolling", "webSockets"] {
            let all = format!("clientProtocol=2.1&connectionData={data}");
            let query = |token: &str| {
                let cache = "noCache=71b3a9b4-3dd6-4a37-8b1f-8c6a3c6b7f0e";
                format!("connectionToken={token}&{all}&{cache}")
            };
            let (mut net, fields) = Old::negotiate(&server, &all, query).await;
            assert_eq!(fields["ProtocolVersion"], "2.0");
            let connect = net.target("connect", transport, "");
            let start = net.target("start", transport, "");
            let mut socket = Socket::default();
            let mut receiving = None;
            match transport {
                "webSockets" => {
                    socket = server.upgrade(&connect, &[]).await.unwrap();
                    assert_eq!(socket.frame().await["S"], 1);
                }
                "serverSentEvents" => {
                    let mut stream = server.ask(&connect, &[], None).await;
                    stream.unit().await.unwrap();
                    let init = payload_of(&stream.unit().await.unwrap()).unwrap();
                    assert_eq!(init["S"], 1);
                    receiving = Some(stream);
                }
                _ => assert_eq!(net.poll("POST", "connect", "").await["S"], 1),
            }
            assert_eq!(server.raw("GET", &start, &[]).await.status, 200);
            assert_eq!(events.of(&net.id), ["connected"]);
            if transport == "longPolling" {
                net.send(transport, "Join", json!(["g"])).await;
                let more = format!("&messageId={}", escaped(&net.cursor));
                net.poll("POST", "poll", &more).await;
                // What it knows is in the query, whatever the method.
                let groups = net.groups.as_ref().expect("a token");
                let cursor = escaped(&net.cursor);
                let more = format!("&messageId={cursor}&groupsToken={}", escaped(groups));
                let target = net.target("poll", transport, &more);
                let mut poll = server.ask(&target, &[], Some("")).await;
                net.send(transport, "SendGroup", json!(["g", "hi"])).await;
                let payload: Value = serde_json::from_str(&poll.body().await).unwrap();
                assert_eq!(message(&payload), "hi");
                net.take(&payload);
                let more = format!("&messageId={}", escaped(&net.cursor));
                let target = net.target("poll", transport, &more);
                receiving = Some(server.ask(&target, &[], Some("")).await);
            }
            let began = Instant::now();
            abort(&net, "POST", transport).await;
            match &mut receiving {
                Some(receiving) => {
                    receiving.body().await;
                    assert_eq!(receiving.ended, Some(Ended::Complete), "{transport}");
                }
                None => assert_eq!(socket.end().await, Some(1000)),
            }
            assert!(began.elapsed() < PROMPTLY, "{transport}");
            let told = ["connected", "disconnected:true"];
            events.become_for(&net.id, &told).await;
        }
    }
}
