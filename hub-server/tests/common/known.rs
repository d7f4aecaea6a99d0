//! Clients that are known again, on the text protocol and on WebSockets, and a hub that writes down what it hears of them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hub_server::{Builder, Closed, Context, Expired, HubError, HubServer, PersistentId, hub};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::{Client, Server, Socket, until, within};

pub const ANN: &str = "00000000-0000-0000-0000-00000000000a";
pub const BOB: &str = "00000000-0000-0000-0000-00000000000b";

/// What the hub heard, in order, with the last letter of the client's id.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    pub fn add(&self, what: &str, who: Option<&PersistentId>) {
        let who = who.map_or("?", |who| &who.as_str()[35..]);
        self.0.lock().unwrap().push(format!("{what} {who}"));
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Waits for so many, and for what they are.
    pub async fn become_these(&self, expected: &[&str]) {
        let enough = || async { (self.all().len() >= expected.len()).then_some(()) };
        until(enough).await;
        assert_eq!(self.all(), expected);
    }
}

/// A hub that keeps what is queued in `bar`.
pub struct Foo {
    seen: Seen,
    ttl: Duration,
    /// What the farewell to a client that was taken over waits for, and what is said of one that does not come back.
    gate: Option<Arc<Notify>>,
}

#[hub(name = "foo")]
impl Foo {
    async fn on_opened(&self, cx: &Context) -> Result<(), HubError> {
        self.come(cx, "opened").await
    }

    async fn on_reopened(&self, cx: &Context) -> Result<(), HubError> {
        self.come(cx, "reopened").await
    }

    async fn on_closed(&self, cx: &Context, reason: Closed) {
        if let (Some(gate), Closed::TakenOver) = (&self.gate, reason) {
            self.seen.add("parting", cx.persistent_id());
            gate.notified().await;
        }
        self.seen.add(&format!("{reason:?}"), cx.persistent_id());
    }

    async fn on_expired(&self, gone: Expired) -> Result<(), HubError> {
        if let Some(gate) = &self.gate {
            self.seen.add("leaving", Some(gone.owner()));
            gate.notified().await;
        }
        self.seen.add("expired", Some(gone.owner()));
        let who = &gone.owner().as_str()[35..];
        Ok(gone.clients().all().send("left", (who,)).await?)
    }

    async fn forget(&self, cx: &Context) -> Result<(), HubError> {
        Ok(cx.offline_unsubscribe(["bar"]).await?)
    }

    fn nothing(&self) {}
}

impl Foo {
    async fn come(&self, cx: &Context, how: &str) -> Result<(), HubError> {
        self.seen.add(how, cx.persistent_id());
        if cx.persistent_id().is_some() {
            cx.online_publish().await?;
            cx.offline_subscribe(["bar"], self.ttl).await?;
        }
        Ok(())
    }
}

pub fn builder(ttl: Duration) -> (Builder, Seen) {
    gated(ttl, None)
}

/// A hub that is slow to part until the gate opens.
pub fn gated(ttl: Duration, gate: Option<Arc<Notify>>) -> (Builder, Seen) {
    let seen = Seen::default();
    let hub = Foo {
        seen: seen.clone(),
        ttl,
        gate,
    };
    (HubServer::builder().hub(hub), seen)
}

pub const LONG: Duration = Duration::from_secs(60);

/// A server with a port for the text protocol, as long as this lives.
pub struct Ports {
    text: SocketAddr,
    pub http: Server,
    task: JoinHandle<()>,
}

impl Ports {
    pub async fn open(builder: Builder) -> Self {
        let mut bound = builder.build().unwrap().bind("127.0.0.1:0").await.unwrap();
        let text = bound.text("127.0.0.1:0").await.unwrap();
        let http = Server::elsewhere(bound.local_addr());
        let task = tokio::spawn(async { bound.serve().await.unwrap() });
        Self { text, http, task }
    }

    /// Where the text protocol is spoken.
    pub fn text_addr(&self) -> SocketAddr {
        self.text
    }

    /// A terminal that was welcomed.
    pub async fn terminal(&self, id: &str) -> Terminal {
        let socket = TcpStream::connect(self.text).await.unwrap();
        let mut terminal = Terminal(BufReader::new(socket));
        terminal
            .say(&format!("PuttyProtocol?PersistentId={id}"))
            .await;
        assert_eq!(terminal.hear().await, "Welcome to PuttyProtocol");
        terminal
    }
}

impl Drop for Ports {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub struct Terminal(BufReader<TcpStream>);

impl Terminal {
    pub async fn say(&mut self, line: &str) {
        let line = format!("{line}\r\n");
        self.0.write_all(line.as_bytes()).await.unwrap();
    }

    pub async fn hear(&mut self) -> String {
        let mut line = String::new();
        within(self.0.read_line(&mut line)).await.unwrap();
        line.trim_end().to_owned()
    }

    pub async fn open(&mut self) {
        self.say("foo|1|").await;
        assert!(self.hear().await.starts_with("foo|2|PI:"));
    }

    pub async fn close(&mut self) {
        self.say("foo|3|").await;
        assert_eq!(self.hear().await, "foo|3|");
    }

    /// Breaks the connection without a goodbye.
    pub fn reset(self) {
        self.0.get_ref().set_zero_linger().unwrap();
    }
}

/// A client on the bare WebSocket.
pub async fn bare(server: &Server, id: &str) -> Socket {
    let query = [
        ("connectionData", r#"[{"name":"foo"}]"#),
        ("persistentId", id),
    ];
    let target = server.target("", &query);
    let mut socket = server.upgrade(&target, &[]).await.unwrap();
    assert_eq!(socket.frame().await["S"], 1);
    socket
}

/// A negotiated client, started.
pub async fn started<'a>(server: &'a Server, id: &str) -> Client<'a> {
    let mut client = server.negotiated(&["foo"], None).await;
    client.more = vec![("persistentId".into(), id.into())];
    client.socket = client.open("/connect", &[]).await.unwrap();
    client.socket.frame().await;
    assert_eq!(client.get("/start").await.status, 200);
    client
}
