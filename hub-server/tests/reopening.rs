//! What hubs hear of clients that are known again: opened, reopened, closed and why, expired (`delivery.md` a.1, a.3).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Client, Server, Socket, until, within};
use hub_server::{
    Builder, Closed, Connect, Context, Disconnect, Expired, Filter, HubError, HubServer, Next,
    PersistentId, async_trait, hub,
};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

const ANN: &str = "00000000-0000-0000-0000-00000000000a";
const BOB: &str = "00000000-0000-0000-0000-00000000000b";

/// What the hub heard, in order, with the last letter of the client's id.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn add(&self, what: &str, who: Option<&PersistentId>) {
        let who = who.map_or("?", |who| &who.as_str()[35..]);
        self.0.lock().unwrap().push(format!("{what} {who}"));
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Waits for so many, and for what they are.
    async fn become_these(&self, expected: &[&str]) {
        let enough = || async { (self.all().len() >= expected.len()).then_some(()) };
        until(enough).await;
        assert_eq!(self.all(), expected);
    }
}

/// A hub that keeps what is queued in `bar`.
struct Foo {
    seen: Seen,
    ttl: Duration,
    /// What the farewell to a client that was taken over waits for.
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

fn builder(ttl: Duration) -> (Builder, Seen) {
    gated(ttl, None)
}

fn gated(ttl: Duration, gate: Option<Arc<Notify>>) -> (Builder, Seen) {
    let seen = Seen::default();
    let hub = Foo {
        seen: seen.clone(),
        ttl,
        gate,
    };
    (HubServer::builder().hub(hub), seen)
}

const LONG: Duration = Duration::from_secs(60);

/// A server with a port for the text protocol, as long as this lives.
struct Ports {
    text: SocketAddr,
    http: Server,
    task: JoinHandle<()>,
}

impl Ports {
    async fn open(builder: Builder) -> Self {
        let mut bound = builder.build().unwrap().bind("127.0.0.1:0").await.unwrap();
        let text = bound.text("127.0.0.1:0").await.unwrap();
        let http = Server::elsewhere(bound.local_addr());
        let task = tokio::spawn(async { bound.serve().await.unwrap() });
        Self { text, http, task }
    }

    /// A terminal that was welcomed.
    async fn terminal(&self, id: &str) -> Terminal {
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

struct Terminal(BufReader<TcpStream>);

impl Terminal {
    async fn say(&mut self, line: &str) {
        let line = format!("{line}\r\n");
        self.0.write_all(line.as_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> String {
        let mut line = String::new();
        within(self.0.read_line(&mut line)).await.unwrap();
        line.trim_end().to_owned()
    }

    async fn open(&mut self) {
        self.say("foo|1|").await;
        assert!(self.hear().await.starts_with("foo|2|PI:"));
    }

    async fn close(&mut self) {
        self.say("foo|3|").await;
        assert_eq!(self.hear().await, "foo|3|");
    }

    /// Breaks the connection without a goodbye.
    fn reset(self) {
        self.0.get_ref().set_zero_linger().unwrap();
    }
}

/// A client on the bare WebSocket.
async fn bare(server: &Server, id: &str) -> Socket {
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
async fn started<'a>(server: &'a Server, id: &str) -> Client<'a> {
    let mut client = server.negotiated(&["foo"], None).await;
    client.more = vec![("persistentId".into(), id.into())];
    client.socket = client.open("/connect", &[]).await.unwrap();
    client.socket.frame().await;
    assert_eq!(client.get("/start").await.status, 200);
    client
}

#[tokio::test]
async fn a_hub_that_is_closed_and_opened_again_on_one_connection_is_reopened() {
    let (builder, seen) = builder(LONG);
    let ports = Ports::open(builder).await;
    let mut bob = ports.terminal(BOB).await;
    bob.open().await;
    seen.become_these(&["opened b"]).await;
    for _ in 0..2 {
        bob.close().await;
        bob.open().await;
    }
    let all = [
        "opened b",
        "HubClosed b",
        "reopened b",
        "HubClosed b",
        "reopened b",
    ];
    seen.become_these(&all).await;
    // A hub that is closed is not closed again with its connection.
    bob.close().await;
    drop(bob);
    let mut bob = ports.terminal(BOB).await;
    bob.open().await;
    let more = [&all[..], &["HubClosed b", "reopened b"]].concat();
    seen.become_these(&more).await;
}

#[tokio::test]
async fn a_new_connection_of_a_client_that_hung_up_or_was_lost_is_a_return() {
    let (builder, seen) = builder(LONG);
    let ports = Ports::open(builder).await;
    let mut bob = ports.terminal(BOB).await;
    bob.open().await;
    seen.become_these(&["opened b"]).await;
    drop(bob);
    seen.become_these(&["opened b", "Stopped b"]).await;
    let mut bob = ports.terminal(BOB).await;
    bob.open().await;
    seen.become_these(&["opened b", "Stopped b", "reopened b"])
        .await;
    bob.reset();
    let all = ["opened b", "Stopped b", "reopened b", "Lost b"];
    seen.become_these(&all).await;
    // The same client, whatever it speaks; another one is new.
    let mut bob = bare(&ports.http, BOB).await;
    let ann = bare(&ports.http, ANN).await;
    let all = [&all[..], &["reopened b", "opened a"]].concat();
    seen.become_these(&all).await;
    // Who wants nothing kept any more is as new.
    bob.send(&json!({"H": "foo", "M": "forget", "A": [], "I": 1}))
        .await;
    bob.answer("1").await;
    bob.close().await;
    let all = [&all[..], &["Stopped b"]].concat();
    seen.become_these(&all).await;
    drop(bare(&ports.http, BOB).await);
    let all = [&all[..], &["opened b", "Lost b"]].concat();
    seen.become_these(&all).await;
    ann.close().await;
    seen.become_these(&[&all[..], &["Stopped a"]].concat())
        .await;
}

#[tokio::test]
async fn who_wants_a_clean_start_is_not_reopened() {
    let (builder, seen) = builder(LONG);
    let ports = Ports::open(builder).await;
    let mut bob = ports.terminal(BOB).await;
    bob.open().await;
    bob.close().await;
    let mut bob = ports.terminal(&format!("{BOB}&cs=1")).await;
    bob.open().await;
    seen.become_these(&["opened b", "HubClosed b", "opened b"])
        .await;
    bob.close().await;
    bob.open().await;
    assert_eq!(seen.all()[3..], ["HubClosed b", "reopened b"]);
}

#[tokio::test]
async fn a_newcomer_is_heard_of_after_the_farewell_to_whom_it_takes_over_from() {
    let gate = Arc::new(Notify::new());
    let (builder, seen) = gated(LONG, Some(gate.clone()));
    let ports = Ports::open(builder).await;
    let mut ann = ports.terminal(ANN).await;
    ann.open().await;
    let mut bob = ports.terminal(BOB).await;
    bob.open().await;
    seen.become_these(&["opened a", "opened b"]).await;
    let http = &ports.http;
    let newcomer = async { bare(http, BOB).await };
    let others = async {
        seen.become_these(&["opened a", "opened b", "parting b"])
            .await;
        // Others go on meanwhile.
        ann.close().await;
        ann.open().await;
        let all = ["parting b", "HubClosed a", "reopened a"];
        assert_eq!(seen.all()[2..], all);
        gate.notify_one();
    };
    let (_bob, ()) = tokio::join!(newcomer, others);
    seen.become_these(&[
        "opened a",
        "opened b",
        "parting b",
        "HubClosed a",
        "reopened a",
        "TakenOver b",
        "reopened b",
    ])
    .await;
    let told = "|4|{\"Message\":\"Another connection with the same PersistentId has taken over.\"}";
    assert_eq!(bob.hear().await, told);
    assert_eq!(bob.hear().await, "");
    assert_eq!(seen.all().len(), 7, "its end was told");
}

#[tokio::test(start_paused = true)]
async fn a_classic_client_is_lost_stopped_and_taken_over_by_the_same_names() {
    let (builder, seen) = builder(LONG);
    let server = Server::memory(builder);
    let mut bob = started(&server, BOB).await;
    seen.become_these(&["opened b"]).await;
    // A reconnect is no opening.
    bob.cut();
    bob.reconnect().await;
    bob.result("foo", "nothing", json!([])).await;
    bob.cut();
    tokio::time::sleep(Duration::from_secs(45)).await;
    seen.become_these(&["opened b", "Lost b"]).await;
    let bob = started(&server, BOB).await;
    bob.abort().await;
    let all = ["opened b", "Lost b", "reopened b", "Stopped b"];
    seen.become_these(&all).await;
    let _bob = started(&server, BOB).await;
    let _again = started(&server, BOB).await;
    let all = [&all[..], &["reopened b", "TakenOver b", "reopened b"]].concat();
    seen.become_these(&all).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_too_late_is_new_and_its_time_was_told_once() {
    // The heartbeat looks every 5 s: the time is over between two beats. Who comes at once is there before the next.
    for late in [50, 30_000] {
        let (builder, seen) = builder(Duration::from_secs(61));
        let server = Server::memory(builder);
        let mut ann = bare(&server, ANN).await;
        bare(&server, BOB).await.close().await;
        seen.become_these(&["opened a", "opened b", "Stopped b"])
            .await;
        tokio::time::sleep(Duration::from_millis(61_000 + late)).await;
        let seen_before = seen.all().len();
        assert_eq!(seen_before, if late == 50 { 3 } else { 4 });
        let _bob = bare(&server, BOB).await;
        let all = ["opened a", "opened b", "Stopped b", "expired b", "opened b"];
        seen.become_these(&all).await;
        assert_eq!(ann.event().await, json!(["left", "b"]));
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert_eq!(seen.all(), all, "{late} ms too late");
    }
}

#[tokio::test]
async fn a_hub_that_stays_closed_on_a_living_connection_expires() {
    let beat = Duration::from_secs(1);
    let (builder, seen) = builder(Duration::from_millis(20));
    let ports = Ports::open(builder.keep_alive(Some(2 * beat))).await;
    let mut bob = ports.terminal(BOB).await;
    bob.open().await;
    bob.close().await;
    seen.become_these(&["opened b", "HubClosed b", "expired b"])
        .await;
    bob.open().await;
    seen.become_these(&["opened b", "HubClosed b", "expired b", "opened b"])
        .await;
}

/// A hub whose `on_expired` gets stuck, or panics.
struct Stuck {
    seen: Seen,
    panics: bool,
}

#[hub(name = "foo")]
impl Stuck {
    async fn on_opened(&self, cx: &Context) -> Result<(), HubError> {
        self.seen.add("opened", cx.persistent_id());
        cx.offline_subscribe(["bar"], Duration::from_secs(1))
            .await?;
        Ok(())
    }

    async fn on_expired(&self, gone: Expired) {
        self.seen.add("expired", Some(gone.owner()));
        assert!(!self.panics, "on purpose");
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_fails_as_it_hears_of_an_end_stops_nobody() {
    for panics in [false, true] {
        let seen = Seen::default();
        let hub = Stuck {
            seen: seen.clone(),
            panics,
        };
        let server = Server::memory(HubServer::builder().hub(hub));
        for id in [ANN, BOB] {
            bare(&server, id).await.close().await;
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
        let all = ["opened a", "expired a", "opened b", "expired b"];
        assert_eq!(seen.all(), all, "the heartbeat goes on");
        // Nor is who comes back kept out.
        bare(&server, BOB).await.close().await;
        assert_eq!(seen.all()[4..], ["opened b"]);
    }
}

/// A filter that writes down what passes, and lets nobody be known again as `shy`.
struct Around {
    seen: Seen,
    shy: bool,
}

#[async_trait]
impl Filter for Around {
    async fn connect(&self, mut event: Connect, next: Next<'_, Connect>) -> Result<(), HubError> {
        let how = format!("connect {}", event.reopened);
        self.seen.add(&how, event.cx.persistent_id());
        event.reopened &= !self.shy;
        next.run(event).await
    }

    async fn disconnect(
        &self,
        event: Disconnect,
        next: Next<'_, Disconnect>,
    ) -> Result<(), HubError> {
        let why = format!("disconnect {:?}", event.reason);
        self.seen.add(&why, event.cx.persistent_id());
        next.run(event).await
    }
}

#[tokio::test]
async fn filters_stand_around_openings_and_see_reasons() {
    for (shy, again) in [(false, "reopened b"), (true, "opened b")] {
        let (builder, seen) = builder(LONG);
        let filter = Around {
            seen: seen.clone(),
            shy,
        };
        let ports = Ports::open(builder.filter(filter)).await;
        let mut bob = ports.terminal(BOB).await;
        bob.open().await;
        bob.close().await;
        bob.open().await;
        seen.become_these(&[
            "connect false b",
            "opened b",
            "disconnect HubClosed b",
            "HubClosed b",
            "connect true b",
            again,
        ])
        .await;
    }
}
