//! [`Packets`]: a life on one of XSockets' wires, which acknowledges what it gets by number: each message at once, or some
//! only with a later one. It lasts as long as its socket.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::book::{Letter, Place, Stamp, Topic, Way};
use crate::dice::Dice;
use crate::gate::Gate;
use crate::wire::{Ear, Failure, Wire, parse};

pub(crate) struct Packets {
    orders: mpsc::Sender<Order>,
    over: watch::Receiver<()>,
    task: JoinHandle<()>,
}

/// What the life's own task is asked for.
enum Order {
    Call {
        said: (&'static str, String),
        /// What comes back to a call that has no answer: its own message.
        echo: Option<String>,
        answer: oneshot::Sender<Result<Option<Place>, Failure>>,
    },
    Close(oneshot::Sender<()>),
}

impl Packets {
    pub(crate) async fn come(wire: Wire, gate: &Gate, ear: Ear, dice: Dice) -> Option<Self> {
        let mut socket = Socket::open(wire, gate, &ear.persistent_id()).await?;
        // The answer to a ping comes when the hub is open.
        socket.say("1", "").await?;
        socket.say("7", "").await?;
        let (orders, ordered) = mpsc::channel(1);
        let (ready, is_ready) = oneshot::channel();
        let (alive, over) = watch::channel(());
        let life = Life {
            socket,
            ear,
            dice,
            ready: Some(ready),
            asked: None,
            acknowledged: 0,
            closing: None,
        };
        let task = tokio::spawn(async move {
            life.run(ordered).await;
            drop(alive);
        });
        let packets = Self { orders, over, task };
        is_ready.await.ok()?;
        Some(packets)
    }

    pub(crate) async fn call(
        &self,
        letter: Letter,
        topic: Topic,
        way: Way,
    ) -> Result<Option<Place>, Failure> {
        let text = letter.to_string();
        let (said, echo) = match way {
            Way::Everybody => (("Bar", text.clone()), Some(text)),
            Way::Away => (("Keep", json!([topic.name(), text]).to_string()), None),
        };
        let (answer, answered) = oneshot::channel();
        let order = Order::Call { said, echo, answer };
        if self.orders.send(order).await.is_err() {
            return Err(Failure::Gone);
        }
        answered.await.unwrap_or(Err(Failure::Gone))
    }

    pub(crate) async fn over(&self) {
        let mut over = self.over.clone();
        while over.changed().await.is_ok() {}
    }

    /// Closes the hub; when that is answered the server knows what has come.
    pub(crate) async fn close(self) -> bool {
        let (closed, is_closed) = oneshot::channel();
        let asked = self.orders.send(Order::Close(closed)).await.is_ok();
        asked && is_closed.await.is_ok()
    }
}

impl Drop for Packets {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A call that is not answered.
struct Asked {
    echo: Option<String>,
    answer: oneshot::Sender<Result<Option<Place>, Failure>>,
    /// What had been acknowledged before it: the server has read that when it answers.
    acknowledged: Stamp,
}

struct Life {
    socket: Socket,
    ear: Ear,
    dice: Dice,
    ready: Option<oneshot::Sender<()>>,
    asked: Option<Asked>,
    /// Everything that had come by then was acknowledged.
    acknowledged: Stamp,
    /// What had been acknowledged before the goodbye, and who waits for that to be answered.
    closing: Option<(Stamp, oneshot::Sender<()>)>,
}

impl Life {
    /// Until the socket ends, or the hub is closed.
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut owed = None::<u64>;
        loop {
            let done = tokio::select! {
                said = self.socket.hear() => match said {
                    Some(said) => self.hear(said, &mut owed).await,
                    None => None,
                },
                order = orders.recv() => match order {
                    Some(order) => self.obey(order, &mut owed).await,
                    None => None,
                },
            };
            if done.is_none() {
                return;
            }
        }
    }

    async fn hear(&mut self, said: Said, owed: &mut Option<u64>) -> Option<()> {
        let Said {
            topic,
            number,
            data,
        } = said;
        match &*topic {
            "2" => {}
            "8" => drop(self.ready.take().map(|ready| ready.send(()))),
            "3" => {
                // What crossed the goodbye comes again.
                let (acknowledged, closed) = self.closing.take()?;
                self.ear.proven(acknowledged);
                let _ = closed.send(());
                return None;
            }
            "4" if data.contains("taken over") => return None,
            "4" => match self.asked.take() {
                Some(asked) => drop(asked.answer.send(Err(Failure::Refused(data)))),
                None => self.ear.strange(&format!("was told '{data}'")),
            },
            "Keep" => {
                if let Some(asked) = self.asked.take() {
                    self.ear.proven(asked.acknowledged);
                    let _ = asked.answer.send(Ok(parse(&data)));
                }
            }
            _ => {
                let Some(topic) = Topic::ALL.into_iter().find(|known| known.name() == topic) else {
                    self.ear.strange(&format!("heard of '{topic}'"));
                    return Some(());
                };
                self.ear.got(topic, &data);
                let own = |asked: &mut Asked| asked.echo.as_deref() == Some(&data);
                if let Some(asked) = self.asked.take_if(own) {
                    self.ear.proven(asked.acknowledged);
                    let _ = asked.answer.send(Ok(None));
                }
                *owed = number;
                if self.dice.below(4) > 0 {
                    self.acknowledge(owed).await?;
                }
            }
        }
        Some(())
    }

    async fn obey(&mut self, order: Order, owed: &mut Option<u64>) -> Option<()> {
        match order {
            Order::Call { said, echo, answer } => {
                let acknowledged = self.acknowledged;
                self.asked = Some(Asked {
                    echo,
                    answer,
                    acknowledged,
                });
                self.socket.say(said.0, &said.1).await
            }
            Order::Close(closed) => {
                self.acknowledge(owed).await?;
                self.closing = Some((self.acknowledged, closed));
                self.socket.say("3", "").await
            }
        }
    }

    async fn acknowledge(&mut self, owed: &mut Option<u64>) -> Option<()> {
        if let Some(number) = owed.take() {
            self.socket.say("9", &number.to_string()).await?;
            self.acknowledged = self.ear.stamp();
        }
        Some(())
    }
}

/// What is heard.
struct Said {
    topic: String,
    number: Option<u64>,
    data: String,
}

enum Socket {
    Text(Lines<BufReader<OwnedReadHalf>>, OwnedWriteHalf),
    Packets(Box<WebSocketStream<TcpStream>>),
}

impl Socket {
    async fn open(wire: Wire, gate: &Gate, id: &str) -> Option<Self> {
        let socket = TcpStream::connect(&gate.authority).await.ok()?;
        socket.set_nodelay(true).ok()?;
        let query = format!("PersistentId={id}&qos=1");
        if wire == Wire::Text {
            let (read, mut write) = socket.into_split();
            let first = format!("PuttyProtocol?{query}\r\n");
            write.write_all(first.as_bytes()).await.ok()?;
            let mut lines = BufReader::new(read).lines();
            let welcome = lines.next_line().await.ok()??;
            return welcome
                .starts_with("Welcome")
                .then_some(Self::Text(lines, write));
        }
        let url = format!("ws://{}/?{query}", gate.authority);
        let mut request = url.into_client_request().ok()?;
        let origin = format!("http://{}", gate.authority);
        let headers = request.headers_mut();
        headers.insert("Origin", HeaderValue::from_str(&origin).ok()?);
        let name = HeaderValue::from_static("XSocketsNET");
        headers.insert("Sec-WebSocket-Protocol", name);
        let opened = tokio_tungstenite::client_async(request, socket).await;
        Some(Self::Packets(Box::new(opened.ok()?.0)))
    }

    /// Nothing when it is over.
    async fn say(&mut self, topic: &str, data: &str) -> Option<()> {
        match self {
            Self::Text(_, write) => {
                let line = format!("foo|{topic}|{data}\r\n");
                write.write_all(line.as_bytes()).await.ok()
            }
            Self::Packets(socket) => {
                let packet = match topic {
                    "9" => json!({"C": "foo", "T": "9", "I": data.parse::<u64>().ok()}),
                    _ if data.is_empty() => json!({"C": "foo", "T": topic}),
                    _ => json!({"C": "foo", "T": topic, "D": quoted(data)}),
                };
                socket.send(Message::text(packet.to_string())).await.ok()
            }
        }
    }

    /// The next thing that is said; nothing at the end. May be given up and asked again.
    async fn hear(&mut self) -> Option<Said> {
        match self {
            Self::Text(lines, _) => {
                let line = lines.next_line().await.ok()??;
                let mut parts = line.splitn(3, '|').skip(1);
                let (topic, data) = (parts.next()?, parts.next()?);
                let (topic, number) = topic.split_once('#').unwrap_or((topic, ""));
                Some(Said {
                    topic: topic.to_owned(),
                    number: number.parse().ok(),
                    data: data.to_owned(),
                })
            }
            Self::Packets(socket) => loop {
                let Message::Text(text) = socket.next().await?.ok()? else {
                    continue;
                };
                let packet: Value = serde_json::from_str(&text).ok()?;
                let data = packet.get("D").and_then(Value::as_str).unwrap_or_default();
                let data = serde_json::from_str(data).unwrap_or_default();
                return Some(Said {
                    topic: packet.get("T")?.as_str()?.to_owned(),
                    number: packet.get("I").and_then(Value::as_u64),
                    data: match data {
                        Value::Null => String::new(),
                        Value::String(text) => text,
                        other => other.to_string(),
                    },
                });
            },
        }
    }
}

/// Data is a text that holds JSON.
fn quoted(data: &str) -> String {
    match data.starts_with('[') {
        true => data.to_owned(),
        false => Value::from(data).to_string(),
    }
}
