//! How calls run: the order in which they start and end, at once and interleaved, and what a panic or a lost socket does
//! to them (`classic-signalr.md` 8, checklist "Hubs").
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::hubs::builder;
use common::{Server, until, within};
use hub_server::{Context, HubError, HubServer, hub};
use serde_json::json;
use tokio::sync::Notify;

const HUB: &[&str] = &["conformance", "demo", "probe"];
const GENERIC: &str = "There was an error invoking Hub method";

/// The hub `probe`: orders and interleavings.
#[derive(Clone, Default)]
struct Probe {
    gate: Arc<Notify>,
    started: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
    waiting: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

struct CountDrop(Arc<AtomicUsize>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[hub]
impl Probe {
    /// Says how many calls had started before this one.
    async fn order(&self, wait: bool) -> usize {
        let number = self.started.fetch_add(1, Ordering::SeqCst);
        if wait {
            tokio::task::yield_now().await;
        }
        number
    }

    /// Waits until somebody opens the gate.
    async fn wait(&self) -> &'static str {
        let _guard = CountDrop(self.dropped.clone());
        let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(waiting, Ordering::SeqCst);
        self.gate.notified().await;
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        "open"
    }

    fn open(&self) {
        self.gate.notify_waiters();
    }

    async fn panic_later(&self) {
        tokio::task::yield_now().await;
        panic!("later");
    }

    async fn event_then_error(&self, cx: &Context) -> Result<(), HubError> {
        cx.clients().caller().send("step", (1,)).await?;
        Err(HubError::new("sorry"))
    }
}

fn server_with(detailed: bool) -> (HubServer, Probe) {
    let probe = Probe::default();
    let (builder, _) = builder();
    let builder = builder.hub(probe.clone()).detailed_errors(detailed);
    (builder.build().unwrap(), probe)
}

async fn tcp() -> Server {
    Server::tcp_of(server_with(false).0).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn calls_of_one_connection_start_in_the_order_in_which_they_came() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    let mut expected = 0;
    for round in 0..10 {
        let mut ids = Vec::new();
        for n in 0..100 {
            let wait = (n + round) % 3 > 0;
            ids.push(client.send("probe", "order", json!([wait])).await);
        }
        for id in ids {
            assert_eq!(client.socket.answer(&id).await["R"], expected);
            expected += 1;
        }
    }
}

#[tokio::test]
async fn calls_of_one_connection_interleave_at_their_awaits() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    let first = client.send("probe", "wait", json!([])).await;
    let second = client.send("probe", "wait", json!([])).await;
    // Both are waiting, and the third, which they wait for, runs.
    assert_eq!(client.result("conformance", "add", json!([1, 2])).await, 3);
    client.result("probe", "open", json!([])).await;
    assert_eq!(client.socket.answer(&second).await["R"], "open");
    assert_eq!(client.socket.answer(&first).await["R"], "open");
}

#[tokio::test(start_paused = true)]
async fn results_come_in_the_order_in_which_the_calls_end() {
    let server = Server::memory_of(server_with(false).0);
    let mut client = server.client(HUB).await;
    for (ms, value) in [(300, 3), (100, 1), (200, 2), (0, 0)] {
        client.send("conformance", "slow", json!([ms, value])).await;
    }
    for value in 0..4 {
        assert_eq!(client.socket.frame().await["R"], value);
    }
}

#[tokio::test]
async fn a_panic_fails_its_own_call_and_nothing_else() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    let mut other = server.client(HUB).await;
    for _ in 0..3 {
        for (hub, method) in [("conformance", "panic"), ("probe", "panicLater")] {
            let waiting = client.send("probe", "wait", json!([])).await;
            let answer = client.call(hub, method, json!([])).await;
            assert_eq!(answer["E"], format!("{GENERIC} '{hub}.{method}'."));
            other.result("probe", "open", json!([])).await;
            assert_eq!(client.socket.answer(&waiting).await["R"], "open");
        }
    }
    let server = Server::tcp_of(server_with(true).0).await;
    let mut client = server.client(HUB).await;
    let answer = client.call("conformance", "panic", json!([])).await;
    assert_eq!(answer["E"], "the hub method panicked: on purpose");
}

#[tokio::test]
async fn events_that_were_sent_before_an_error_come_before_it() {
    let server = tcp().await;
    let mut client = server.client(HUB).await;
    client.send("probe", "eventThenError", json!([])).await;
    assert_eq!(client.socket.frame().await["M"][0]["M"], "step");
    assert_eq!(client.socket.frame().await["E"], "sorry");
}

#[tokio::test]
async fn a_call_goes_on_when_its_socket_is_gone_and_its_result_goes_nowhere() {
    let (server, probe) = server_with(false);
    let server = Server::tcp_of(server).await;
    let mut client = server.client(HUB).await;
    let old = client.send("probe", "wait", json!([])).await;
    client.result("conformance", "nothing", json!([])).await;
    client.reconnect().await;
    client.result("conformance", "nothing", json!([])).await;
    probe.gate.notify_waiters();
    until(|| async { (probe.dropped.load(Ordering::SeqCst) > 0).then_some(()) }).await;
    // Ids begin anew on the new socket; the old answer would be taken for a new call's.
    let answer = client.call("conformance", "add", json!([1, 2])).await;
    assert_eq!(answer["R"], 3);
    for _ in 0..3 {
        client.no_event().await;
    }
    let again = json!({"H": "conformance", "M": "add", "A": [2, 2], "I": old});
    client.socket.send(&again).await;
    assert_eq!(client.socket.answer(&old).await["R"], 4);
}

#[tokio::test]
async fn no_more_calls_run_at_once_than_may_and_the_rest_wait() {
    let probe = Probe::default();
    let (builder, _) = builder();
    let server = Server::tcp(builder.hub(probe.clone()).max_open_calls(3)).await;
    let mut client = server.client(HUB).await;
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(client.send("probe", "wait", json!([])).await);
    }
    let last = client.send("conformance", "nothing", json!([])).await;
    let mut other = server.client(HUB).await;
    // Three wait at the gate at a time; each opening lets them go and the next three in.
    for id in ids {
        within(async {
            let answer = client.socket.answer(&id);
            tokio::pin!(answer);
            loop {
                tokio::select! {
                    _ = &mut answer => break,
                    () = tokio::time::sleep(Duration::from_millis(1)) => probe.gate.notify_waiters(),
                }
            }
        })
        .await;
    }
    client.socket.answer(&last).await;
    other.result("conformance", "nothing", json!([])).await;
    assert_eq!(probe.most.load(Ordering::SeqCst), 3);
}
