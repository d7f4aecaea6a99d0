//! Clients on every wire that read to the end, and a hub that writes down what it hears of them.

use std::sync::Arc;

use hub_server::{Builder, Closed, Context, HubError, HubHandle, HubServer, LiveSession, hub};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Message;

use super::known::Seen;
use super::receive::{Ended, Receiver, SSE, payload_of};
use super::wires::Servers;
use super::{Socket, until, within};

/// The hub `foo`.
#[derive(Clone, Default)]
pub struct Parting {
    pub seen: Seen,
    pub gate: Arc<Notify>,
}

#[hub(name = "foo")]
impl Parting {
    async fn on_opened(&self, cx: &Context) {
        self.seen.add("opened", cx.persistent_id());
    }

    async fn on_reopened(&self, cx: &Context) -> Result<(), HubError> {
        self.seen.add("reopened", cx.persistent_id());
        cx.online_publish().await?;
        Ok(())
    }

    async fn on_closed(&self, cx: &Context, reason: Closed) {
        self.seen.add(&format!("{reason:?}"), cx.persistent_id());
    }

    async fn keep(&self, cx: &Context) -> Result<(), HubError> {
        let long = std::time::Duration::from_secs(60);
        Ok(cx.offline_subscribe(["n"], long).await?)
    }

    async fn wait(&self, cx: &Context) -> u32 {
        self.seen.add("waits", cx.persistent_id());
        self.gate.notified().await;
        self.seen.add("waited", cx.persistent_id());
        7
    }

    fn nothing(&self) {}
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    WebSockets,
    Sse,
    Text,
    Packets,
}

pub const KINDS: [Kind; 4] = [Kind::WebSockets, Kind::Sse, Kind::Text, Kind::Packets];

/// How a link ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    Close(u16, String),
    /// As its transport has it end.
    Complete,
    Cut,
}

/// All that came till then.
#[derive(Debug, Default)]
pub struct Heard {
    pub numbers: Vec<i64>,
    pub high: Vec<i64>,
    /// The last word of the text protocol.
    pub said: Option<String>,
}

impl Heard {
    fn take(&mut self, topic: &str, data: &Value) {
        let n = || data["n"].as_i64().unwrap();
        match topic {
            "n" => self.numbers.push(n()),
            "high" => self.high.push(n()),
            "4" => self.said = Some(data["Message"].as_str().unwrap().to_owned()),
            "2" | "keep" | "wait" | "nothing" => {}
            other => panic!("{other}: {data}"),
        }
    }

    pub fn in_order(&self) -> bool {
        self.numbers
            .iter()
            .copied()
            .eq(0..self.numbers.len() as i64)
    }
}

pub enum Link {
    Ws(Box<Socket>, Kind),
    Stream(Box<Receiver>),
    Lines(BufReader<TcpStream>),
}

/// A server on real sockets, its hub and a handle of that.
pub struct House {
    pub servers: Servers,
    pub hub: HubHandle,
    pub parting: Parting,
}

impl House {
    pub async fn open(set: impl FnOnce(Builder) -> Builder) -> Self {
        let parting = Parting::default();
        let builder = set(HubServer::builder().hub(parting.clone()));
        let (servers, hub) = Servers::with_handle(builder, "foo").await;
        Self {
            servers,
            hub,
            parting,
        }
    }

    /// A client with a persistent id that the hub has been told of.
    pub async fn come(&self, kind: Kind, id: &str) -> (Link, LiveSession) {
        let query = format!("PersistentId={id}");
        let http = &self.servers.http;
        let link = match kind {
            Kind::WebSockets => {
                Link::Ws(Box::new(self.servers.started(None, id).await.socket), kind)
            }
            Kind::Sse => {
                let mut client = http.negotiated_over(SSE, &["foo"], None).await;
                client.more = vec![("persistentId".into(), id.into())];
                client.connect().await;
                client.start().await;
                Link::Stream(Box::new(client.stream.take().unwrap()))
            }
            Kind::Text => {
                let socket = TcpStream::connect(self.servers.text).await.unwrap();
                let mut lines = BufReader::new(socket);
                let first = format!("PuttyProtocol?{query}\r\nfoo|1|\r\n");
                lines.write_all(first.as_bytes()).await.unwrap();
                for _ in 0..2 {
                    within(lines.read_line(&mut String::new())).await.unwrap();
                }
                Link::Lines(lines)
            }
            Kind::Packets => {
                let headers = [
                    ("Origin", "http://test.example"),
                    ("Sec-WebSocket-Protocol", "XSocketsNET"),
                ];
                let mut socket = http.upgrade(&format!("/?{query}"), &headers).await.unwrap();
                socket.send(&json!({"C": "foo", "T": "1", "D": ""})).await;
                socket.text().await;
                Link::Ws(Box::new(socket), kind)
            }
        };
        let mut owner = self.hub.sessions().all();
        owner.retain(|session| {
            session
                .persistent_id()
                .is_some_and(|own| own.as_str() == id)
        });
        let seen = &self.parting.seen;
        let told = || async {
            let all = seen.all();
            let last = all.last().map(String::as_str);
            let end = &id[35..];
            last.is_some_and(|it| it.contains("opened") && it.ends_with(end))
                .then_some(())
        };
        until(told).await;
        (link, owner.pop().unwrap())
    }
}

impl Link {
    /// Calls a method without arguments.
    pub async fn call(&mut self, method: &str) {
        match self {
            Self::Ws(socket, Kind::Packets) => {
                socket
                    .send(&json!({"C": "foo", "T": method, "D": ""}))
                    .await;
            }
            Self::Ws(socket, _) => {
                socket
                    .send(&json!({"H": "foo", "M": method, "A": [], "I": 1}))
                    .await;
            }
            Self::Lines(lines) => {
                let line = format!("foo|{method}|\r\n");
                lines.write_all(line.as_bytes()).await.unwrap();
            }
            Self::Stream(_) => panic!("a stream is for receiving"),
        }
    }

    /// The numbers that come till the end.
    pub async fn read_all(self) -> Vec<i64> {
        self.hear_all().await.0.numbers
    }

    /// Reads to the end.
    pub async fn hear_all(self) -> (Heard, Ending) {
        let mut heard = Heard::default();
        let ending = match self {
            Self::Ws(socket, kind) => ws_to_the_end(*socket, kind, &mut heard).await,
            Self::Stream(mut stream) => {
                while let Some(unit) = stream.unit().await {
                    let payload = payload_of(&unit);
                    classic(&mut heard, &payload.unwrap_or_default());
                }
                match stream.ended {
                    Some(Ended::Complete) => Ending::Complete,
                    _ => Ending::Cut,
                }
            }
            Self::Lines(mut lines) => loop {
                let mut line = String::new();
                match within(lines.read_line(&mut line)).await {
                    Ok(0) => break Ending::Complete,
                    Ok(_) if !line.ends_with('\n') => break Ending::Cut,
                    Ok(_) => {
                        let mut parts = line.trim_end().splitn(3, '|').skip(1);
                        let topic = parts.next().unwrap().to_owned();
                        let data = serde_json::from_str(parts.next().unwrap()).unwrap_or_default();
                        heard.take(&topic, &data);
                    }
                    Err(_) => break Ending::Cut,
                }
            },
        };
        (heard, ending)
    }
}

async fn ws_to_the_end(mut socket: Socket, kind: Kind, heard: &mut Heard) -> Ending {
    let mut ending = Ending::Cut;
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                let frame: Value = serde_json::from_str(&text).unwrap();
                if kind == Kind::WebSockets {
                    classic(heard, &frame);
                } else {
                    let data: Value = serde_json::from_str(frame["D"].as_str().unwrap()).unwrap();
                    heard.take(frame["T"].as_str().unwrap(), &data);
                }
            }
            Some(Ok(Message::Close(frame))) => {
                let frame = frame.unwrap();
                ending = Ending::Close(frame.code.into(), frame.reason.to_string());
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return ending,
        }
    }
}

fn classic(heard: &mut Heard, frame: &Value) {
    for event in frame["M"].as_array().into_iter().flatten() {
        heard.take(event["M"].as_str().unwrap(), &event["A"][0]);
    }
}
