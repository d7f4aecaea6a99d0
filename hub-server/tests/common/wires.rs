//! Clients of both wires of XSockets, side by side: lines over TCP and frames on a WebSocket.

use std::net::SocketAddr;
use std::time::Duration;

use hub_server::{Builder, Context, HubError, HubHandle, HubServer, hub};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::{Client, Server, Socket, within};

pub const BOB: &str = "PersistentId=00000000-0000-0000-0000-00000000000b";

pub struct Foo;

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

    /// To who is there, and nobody else.
    async fn tell(&self, cx: &Context, m: String) -> Result<(), HubError> {
        Ok(cx.clients().all().send("told", (m,)).await?)
    }

    /// What came beside the data is the last argument.
    fn blob(&self, name: String, blob: String) -> String {
        format!("{name}:{blob}")
    }

    fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    fn fail(&self) -> Result<(), HubError> {
        Err(HubError::new("as it is"))
    }
}

pub struct Servers {
    pub text: SocketAddr,
    pub http: Server,
    pub task: tokio::task::JoinHandle<()>,
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Servers {
    pub async fn start() -> Self {
        Self::of(HubServer::builder().hub(Foo)).await
    }

    pub async fn of(builder: Builder) -> Self {
        Self::of_server(builder.build().unwrap()).await
    }

    /// With a handle of a hub.
    pub async fn with_handle(builder: Builder, hub: &str) -> (Self, HubHandle) {
        let server = builder.build().unwrap();
        let handle = server.handle(hub).unwrap();
        (Self::of_server(server).await, handle)
    }

    async fn of_server(server: HubServer) -> Self {
        let mut bound = server.bind("127.0.0.1:0").await.unwrap();
        let text = bound.text("127.0.0.1:0").await.unwrap();
        let http = Server::elsewhere(bound.local_addr());
        let task = tokio::spawn(async { bound.serve().await.unwrap() });
        Self { text, http, task }
    }

    /// A user on a WebSocket (tests authenticate by the header `X-User`).
    pub async fn client_as(&self, user: &str, query: &str) -> Wire {
        let headers = [
            ("Origin", "http://test.example"),
            ("Sec-WebSocket-Protocol", "XSocketsNET"),
            ("X-User", user),
        ];
        let socket = self.http.upgrade(&format!("/?{query}"), &headers).await;
        Wire::Ws(Box::new(socket.unwrap()))
    }

    /// A negotiated client of classic SignalR on the hub, started.
    pub async fn started<'a>(&'a self, user: Option<&str>, id: &str) -> Client<'a> {
        let mut client = self.http.negotiated(&["foo"], user).await;
        client.more = vec![("persistentId".into(), id.into())];
        client.socket = client.open("/connect", &[]).await.unwrap();
        client.socket.frame().await;
        assert_eq!(client.get("/start").await.status, 200);
        client
    }

    /// A client by one of the wires.
    pub async fn client(&self, tcp: bool, query: &str) -> Wire {
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

pub enum Wire {
    Tcp(BufReader<TcpStream>),
    Ws(Box<Socket>),
}

impl Wire {
    pub async fn say(&mut self, topic: &str, data: &str) {
        self.say_to("foo", topic, data).await;
    }

    pub async fn say_to(&mut self, hub: &str, topic: &str, data: &str) {
        match self {
            Self::Tcp(terminal) => {
                let line = format!("{hub}|{topic}|{data}\r\n");
                terminal.write_all(line.as_bytes()).await.unwrap();
            }
            Self::Ws(socket) if topic == "9" => {
                let number: Value = data.parse().unwrap_or_else(|_| data.into());
                socket.send(&json!({"C": hub, "T": "9", "I": number})).await;
            }
            Self::Ws(socket) => socket.send(&json!({"c": hub, "T": topic, "D": data})).await,
        }
    }

    /// The next message, as the text protocol writes it, without the hub `foo`.
    pub async fn hear(&mut self) -> String {
        match self {
            Self::Tcp(terminal) => {
                let mut line = String::new();
                let _ = within(terminal.read_line(&mut line)).await;
                let line = line.trim_end();
                line.strip_prefix("foo|").unwrap_or(line).to_owned()
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
                let hub = message["C"].as_str().unwrap();
                let hub = Some(hub).filter(|hub| *hub != "foo");
                let hub = hub.map(|hub| format!("{hub}|")).unwrap_or_default();
                format!("{hub}{}{number}|{data}", message["T"].as_str().unwrap())
            }
        }
    }

    pub async fn expect(&mut self, said: &[(&str, &str)], heard: &[&str]) {
        for (topic, data) in said {
            self.say(topic, data).await;
        }
        for expected in heard {
            assert_eq!(self.hear().await, *expected, "{said:?}");
        }
    }

    pub async fn open(&mut self) {
        self.say("1", "").await;
        let opened = self.hear().await;
        assert!(
            opened.starts_with("2|") && opened.contains("PI"),
            "{opened}"
        );
    }

    /// Opens the hub, if it is not open; gives the persistent id that the client is told.
    pub async fn opened(&mut self) -> String {
        self.say("1", "").await;
        let opened = self.hear().await;
        let told = opened.strip_prefix("2|").unwrap();
        match serde_json::from_str::<Value>(told) {
            Ok(told) => told["PI"].as_str().unwrap().to_owned(),
            Err(_) => told[3..].split_once(',').unwrap().0.to_owned(),
        }
    }

    /// The end of a connection on TCP that another one has taken over.
    pub async fn ends_taken_over(mut self) {
        assert!(self.hear().await.contains("taken over"));
        assert_eq!(self.hear().await, "");
    }

    pub async fn nothing_more(&mut self) {
        self.expect(&[("add", "[1,2]")], &["add|3"]).await;
    }

    /// The end, after a last word.
    pub async fn ends(mut self) {
        assert!(self.hear().await.starts_with("4|{\"Message\":"));
        match &mut self {
            Self::Tcp(_) => assert_eq!(self.hear().await, ""),
            Self::Ws(socket) => assert_eq!(socket.end().await, Some(4002)),
        }
    }
}
