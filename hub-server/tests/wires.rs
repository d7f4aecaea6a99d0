//! Both wires of XSockets (`delivery.md` e.1, e.2), side by side.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{Server, Socket, within};
use hub_server::{Context, HubError, HubServer, hub};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

struct Foo;

#[hub(name = "foo")]
impl Foo {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        cx.online_publish().await?;
        Ok(cx
            .offline_subscribe(["bar", "news"], Duration::from_secs(60))
            .await?)
    }

    async fn bar(&self, cx: &Context, m: String) -> Result<(), HubError> {
        cx.invoke_all_and_queue("bar", (m,)).await?;
        Ok(())
    }

    async fn keep_news(&self, cx: &Context, m: String) -> Result<(), HubError> {
        cx.publish_all_and_queue("news", (m,)).await?;
        Ok(())
    }

    fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    fn fail(&self) -> Result<(), HubError> {
        Err(HubError::new("as it is"))
    }
}

struct Servers {
    text: SocketAddr,
    http: Server,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Servers {
    async fn start() -> Self {
        let server = HubServer::builder().hub(Foo);
        let mut bound = server.build().unwrap().bind("127.0.0.1:0").await.unwrap();
        let text = bound.text("127.0.0.1:0").await.unwrap();
        let http = Server::elsewhere(bound.local_addr());
        let task = tokio::spawn(async { bound.serve().await.unwrap() });
        Self { text, http, task }
    }

    /// A client by one of the wires.
    async fn client(&self, tcp: bool, query: &str) -> Wire {
        if !tcp {
            let headers = [
                ("Origin", "http://test.example"),
                ("Sec-WebSocket-Protocol", "XSocketsNET"),
            ];
            let socket = self.http.upgrade(&format!("/?{query}"), &headers).await;
            return Wire::Ws(Box::new(socket.unwrap()));
        }
        let socket = TcpStream::connect(self.text).await.unwrap();
        let mut terminal = BufReader::new(socket);
        let first = format!("PuttyProtocol?{query}\r\n");
        terminal.write_all(first.as_bytes()).await.unwrap();
        let mut line = String::new();
        within(terminal.read_line(&mut line)).await.unwrap();
        assert_eq!(line, "Welcome to PuttyProtocol\r\n");
        Wire::Tcp(terminal)
    }
}

enum Wire {
    Tcp(BufReader<TcpStream>),
    Ws(Box<Socket>),
}

impl Wire {
    async fn say(&mut self, topic: &str, data: &str) {
        match self {
            Self::Tcp(terminal) => {
                let line = format!("foo|{topic}|{data}\r\n");
                terminal.write_all(line.as_bytes()).await.unwrap();
            }
            Self::Ws(socket) if topic == "9" => {
                let number: Value = data.parse().unwrap_or_else(|_| data.into());
                socket
                    .send(&json!({"C": "foo", "T": "9", "I": number}))
                    .await;
            }
            Self::Ws(socket) => {
                socket
                    .send(&json!({"c": "foo", "T": topic, "D": data}))
                    .await
            }
        }
    }

    /// The next message, as the text protocol writes it.
    async fn hear(&mut self) -> String {
        match self {
            Self::Tcp(terminal) => {
                let mut line = String::new();
                let _ = within(terminal.read_line(&mut line)).await;
                line.trim_end()
                    .strip_prefix("foo|")
                    .unwrap_or(&line)
                    .to_owned()
            }
            Self::Ws(socket) => {
                let text = socket.text().await;
                let message: Value = serde_json::from_str(&text).unwrap();
                let number = message
                    .get("I")
                    .map(|n| format!("#{n}"))
                    .unwrap_or_default();
                let data: Value = serde_json::from_str(message["D"].as_str().unwrap()).unwrap();
                let data = match data {
                    Value::Null => String::new(),
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                format!("{}{number}|{data}", message["T"].as_str().unwrap())
            }
        }
    }

    async fn expect(&mut self, said: &[(&str, &str)], heard: &[&str]) {
        for (topic, data) in said {
            self.say(topic, data).await;
        }
        for expected in heard {
            assert_eq!(self.hear().await, *expected, "{said:?}");
        }
    }

    async fn open(&mut self) {
        self.say("1", "").await;
        let opened = self.hear().await;
        assert!(
            opened.starts_with("2|") && opened.contains("PI"),
            "{opened}"
        );
    }

    async fn nothing_more(&mut self) {
        self.expect(&[("add", "[1,2]")], &["add|3"]).await;
    }

    /// The end, after a last word.
    async fn ends(mut self) {
        assert!(self.hear().await.starts_with("4|{\"Message\":"));
        match &mut self {
            Self::Tcp(_) => assert_eq!(self.hear().await, ""),
            Self::Ws(socket) => assert_eq!(socket.end().await, Some(4002)),
        }
    }
}

const BOB: &str = "PersistentId=00000000-0000-0000-0000-00000000000b";

#[tokio::test]
async fn every_topic_means_what_it_should() {
    let servers = Servers::start().await;
    for tcp in [true, false] {
        let mut a = servers.client(tcp, "").await;
        a.say("add", "[40,2]").await;
        assert!(a.hear().await.starts_with("2|"), "it opens by itself");
        assert_eq!(a.hear().await, "add|42");
        for (said, heard) in [
            (&[("fail", "")][..], &["4|{\"Message\":\"as it is\"}"][..]),
            (&[("7", "abc")], &["8|abc"]),
            (
                &[("8", "x"), ("10", "x"), ("14", ""), ("4", ""), ("9", "5")],
                &[],
            ),
            (
                &[("0", "")],
                &["4|{\"Message\":\"this server does not serve that topic\"}"],
            ),
            (&[("5", "Chat"), ("cHAT", "hi")], &["chat|hi"]),
            (
                &[("5", "{\"A\":true,\"T\":\"x\"}")],
                &["__x|{\"A\":true,\"T\":\"x\"}"],
            ),
            (
                &[
                    ("6", "chat"),
                    ("chat", "no"),
                    ("subscribe", "y"),
                    ("y", "[1]"),
                ],
                &["y|[1]"],
            ),
            (&[("unsubscribe", "y"), ("y", "no")], &[]),
            (&[("s1", "k,v,w"), ("s2", "k")], &["s2:k|v,w"]),
            (&[("s3", "k"), ("s2", "k")], &["s2:k|"]),
            (&[("s1", "k,1"), ("s4", ""), ("s2", "k")], &["s2:k|"]),
            (
                &[("s1", "nothing")],
                &["4|{\"Message\":\"storage is set with key,value and asked for with a key\"}"],
            ),
            (
                &[("5", "")],
                &["4|{\"Message\":\"a subscription names its topic\"}"],
            ),
            (&[("3", ""), ("3", "")], &["3|"]),
        ] {
            a.expect(said, heard).await;
            if said[0].0 != "3" {
                a.nothing_more().await;
            }
        }
        a.open().await;
        a.say("5", &"x".repeat(256)).await;
        assert!(a.hear().await.contains("1 to 255 bytes"));
        a.say("s1", &format!("k,{}", "x".repeat(60_000))).await;
        a.say("s1", &format!("l,{}", "x".repeat(6_000))).await;
        assert!(a.hear().await.contains("64 KiB"));
    }
}

#[tokio::test]
async fn the_walk_through_over_both() {
    let servers = Servers::start().await;
    for tcp in [true, false] {
        let mut a = servers.client(tcp, "").await;
        let mut b = servers.client(!tcp, BOB).await;
        a.open().await;
        b.open().await;
        a.expect(&[("bar", "x")], &["bar|x"]).await;
        b.expect(&[], &["bar|x"]).await;
        b.expect(&[("3", "")], &["3|"]).await;
        a.expect(&[("bar", "y")], &["bar|y"]).await;
        b.open().await;
        b.expect(&[], &["bar|y"]).await;
        b.nothing_more().await;
    }
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_and_what_was_does_not() {
    let servers = Servers::start().await;
    for tcp in [true, false] {
        let query = format!("{BOB}&qos=1&cs=1");
        let mut a = servers.client(tcp, "").await;
        let mut b = servers.client(tcp, &query).await;
        b.open().await;
        a.open().await;
        for n in 1..=3 {
            a.expect(&[("bar", &format!("m{n}"))], &[&format!("bar|m{n}")])
                .await;
        }
        b.expect(&[], &["bar#1|m1", "bar#2|m2", "bar#3|m3"]).await;
        b.say("9", "2").await;
        b.nothing_more().await;
        drop(b);
        let query = format!("{BOB}&qos=1");
        let mut b = servers.client(tcp, &query).await;
        b.open().await;
        b.expect(&[], &["bar#1|m3"]).await;
        b.say("9", "1").await;
        b.nothing_more().await;
        drop(b);
        let mut b = servers.client(tcp, &query).await;
        b.open().await;
        b.nothing_more().await;
        b.expect(&[("3", "")], &["3|"]).await;
    }
}

#[tokio::test]
async fn no_more_than_1024_messages_are_owed() {
    let servers = Servers::start().await;
    for tcp in [true, false] {
        let mut a = servers.client(tcp, "").await;
        let mut b = servers.client(tcp, &format!("{BOB}&qos=1&cs=1")).await;
        b.open().await;
        a.open().await;
        for n in 1..=1_026 {
            let n = n.to_string();
            a.expect(&[("bar", &n)], &[&format!("bar|{n}")]).await;
        }
        for n in 1..=1_024 {
            b.expect(&[], &[&format!("bar#{n}|{n}")]).await;
        }
        b.nothing_more().await;
        b.expect(&[("9", "1")], &["bar#1025|1025"]).await;
        b.nothing_more().await;
        b.expect(&[("9", "1025")], &["bar#1026|1026"]).await;
        a.expect(&[("bar", "live")], &["bar|live"]).await;
        b.expect(&[("9", "1026")], &["bar#1027|live"]).await;
        b.expect(&[("3", "")], &["3|"]).await;
    }
}

#[tokio::test]
async fn acknowledgements_of_nothing_end_the_connection() {
    let servers = Servers::start().await;
    for tcp in [true, false] {
        for wrong in ["1", "-1", "0", "x", "1.5", "99999999999999999999999"] {
            let mut a = servers.client(tcp, "qos=1").await;
            a.open().await;
            a.say("9", wrong).await;
            a.ends().await;
        }
    }
}

#[tokio::test]
async fn a_publication_is_kept_for_those_who_had_subscribed() {
    let servers = Servers::start().await;
    for (tcp, subscribed) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut a = servers.client(tcp, "").await;
        a.open().await;
        let mut b = servers.client(tcp, &format!("{BOB}&cs=1")).await;
        b.open().await;
        if subscribed {
            b.say("5", "news").await;
        }
        b.expect(&[("3", "")], &["3|"]).await;
        a.say("keepNews", "now").await;
        a.nothing_more().await;
        b.open().await;
        if subscribed {
            b.expect(&[], &["news|now"]).await;
        }
        b.nothing_more().await;
        b.expect(&[("3", "")], &["3|"]).await;
    }
}

#[tokio::test]
async fn storage_is_there_after_coming_back_unless_the_start_is_clean() {
    let servers = Servers::start().await;
    for tcp in [true, false] {
        let mut b = servers.client(tcp, BOB).await;
        b.open().await;
        b.expect(&[("s1", "k,v"), ("s2", "k")], &["s2:k|v"]).await;
        drop(b);
        let mut b = servers.client(!tcp, BOB).await;
        b.open().await;
        b.expect(&[("s2", "k")], &["s2:k|v"]).await;
        drop(b);
        let mut b = servers.client(tcp, &format!("{BOB}&cs=1")).await;
        b.open().await;
        b.expect(&[("s2", "k")], &["s2:k|"]).await;
    }
}

#[tokio::test]
async fn the_sub_protocol_wants_an_origin_and_takes_blobs_and_bad_frames() {
    use futures_util::SinkExt;
    use tokio_tungstenite::tungstenite::Message;

    let servers = Servers::start().await;
    let name = ("Sec-WebSocket-Protocol", "XSocketsNET");
    for headers in [&[name][..], &[name, ("Origin", "http://evil.example")]] {
        for path in ["/", "/signalr/foo"] {
            let refused = servers.http.upgrade(path, headers).await.err();
            assert_eq!(refused.unwrap().0, 403, "{path}");
        }
    }
    let mut a = servers.client(false, "").await;
    a.open().await;
    let Wire::Ws(socket) = &mut a else { panic!() };
    let json = r#"{"C":"foo","T":"add","D":"[1]"}"#;
    for frame in [
        Message::text("x"),
        Message::text("{}"),
        Message::binary(vec![1, 2]),
        Message::binary([&(-1_i64).to_le_bytes()[..], json.as_bytes()].concat()),
        Message::binary([&i64::MAX.to_le_bytes()[..], json.as_bytes()].concat()),
    ] {
        socket.stream().send(frame).await.unwrap();
        let error: Value = serde_json::from_str(&socket.text().await).unwrap();
        assert_eq!(error["T"], "4");
    }
    // One argument more, as base64: no number.
    let length = json.len() as u64;
    let frame = [&length.to_le_bytes()[..], json.as_bytes(), b"\x05"].concat();
    socket.stream().send(Message::binary(frame)).await.unwrap();
    assert!(a.hear().await.starts_with("4|"));
    a.nothing_more().await;
}
