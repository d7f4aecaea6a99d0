//! The client's side of conversations with the original server, replayed against this one; its answers are compared.
//!
//! `transcripts/*.jsonl` are the recordings that concern negotiate and webSockets, trimmed: without times, host headers and
//! raw cursors. Where the recording used another transport, which this server does not have yet, the step is left out
//! (the ends of `ws-replaced`, `ws-abort` and `token-purposes`), or asked of webSockets instead where that must make no
//! difference (`"was"`), and sends over HTTP are made by another connection (`"call"`).
//!
//! Changed in the recordings, because this server means to be different: a group restored by the token, but missing in the
//! cursor, is not silent (`ws-groups-reconnect`); a replaced request gets no frame of its successor (`ws-old-protocol`, where
//! the original only *may* send it). What differs in answers is in [`DIFFERENT`].
//!
//! Not compared, since the protocol promises nothing of it: cursors and tokens as text, how messages are cut into payloads,
//! the order of a result and the payload that its method caused, the casing of `H`, texts of the platform's own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use base64::Engine;
use common::hubs::builder;
use common::{Io, Server, within};
use futures_util::{SinkExt, StreamExt};
use hub_server::{Context, HubError, Resumed, hub};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

struct EchoHub;

#[hub]
impl EchoHub {
    async fn echo_callback(&self, cx: &Context, m: String) -> Result<(), HubError> {
        Ok(cx.clients().caller().send("echo", (m,)).await?)
    }
}

struct GroupChat;

#[hub]
impl GroupChat {
    async fn join(&self, cx: &Context, group: String) -> Result<(), HubError> {
        Ok(cx.join(group).await?)
    }

    async fn send(&self, cx: &Context, group: String, m: String) -> Result<(), HubError> {
        Ok(cx.clients().group(group).send("send", (m,)).await?)
    }
}

struct StatusHub;

impl StatusHub {
    async fn tell(&self, cx: &Context, event: &str) -> Result<(), HubError> {
        let args = (cx.connection_id(), "some time");
        Ok(cx.clients().all().send(event, args).await?)
    }
}

#[hub(name = "StatusHub")]
impl StatusHub {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        self.tell(cx, "joined").await
    }

    async fn on_reconnected(&self, cx: &Context, _: Resumed) -> Result<(), HubError> {
        self.tell(cx, "rejoined").await
    }

    async fn on_disconnected(&self, cx: &Context, _: bool) -> Result<(), HubError> {
        self.tell(cx, "leave").await
    }

    async fn ping(&self, cx: &Context) -> Result<(), HubError> {
        Ok(cx.clients().caller().send("pong", ()).await?)
    }
}

struct AuthHub;

#[hub]
impl AuthHub {
    #[hub(name = "WhoAmI")]
    fn who_am_i(&self, cx: &Context) -> String {
        cx.user().to_owned()
    }
}

/// Answers that differ on purpose, or because serde reads less than Json.NET does: scenario, id, what is answered here.
const ERROR: &str = "error";
const DIFFERENT: &[(&str, &str, &str)] = &[
    // A dynamic null is a null here, and has no result.
    ("ws-results-detailed", "4", r#"{"I":"4"}"#),
    // Data that is null is no data.
    (
        "ws-results-detailed",
        "13",
        r#"{"I":"13","H":true,"E":"hub boom"}"#,
    ),
    // A `String` is never null.
    ("ws-results-detailed", "2", ERROR),
    ("ws-results-generic", "2", ERROR),
    ("ws-results-generic", "4", r#"{"I":"4"}"#),
    (
        "ws-results-generic",
        "13",
        r#"{"I":"13","H":true,"E":"hub boom"}"#,
    ),
    // A state value of another type is no value.
    ("ws-state", "4", r#"{"S":{"counter":1},"R":1,"I":"4"}"#),
    ("ws-state", "7", r#"{"S":{"counter":1},"R":1,"I":"7"}"#),
];

/// Payloads by topic in the original, by time here.
const ORDER_OF_ALL_TOPICS: &[&str] = &["ws-reconnect"];

/// A payload without messages counts where it is all that a change of groups causes.
const EMPTY_PAYLOADS_COUNT: &[&str] = &["ws-groups"];

/// The original runs on Json.NET; what its messages say is not part of the protocol. Nor are the types of candidates.
const PLATFORM: &[&str] = &[
    "Could not convert",
    "Error converting",
    "Input string",
    "JSON integer",
    "Error reading",
    "Exception of type",
];

#[derive(Debug, Default)]
struct Frames {
    answers: BTreeMap<String, String>,
    parts: Vec<String>,
    tokens: Vec<String>,
    inits: usize,
    empty: usize,
    cursors: Vec<String>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(rename = "C")]
    cursor: String,
    #[serde(rename = "S")]
    init: Option<u8>,
    #[serde(rename = "G")]
    groups: Option<String>,
    #[serde(rename = "M", borrow)]
    messages: Vec<&'a RawValue>,
}

impl Frames {
    fn add(&mut self, text: &str) {
        if text == "{}" {
            return;
        }
        if !text.starts_with("{\"C\":") {
            let answer: Value = serde_json::from_str(text).unwrap();
            let known = self
                .answers
                .insert(answer["I"].to_string(), text.to_owned());
            assert_eq!(known, None, "answered twice");
            return;
        }
        let payload: Payload<'_> = serde_json::from_str(text).unwrap();
        let parts = payload.messages.iter().map(|part| part.get().to_owned());
        let init = usize::from(payload.init == Some(1));
        self.empty += usize::from(payload.messages.is_empty() && init == 0);
        self.inits += init;
        self.parts.extend(parts);
        self.tokens.extend(payload.groups);
        assert!(!payload.cursor.is_empty());
        self.cursors.push(payload.cursor);
    }

    fn has(&self, wanted: &Self, empty: bool) -> bool {
        self.answers.len() >= wanted.answers.len()
            && self.parts.len() >= wanted.parts.len()
            && self.tokens.len() >= wanted.tokens.len()
            && self.inits >= wanted.inits
            && (!empty || self.empty >= wanted.empty)
    }
}

#[derive(Default)]
struct Channel {
    stream: Option<WebSocketStream<Box<dyn Io>>>,
    /// The answer to an upgrade that was refused.
    refused: Option<Answer>,
    wanted: Frames,
    got: Frames,
}

struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    body: String,
}

struct Replay<'a> {
    name: &'static str,
    server: &'a Server,
    helper: common::Client<'a>,
    known: HashMap<String, String>,
    http: HashMap<String, Answer>,
    channels: BTreeMap<String, Channel>,
    fences: usize,
}

impl Replay<'_> {
    /// Puts the true values in place of placeholders.
    fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('<') {
            filled += before;
            let (name, tail) = after.split_once('>').unwrap_or((after, ""));
            let whole = format!("<{name}>");
            if let Some(value) = self.known.get(&whole) {
                filled += value;
            } else if let Some(repeat) = name.strip_prefix("repeat ") {
                let (what, count) = repeat.split_once(' ').unwrap();
                filled += &what.repeat(count.parse().unwrap());
            } else {
                filled.push('<');
                rest = after;
                continue;
            }
            rest = tail;
        }
        filled + rest
    }

    /// Compares, learning placeholders that are new.
    fn compare(&mut self, expected: &Value, got: &Value, place: &str) {
        match (expected, got) {
            (Value::String(e), Value::String(g)) => {
                if e == "<date>" {
                    return;
                }
                let unknown = e.starts_with('<') && e.ends_with('>');
                if unknown && e.matches('<').count() == 1 && self.fill(e) == *e {
                    self.known.insert(e.clone(), g.clone());
                    return;
                }
                assert_eq!(self.fill(e), *g, "{place}");
            }
            (Value::Array(e), Value::Array(g)) => {
                assert_eq!(e.len(), g.len(), "{place}: {e:?} {g:?}");
                for (e, g) in e.iter().zip(g) {
                    self.compare(e, g, place);
                }
            }
            (Value::Object(e), Value::Object(g)) => {
                let keys = |map: &Map<String, Value>| map.keys().cloned().collect::<Vec<_>>();
                assert_eq!(keys(e), keys(g), "{place}: {e:?} {g:?}");
                for (key, e) in e {
                    match (&**key, e, &g[key]) {
                        ("H", Value::String(e), Value::String(g)) => {
                            assert!(e.eq_ignore_ascii_case(g), "{place}: {e} {g}");
                        }
                        ("E", Value::String(e), Value::String(g)) => {
                            assert!(same_error(e, g), "{place}: {e} {g}");
                        }
                        (_, e, g) => self.compare(e, g, place),
                    }
                }
            }
            (e, g) => assert_eq!(e, g, "{place}"),
        }
    }

    fn compare_text(&mut self, expected: &str, got: &str) {
        let place = format!("{}: {expected} became {got}", self.name);
        let value = |text| serde_json::from_str::<Value>(text).unwrap();
        self.compare(&value(expected), &value(got), &place);
        assert_eq!(keys(expected), keys(got), "{place}");
    }

    /// Waits until all channels have what is expected so far, and compares.
    async fn settle(&mut self) {
        let names: Vec<String> = self.channels.keys().cloned().collect();
        for name in names {
            let mut channel = self.channels.remove(&name).unwrap();
            let empty = EMPTY_PAYLOADS_COUNT.contains(&self.name);
            while !channel.got.has(&channel.wanted, empty) {
                let next = channel.stream.as_mut().map(StreamExt::next);
                let next = next.unwrap_or_else(|| panic!("{} {name}: closed", self.name));
                let next = tokio::time::timeout(Duration::from_secs(30), next).await;
                match next {
                    Ok(Some(Ok(Message::Text(text)))) => channel.got.add(text.as_str()),
                    other => panic!(
                        "{} {name}: {:?} was expected, {:?} came, then {other:?}",
                        self.name, channel.wanted, channel.got
                    ),
                }
            }
            self.compare_frames(&name, &mut channel);
            self.channels.insert(name, channel);
        }
    }

    fn compare_frames(&mut self, name: &str, channel: &mut Channel) {
        let wanted = std::mem::take(&mut channel.wanted);
        let got = std::mem::take(&mut channel.got);
        let place = format!("{} {name}: {wanted:?} {got:?}", self.name);
        let ids = |frames: &Frames| frames.answers.keys().cloned().collect::<Vec<_>>();
        assert_eq!(ids(&wanted), ids(&got), "{place}");
        for (id, expected) in &wanted.answers {
            let got = &got.answers[id];
            let id = id.trim_matches('"');
            let different = DIFFERENT
                .iter()
                .find(|(scenario, different, _)| *scenario == self.name && *different == id);
            match different {
                Some((_, _, ERROR)) => {
                    let answer: Value = serde_json::from_str(got).unwrap();
                    assert!(answer["E"].is_string(), "{place}");
                }
                Some((_, _, ours)) => assert_eq!(got, ours, "{place}"),
                None => self.compare_text(expected, got),
            }
        }
        let (mut expected, mut parts) = (wanted.parts, got.parts);
        if ORDER_OF_ALL_TOPICS.contains(&self.name) {
            let helper = self.helper.id.clone();
            expected.iter_mut().for_each(|part| *part = self.fill(part));
            let own = self.known["<connection-id>"].clone();
            parts
                .iter_mut()
                .for_each(|part| *part = part.replace(&helper, &own));
            expected.sort();
            parts.sort();
        }
        assert_eq!(expected.len(), parts.len(), "{place}");
        for (expected, got) in expected.iter().zip(&parts) {
            self.compare_text(expected, got);
        }
        assert_eq!(wanted.inits, got.inits, "{place}");
        assert_eq!(wanted.tokens.len(), got.tokens.len(), "{place}");
        for (placeholder, token) in wanted.tokens.into_iter().zip(got.tokens) {
            self.known.insert(placeholder, token);
        }
        if EMPTY_PAYLOADS_COUNT.contains(&self.name) {
            assert_eq!(wanted.empty, got.empty, "{place}");
        }
        // Payloads are cut in another way: the last cursor stands for all of them.
        if let Some(last) = got.cursors.last() {
            for placeholder in wanted.cursors {
                self.known.insert(placeholder, last.clone());
            }
        }
    }

    /// Makes sure that nothing more comes on a channel: a call's answer is the next thing there.
    async fn fence(&mut self, name: &str) {
        self.fences += 1;
        let id = format!("fence {}", self.fences);
        let call = json!({"H": "conformance", "M": "Nothing", "A": [], "I": id});
        let channel = self.channels.get_mut(name).unwrap();
        let Some(stream) = channel.stream.as_mut() else {
            return;
        };
        stream.send(Message::text(call.to_string())).await.unwrap();
        loop {
            match within(stream.next()).await {
                Some(Ok(Message::Text(text))) if text.as_str().contains("\"fence ") => break,
                Some(Ok(Message::Text(text))) => channel.got.add(text.as_str()),
                other => panic!("{} {name}: {other:?} at the fence", self.name),
            }
        }
        self.settle().await;
    }

    async fn step(&mut self, event: &Value) {
        let text = |key: &str| event[key].as_str().unwrap_or_default();
        let name = text("ch").to_owned();
        let dir = text("dir");
        if dir != "ws_recv" {
            self.settle().await;
        }
        match dir {
            "request" => self.request(event, name).await,
            "response" => self.response(event, &name),
            "call" => {
                let call: Value = serde_json::from_str(&self.fill(text("text"))).unwrap();
                let answer = self.call_elsewhere(&call, event).await;
                self.http.insert(name, answer);
            }
            "ws_recv" => {
                let channel = self.channels.get_mut(&name).unwrap();
                channel.wanted.add(text("text"));
            }
            "ws_send" => {
                let filled = self.fill(text("text"));
                let channel = self.channels.get_mut(&name).unwrap();
                let stream = channel.stream.as_mut().unwrap();
                send(stream, &filled, event["fragments"].as_u64().unwrap_or(1)).await;
            }
            "ws_close" if text("by") == "client" => {
                self.fence(&name).await;
                let code = event["code"].as_u64();
                let frame = code.map(|code| CloseFrame {
                    code: u16::try_from(code).unwrap().into(),
                    reason: "x".into(),
                });
                let channel = self.channels.get_mut(&name).unwrap();
                let stream = channel.stream.as_mut().unwrap();
                stream.send(Message::Close(frame)).await.unwrap();
            }
            "ws_close" => {
                let end = self.end(&name).await;
                let (code, reason) = end.expect("a close frame");
                assert_eq!(
                    (u64::from(code), &*reason),
                    (event["code"].as_u64().unwrap(), "")
                );
            }
            "cut" => assert_eq!(self.end(&name).await, None, "{} {name}", self.name),
            "drop" => {
                self.fence(&name).await;
                self.channels.get_mut(&name).unwrap().stream = None;
            }
            other => panic!("{other}"),
        }
    }

    /// Reads a channel to its end.
    async fn end(&mut self, name: &str) -> Option<(u16, String)> {
        let channel = self.channels.get_mut(name).unwrap();
        let mut stream = channel.stream.take().unwrap();
        let mut close = None;
        loop {
            match within(stream.next()).await {
                Some(Ok(Message::Close(frame))) => {
                    close = frame.map(|f| (f.code.into(), f.reason.as_str().to_owned()));
                }
                Some(Ok(Message::Text(text))) => channel.got.add(text.as_str()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            }
        }
        close
    }

    async fn request(&mut self, event: &Value, name: String) {
        let path = event["path"].as_str().unwrap();
        let path = path.replace("/basicauth/signalr", "/signalr");
        let pairs = event["query"].as_array().unwrap();
        let query: Vec<(String, String)> = pairs
            .iter()
            .map(|pair| {
                let text = |n: usize| self.fill(pair[n].as_str().unwrap());
                (text(0), text(1))
            })
            .collect();
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&query)
            .finish();
        let target = format!("{path}?{query}");
        let user = event["authorization"].as_str().map(user_of);
        let headers: Vec<_> = user.iter().map(|user| ("X-User", &**user)).collect();
        if event.get("upgrade").is_none() {
            let answer = http(self.server, event, &target, &headers).await;
            self.http.insert(name, answer);
            return;
        }
        let mut channel = Channel::default();
        match self.server.upgrade(&target, &headers).await {
            Ok(mut socket) => channel.stream = Some(socket.take_stream()),
            Err((status, body)) => {
                let headers = HashMap::new();
                channel.refused = Some(Answer {
                    status,
                    headers,
                    body,
                });
            }
        }
        self.channels.insert(name, channel);
    }

    fn response(&mut self, event: &Value, name: &str) {
        let upgrade = self.channels.get_mut(name);
        let refused = upgrade.and_then(|channel| channel.refused.take());
        let upgraded = refused.is_some();
        let answer = refused.or_else(|| self.http.remove(name)).unwrap();
        let place = format!("{} {name}", self.name);
        assert_eq!(event["status"], answer.status, "{place} {}", answer.body);
        if !upgraded && !matches!(answer.status, 500 | 404) && !answer.headers.is_empty() {
            assert_eq!(
                answer.headers["x-content-type-options"], "nosniff",
                "{place}"
            );
            if let Some(kind) = event["type"].as_str() {
                assert_eq!(answer.headers["content-type"], kind, "{place}");
            }
        }
        let Some(body) = event["body"].as_str() else {
            return;
        };
        let body = body.replace("/basicauth/signalr", "/signalr");
        if body.starts_with('{') {
            self.compare_text(&body, &answer.body);
        } else {
            assert_eq!(body, answer.body, "{place}");
        }
    }

    /// A call that the recording sends over HTTP. What it asks for may take a moment to become true.
    async fn call_elsewhere(&mut self, call: &Value, event: &Value) -> Answer {
        let (hub, method) = (call["H"].as_str().unwrap(), call["M"].as_str().unwrap());
        if method == "Events" {
            // `on_disconnected` runs by itself; let it.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut answer = self.helper.call(hub, method, call["A"].clone()).await;
        answer["I"] = json!(call["I"].to_string());
        let result = answer.get("R").map(|r| format!("\"R\":{r},"));
        let body = format!("{{{}\"I\":{}}}", result.unwrap_or_default(), answer["I"]);
        let headers = HashMap::new();
        assert!(answer.get("E").is_none(), "{event}: {answer}");
        Answer {
            status: 200,
            headers,
            body,
        }
    }
}

async fn send(stream: &mut WebSocketStream<Box<dyn Io>>, text: &str, fragments: u64) {
    if fragments < 2 {
        // A message that is too large may not find anybody to the end.
        let _ = stream.send(Message::text(text)).await;
        return;
    }
    let (first, second) = text.as_bytes().split_at(text.len() / 2);
    let parts = [
        Frame::message(first.to_vec(), OpCode::Data(Data::Text), false),
        Frame::message(second.to_vec(), OpCode::Data(Data::Continue), true),
    ];
    for part in parts {
        let _ = stream.send(Message::Frame(part)).await;
    }
}

async fn http(server: &Server, event: &Value, target: &str, headers: &[(&str, &str)]) -> Answer {
    let method = event["method"].as_str().unwrap();
    let form = event["form"].as_array().map(|form| {
        let pairs = form
            .iter()
            .map(|p| (p[0].as_str().unwrap(), p[1].as_str().unwrap()));
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish()
    });
    let body = form.or_else(|| event["body"].as_str().map(ToOwned::to_owned));
    let Some(body) = body else {
        let response = server.raw(method, target, headers).await;
        return Answer {
            status: response.status,
            headers: response.headers,
            body: response.body,
        };
    };
    let mut socket = server.dial().await;
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    within(socket.read_to_end(&mut bytes)).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        headers: HashMap::new(),
        body: body.to_owned(),
    }
}

/// The names of an object's members in order, and of those inside.
fn keys(text: &str) -> Vec<String> {
    struct Keys(Vec<String>);

    impl<'de> Deserialize<'de> for Keys {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Members;

            impl<'de> serde::de::Visitor<'de> for Members {
                type Value = Keys;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: serde::de::MapAccess<'de>>(
                    self,
                    mut map: A,
                ) -> Result<Keys, A::Error> {
                    let mut keys = Vec::new();
                    while let Some((key, _)) = map.next_entry::<String, serde::de::IgnoredAny>()? {
                        keys.push(key);
                    }
                    Ok(Keys(keys))
                }
            }

            deserializer.deserialize_map(Members)
        }
    }

    serde_json::from_str::<Keys>(text).unwrap().0
}

fn same_error(expected: &str, got: &str) -> bool {
    const UNRESOLVED: &str = "method could not be resolved.";
    let platform = PLATFORM.iter().any(|text| expected.starts_with(text));
    // The methods here are declared in another casing, so that other calls know their exact names.
    let unresolved = expected.contains(UNRESOLVED) && got.contains(UNRESOLVED);
    let head = |text: &str| text.split(UNRESOLVED).next().map(ToOwned::to_owned);
    let empty = |text: &str| {
        let text = text.to_lowercase();
        text.starts_with("argument cannot be null or empty")
    };
    expected == got
        || platform
        || unresolved && head(expected) == head(got)
        || empty(expected) && empty(got)
}

fn user_of(basic: &str) -> String {
    let encoded = basic.strip_prefix("Basic ").unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded);
    let text = String::from_utf8(bytes.unwrap()).unwrap();
    text.split(':').next().unwrap().to_owned()
}

async fn replay(name: &'static str, recording: &str) {
    let (builder, _) = builder();
    let builder = builder
        .hub(EchoHub)
        .hub(GroupChat)
        .hub(StatusHub)
        .hub(AuthHub);
    let generic = name == "ws-results-generic";
    let path = if generic {
        "/signalr2/test"
    } else {
        "/signalr"
    };
    let mut server = Server::memory(builder.path(path).detailed_errors(!generic));
    server.path = path.into();
    let helper = server.client(&[]).await;
    let begun = tokio::time::Instant::now();
    let mut replay = Replay {
        name,
        server: &server,
        helper,
        known: HashMap::new(),
        http: HashMap::new(),
        channels: BTreeMap::new(),
        fences: 0,
    };
    let events: Vec<Value> = recording
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["scenario"], name);
    for event in &events[1..] {
        replay.step(event).await;
    }
    replay.settle().await;
    // Later, the keep-alive would bring every cursor.
    let early = begun.elapsed() < Duration::from_secs(1);
    assert!(early || !EMPTY_PAYLOADS_COUNT.contains(&name));
    let open: Vec<String> = replay.channels.keys().cloned().collect();
    for channel in open {
        replay.fence(&channel).await;
    }
}

macro_rules! transcripts {
    ($($test:ident: $name:literal),* $(,)?) => {$(
        #[tokio::test(start_paused = true)]
        async fn $test() {
            replay($name, include_str!(concat!("transcripts/", $name, ".jsonl"))).await;
        }
    )*};
}

transcripts! {
    negotiate_versions: "negotiate-versions",
    negotiate_paths: "negotiate-paths",
    negotiate_connection_data: "negotiate-connection-data",
    ping: "ping",
    error_rows: "error-rows",
    token_purposes: "token-purposes",
    user_identity: "user-identity",
    ws_basic: "ws-basic",
    ws_results_detailed: "ws-results-detailed",
    ws_results_generic: "ws-results-generic",
    ws_no_reply: "ws-no-reply",
    ws_targets: "ws-targets",
    ws_signal_names: "ws-signal-names",
    ws_state: "ws-state",
    ws_progress: "ws-progress",
    ws_groups: "ws-groups",
    ws_groups_reconnect: "ws-groups-reconnect",
    ws_replaced: "ws-replaced",
    ws_start_variants: "ws-start-variants",
    ws_close_codes: "ws-close-codes",
    ws_close_then_abort: "ws-close-then-abort",
    ws_abort: "ws-abort",
    ws_reconnect: "ws-reconnect",
    ws_unlisted_hub: "ws-unlisted-hub",
    ws_many: "ws-many",
    ws_large: "ws-large",
    ws_onconnected_messages: "ws-onconnected-messages",
    ws_old_protocol: "ws-old-protocol",
    ws_hubs: "ws-hubs",
}
