//! Two hundred cuts in mid-stream on each transport under a thousand messages a second: nothing is lost, nothing comes
//! twice, everything keeps its order (checklist item 36).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use common::cut::{Cut, SOCKET};
use common::receive::{Dice, FRAME, Over, POLL, SSE};
use common::{Server, within};
use hub_server::{Builder, ConnectionId, Context, HubHandle, HubServer, Resumed, hub};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// Counts how often each call came, and what it was told.
#[derive(Clone, Default)]
struct Cuts {
    calls: Arc<Mutex<HashMap<u64, usize>>>,
    told: Arc<Mutex<Vec<String>>>,
}

#[hub]
impl Cuts {
    fn on_connected(&self) {
        self.tell("connected");
    }

    fn on_reconnected(&self, _cx: &Context, resumed: Resumed) {
        match &*resumed.gaps {
            [] => {}
            gaps => self.tell(format!("{gaps:?}")),
        }
    }

    fn on_disconnected(&self, _cx: &Context, stopped: bool) {
        self.tell(format!("disconnected: {stopped}"));
    }

    fn count(&self, n: u64) -> u64 {
        *self.calls.lock().unwrap().entry(n).or_default() += 1;
        n
    }
}

impl Cuts {
    fn tell(&self, what: impl Into<String>) {
        self.told.lock().unwrap().push(what.into());
    }
}

/// Says its numbers to everybody, to a group and to the connection in turn, a thousand a second, and lets the connection
/// join and leave another group meanwhile; gives how many it said.
async fn publish(hub: HubHandle, id: String, stop: Arc<AtomicBool>) -> i64 {
    let groups = hub.groups();
    let id = ConnectionId::from(id);
    within(groups.add(&id, "g")).await.unwrap();
    let mut due = interval(Duration::from_millis(1));
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut n = 0;
    while !stop.load(Ordering::Acquire) {
        due.tick().await;
        let clients = hub.clients();
        let to = match n % 3 {
            0 => clients.all(),
            1 => clients.group("g"),
            _ => clients.client(id.clone()),
        };
        let filler = "x".repeat(usize::try_from(n % 50).unwrap());
        to.send("n", (n, filler)).await.unwrap();
        n += 1;
        match n % 128 {
            0 => within(groups.add(&id, "h")).await.unwrap(),
            64 => within(groups.remove(&id, "h")).await.unwrap(),
            _ => {}
        }
    }
    n
}

/// What the client sent, and what of it was answered.
#[derive(Default)]
struct Calls {
    sent: u64,
    answered: HashSet<u64>,
}

impl Calls {
    fn next(&mut self) -> String {
        let n = self.sent;
        self.sent += 1;
        json!({"H": "cuts", "M": "count", "A": [n], "I": n}).to_string()
    }

    fn take(&mut self, answer: &Value) {
        let n = answer["R"].as_u64().unwrap_or_else(|| panic!("{answer}"));
        assert_eq!(answer["I"], n.to_string());
        assert!(self.answered.insert(n), "answered twice: {n}");
    }
}

/// Sends over HTTP, where every second answer is cut, too.
async fn send(addr: SocketAddr, target: String, mut dice: Dice, stop: Arc<AtomicBool>) -> Calls {
    let mut calls = Calls::default();
    while !stop.load(Ordering::Acquire) {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("data", &calls.next())
            .finish();
        let mut socket = TcpStream::connect(addr).await.unwrap();
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        socket.write_all((head + &body).as_bytes()).await.unwrap();
        if dice.roll(2) == 0 {
            let mut some = vec![0; usize::try_from(dice.roll(300)).unwrap()];
            let _ =
                tokio::time::timeout(Duration::from_millis(5), socket.read_exact(&mut some)).await;
        } else {
            let mut answer = Vec::new();
            within(socket.read_to_end(&mut answer)).await.unwrap();
            let answer = common::Response::parse(&answer);
            assert_eq!(answer.status, 200);
            calls.take(&answer.json());
        }
        sleep(Duration::from_millis(3)).await;
    }
    calls
}

struct Receiver<'a> {
    over: Over<'a>,
    addr: SocketAddr,
    dice: Dice,
    /// The number that comes next.
    next: i64,
    calls: Calls,
    /// A request that is still open while the next one begins.
    old: Option<Cut>,
}

impl Receiver<'_> {
    async fn open(&mut self, verb: &str, left: usize) -> Cut {
        let over = &self.over;
        let mut more = vec![("frameId", "7")];
        more.extend(over.cursor.as_deref().map(|cursor| ("messageId", cursor)));
        more.extend(over.groups.as_deref().map(|groups| ("groupsToken", groups)));
        let target = over.target(verb, &more);
        let mut cut = within(Cut::open(self.addr, over.transport, &target, left)).await;
        if over.transport == SOCKET {
            for _ in 0..self.dice.roll(4) {
                cut.say(&self.calls.next()).await;
            }
        }
        cut
    }

    /// Takes what comes until it is cut, or all of `upto` is there.
    async fn receive(&mut self, mut cut: Cut, upto: i64) {
        while self.next < upto {
            let Some(payloads) = cut.next().await else {
                if self.over.transport == POLL && cut.left > 0 {
                    // One payload a request.
                    cut = self.open("/poll", cut.left).await;
                    continue;
                }
                break;
            };
            for payload in payloads {
                self.take(&payload);
            }
        }
        self.old = Some(cut);
    }

    fn take(&mut self, payload: &Value) {
        if payload.get("I").is_some() {
            return self.calls.take(payload);
        }
        self.over.take(payload);
        for event in self.over.events.drain(..) {
            let n = event["A"][0].as_i64().unwrap();
            assert_eq!(n, self.next, "lost or twice, cursor {}", payload["C"]);
            self.next += 1;
        }
    }
}

async fn run(transport: &'static str, cuts: usize, set: impl FnOnce(Builder) -> Builder) {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    let seed = std::env::var("HUB_SEED").map_or(u64::from(now), |seed| seed.parse().unwrap());
    println!("HUB_SEED={seed}");
    let mut dice = Dice::new(seed);
    let hub = Cuts::default();
    // Nobody is so slow here that more would be missed than a topic keeps.
    let builder = HubServer::builder()
        .hub(hub.clone())
        .retain(100_000, 64 << 20);
    let server = set(builder).build().unwrap();
    let handle = server.handle("cuts").unwrap();
    let server = Server::tcp_of(server).await;
    let mut client = Receiver {
        over: server.negotiated_over(transport, &["cuts"], None).await,
        addr: server.addr().unwrap(),
        dice: Dice::new(dice.roll(u64::MAX)),
        next: 0,
        calls: Calls::default(),
        old: None,
    };
    let mut first = client.open("/connect", usize::MAX).await;
    while client.over.cursor.is_none() {
        for payload in first.next().await.unwrap() {
            client.take(&payload);
        }
    }
    client.over.start().await;
    drop(first);

    let stop = Arc::new(AtomicBool::new(false));
    let id = client.over.id.clone();
    let publishing = tokio::spawn(publish(handle.clone(), id, stop.clone()));
    let sending = (transport != SOCKET).then(|| {
        let target = client.over.target("/send", &[]);
        let dice = Dice::new(dice.roll(u64::MAX));
        tokio::spawn(send(client.addr, target, dice, stop.clone()))
    });
    let began = Instant::now();
    for _ in 0..cuts {
        let polls = transport == POLL && dice.roll(2) == 0;
        let verb = if polls { "/poll" } else { "/reconnect" };
        let left = usize::try_from(dice.roll(8_000)).unwrap();
        let overlaps = dice.roll(3) == 0;
        let old = client.old.take().filter(|_| overlaps);
        let cut = client.open(verb, left).await;
        drop(old);
        client.receive(cut, i64::MAX).await;
    }
    stop.store(true, Ordering::Release);
    let took = began.elapsed();
    let published = within(publishing).await.unwrap();
    handle
        .clients()
        .all()
        .send("n", (published,))
        .await
        .unwrap();
    let mut last = client.open("/reconnect", usize::MAX).await;
    let answered = client.calls.answered.len();
    if transport == SOCKET {
        last.say(&client.calls.next()).await;
    }
    client.receive(last, published + 1).await;
    assert_eq!(client.next, published + 1);
    if transport == SOCKET {
        // This socket was not cut: its calls are answered.
        let mut last = client.old.take().unwrap();
        while client.calls.answered.len() == answered {
            let payloads = last.next().await.expect("an answer");
            payloads.iter().for_each(|payload| client.take(payload));
        }
    }
    println!("{published} messages and {cuts} cuts in {took:?}");
    let a_second = u128::try_from(published).unwrap() * 1_000 / took.as_millis();
    assert!(a_second > 500, "{a_second} messages a second");

    let calls = match sending {
        Some(sending) => within(sending).await.unwrap(),
        None => client.calls,
    };
    let counted = hub.calls.lock().unwrap().clone();
    assert!(counted.values().all(|&times| times == 1), "{counted:?}");
    assert!(counted.keys().all(|&n| n < calls.sent));
    let lost = calls.answered.iter().find(|n| !counted.contains_key(n));
    assert_eq!(lost, None, "answered and never run");
    assert!(!calls.answered.is_empty());
    assert_eq!(*hub.told.lock().unwrap(), ["connected"]);
}

macro_rules! transports {
    ($($name:ident, $tiny:ident: $transport:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            run($transport, 200, |builder| builder).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $tiny() {
            run($transport, 50, |builder| builder.outbox(2, 256)).await;
        }
    )*};
}

transports! {
    web_sockets_are_cut_200_times, web_sockets_with_a_tiny_outbox: SOCKET;
    server_sent_events_are_cut_200_times, server_sent_events_with_a_tiny_outbox: SSE;
    a_forever_frame_is_cut_200_times, a_forever_frame_with_a_tiny_outbox: FRAME;
    long_polls_are_cut_200_times, long_polls_with_a_tiny_outbox: POLL;
}
