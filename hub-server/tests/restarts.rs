//! A server that is stopped and started again under messages: clients on every wire are told to go, come back to the next
//! one, and have everything once (`delivery.md` c).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::receive::{ALL, POLL, payload_of};
use common::stops::{Stopping, reaches};
use common::{Server, Socket, until, within};
use hub_server::{Context, HubError, HubServer, RedbLog, ShutdownOptions, hub};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{LocalSet, spawn_local};

/// A hub that keeps `bar`, and counts who has come.
struct Foo {
    gone: Arc<AtomicUsize>,
}

#[hub(name = "foo")]
impl Foo {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        self.welcome(cx).await
    }

    async fn on_reconnected(&self, cx: &Context) -> Result<(), HubError> {
        self.welcome(cx).await
    }

    fn on_disconnected(&self) {
        self.gone.fetch_add(1, Ordering::SeqCst);
    }
}

impl Foo {
    async fn welcome(&self, cx: &Context) -> Result<(), HubError> {
        cx.online_publish().await?;
        let long = Duration::from_secs(600);
        Ok(cx.offline_subscribe(["bar"], long).await?)
    }
}

struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// What every client knows: where the server is, which round of it, and who has come in all rounds.
#[derive(Clone)]
struct Way {
    http: &'static Server,
    text: SocketAddr,
    rounds: watch::Receiver<usize>,
    come: Arc<AtomicUsize>,
    id: String,
}

impl Way {
    /// Waits for the next server; `None` when there is none any more.
    async fn next(&mut self, round: &mut usize) -> Option<()> {
        let next = self.rounds.wait_for(|now| *now > *round).await.ok()?;
        *round = *next;
        (*round < OVER).then_some(())
    }

    fn is_here(&self) {
        self.come.fetch_add(1, Ordering::SeqCst);
    }
}

/// No round.
const OVER: usize = 1_000_000;

fn numbers<'a>(events: impl IntoIterator<Item = &'a Value>) -> Vec<u64> {
    let of = |event: &Value| event["A"][0].as_u64().unwrap();
    events.into_iter().map(of).collect()
}

/// A WebSocket that comes back with its cursor.
async fn web_socket(mut way: Way) -> Vec<u64> {
    let mut round = 0;
    way.next(&mut round).await;
    let mut client = way.http.negotiated(&["foo"], None).await;
    client.more = vec![("persistentId".into(), way.id.clone())];
    client.socket = client.open("/connect", &[]).await.unwrap();
    assert_eq!(client.get("/start").await.status, 200);
    let mut got = Vec::new();
    loop {
        way.is_here();
        assert_eq!(client.socket.end().await, Some(3001));
        got.extend(numbers(&client.socket.events));
        client.socket.events.clear();
        if way.next(&mut round).await.is_none() {
            return got;
        }
        client.reconnect().await;
    }
}

/// A transport over plain HTTP, with its cursor.
async fn over(mut way: Way, transport: &'static str) -> Vec<u64> {
    let mut round = 0;
    way.next(&mut round).await;
    let mut client = way.http.negotiated_over(transport, &["foo"], None).await;
    client.more = vec![("persistentId".into(), way.id.clone())];
    client.connect().await;
    client.start().await;
    let mut verb = "/poll";
    loop {
        way.is_here();
        if transport == POLL {
            loop {
                let mut poll = client.come(verb).await;
                let payload: Value = serde_json::from_str(&poll.body().await).unwrap();
                client.take(&payload);
                verb = "/poll";
                if payload["T"] == 1 {
                    break;
                }
            }
        } else {
            let mut stream = client.stream.take().unwrap();
            while let Some(unit) = stream.unit().await {
                if let Some(payload) = payload_of(&unit) {
                    client.take(&payload);
                }
            }
        }
        if way.next(&mut round).await.is_none() {
            return numbers(&client.events);
        }
        if transport == POLL {
            verb = "/reconnect";
        } else {
            client.reconnect().await;
        }
    }
}

/// A WebSocket without negotiation: each time another connection.
async fn bare(mut way: Way) -> Vec<u64> {
    let (mut round, mut got) = (0, Vec::new());
    while way.next(&mut round).await.is_some() {
        let query = [
            ("connectionData", r#"[{"name":"foo"}]"#),
            ("persistentId", &way.id),
        ];
        let target = way.http.target("", &query);
        let mut socket = way.http.upgrade(&target, &[]).await.unwrap();
        assert_eq!(socket.frame().await["S"], 1);
        way.is_here();
        assert_eq!(socket.end().await, Some(3001));
        got.extend(numbers(&socket.events));
    }
    got
}

/// Packets on a WebSocket.
async fn packets(mut way: Way) -> Vec<u64> {
    let (mut round, mut got) = (0, Vec::new());
    while way.next(&mut round).await.is_some() {
        let headers = [
            ("Origin", "http://test.example"),
            ("Sec-WebSocket-Protocol", "XSocketsNET"),
        ];
        let target = format!("/?PersistentId={}", way.id);
        let mut socket: Socket = way.http.upgrade(&target, &headers).await.unwrap();
        socket.send(&json!({"C": "foo", "T": "1", "D": ""})).await;
        way.is_here();
        let mut ended = None;
        while let Some(Ok(message)) = socket.next().await {
            match message {
                tokio_tungstenite::tungstenite::Message::Text(text) => {
                    let packet: Value = serde_json::from_str(&text).unwrap();
                    if packet["T"] == "bar" {
                        got.push(packet["D"].as_str().unwrap().parse().unwrap());
                    }
                }
                tokio_tungstenite::tungstenite::Message::Close(frame) => {
                    ended = frame.map(|frame| u16::from(frame.code));
                }
                _ => {}
            }
        }
        assert_eq!(ended, Some(3001));
    }
    got
}

/// Lines, which may be acknowledged one by one.
async fn lines(mut way: Way, acknowledges: bool) -> Vec<u64> {
    let (mut round, mut got) = (0, Vec::new());
    while way.next(&mut round).await.is_some() {
        let mut socket = BufReader::new(TcpStream::connect(way.text).await.unwrap());
        let qos = if acknowledges { "&qos=1" } else { "" };
        let hello = format!("PuttyProtocol?PersistentId={}{qos}\r\nfoo|1|\r\n", way.id);
        socket.write_all(hello.as_bytes()).await.unwrap();
        way.is_here();
        loop {
            let mut line = String::new();
            if within(socket.read_line(&mut line)).await.unwrap() == 0 {
                break;
            }
            assert!(line.ends_with("\r\n"), "half a line: {line:?}");
            let Some(told) = line.trim_end().strip_prefix("foo|bar") else {
                continue;
            };
            let (number, n) = told.split_once('|').unwrap();
            got.push(n.parse().unwrap());
            if let Some(number) = number.strip_prefix('#') {
                let ack = format!("foo|9|{number}\r\n");
                socket.write_all(ack.as_bytes()).await.unwrap();
            }
        }
    }
    got
}

const CLIENTS: usize = 8;

/// Servers one after the other, the last one only to bring what is left.
const ROUNDS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_loses_or_doubles_a_message_while_servers_come_and_go() {
    // The clients share this thread, the servers have others.
    LocalSet::new().run_until(restart_again_and_again()).await;
}

async fn restart_again_and_again() {
    let dir = Dir(std::env::temp_dir().join(format!("hub-restarts-{}", uuid::Uuid::new_v4())));
    let (mut ports, mut clients) = (None, Vec::new());
    let come = Arc::new(AtomicUsize::new(0));
    let (rounds, _) = watch::channel(0);
    let mut sent = 0_u64;
    for round in 1..=ROUNDS {
        let log = until(async || RedbLog::open(&dir.0).ok()).await;
        let gone = Arc::new(AtomicUsize::new(0));
        let hub = Foo { gone: gone.clone() };
        let builder = HubServer::builder().hub(hub).key([5; 32]);
        let server = builder.log(Arc::new(log)).build().unwrap();
        let hub = server.handle("foo").unwrap();
        let options = ShutdownOptions::from(Duration::from_secs(8));
        let options = options.spread(Duration::from_millis(150));
        let server = Stopping::serve(server, ports, options).await;
        if ports.is_none() {
            let (http, text) = server.ports();
            ports = Some((http, text));
            let http: &'static Server = Box::leak(Box::new(Server::elsewhere(http)));
            let way = |n: usize| Way {
                http,
                text,
                rounds: rounds.subscribe(),
                come: come.clone(),
                id: format!("00000000-0000-0000-0000-{n:012}"),
            };
            clients.push(("webSockets", spawn_local(web_socket(way(0)))));
            for (n, transport) in ALL.into_iter().enumerate() {
                clients.push((transport, spawn_local(over(way(1 + n), transport))));
            }
            clients.push(("bare", spawn_local(bare(way(4)))));
            clients.push(("packets", spawn_local(packets(way(5)))));
            clients.push(("lines", spawn_local(lines(way(6), false))));
            clients.push(("qos", spawn_local(lines(way(7), true))));
        }
        rounds.send_replace(round);
        reaches(&come, round * CLIENTS).await;
        until(|| async { (hub.sessions().all().len() == CLIENTS).then_some(()) }).await;
        // In the first round nobody is owed anything before the subscription is written.
        let mut publish = async || {
            let all = hub.clients().all().and_queue("bar");
            all.send("bar", (sent,)).await.unwrap();
            sent += 1;
        };
        let last = round == ROUNDS;
        for _ in 0..if last { 0 } else { 40 } {
            publish().await;
        }
        let stopped = server.stop();
        while !last && !stopped.is_finished() {
            publish().await;
        }
        let report = within(stopped).await.unwrap();
        assert_eq!(
            (report.connections, report.drained, report.cut),
            (CLIENTS, CLIENTS, 0),
            "{report}"
        );
        assert_eq!((report.messages_left, report.calls_cut), (0, 0));
        assert_eq!(gone.load(Ordering::SeqCst), 0, "no hub hears of it");
    }
    rounds.send_replace(OVER);
    let mut failed = Vec::new();
    for (name, client) in clients {
        let got = within(client).await.unwrap();
        let wrong = got.windows(2).filter(|pair| pair[0] + 1 != pair[1]);
        let wrong: Vec<_> = wrong.map(<[u64]>::to_vec).collect();
        if !got.iter().copied().eq(0..sent) {
            failed.push(format!("{name}: {} of {sent}, {wrong:?}", got.len()));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(sent > 40 * (ROUNDS as u64 - 1), "some while they stopped");
}
