//! When the clients of a server that stops are told so: on a clock that is paused, so that every moment is seen
//! (`delivery.md` c).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::Server;
use common::hubs::builder;
use common::receive::POLL;
use futures_util::future::join_all;
use hub_server::{HubServer, ShutdownOptions, hub};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

const HUB: &[&str] = &["conformance"];

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[tokio::test(start_paused = true)]
async fn clients_are_told_one_by_one_and_work_until_then() {
    let (builder, events) = builder();
    let server = Server::memory(builder);
    let mut clients = Vec::new();
    for _ in 0..80 {
        clients.push(server.client(HUB).await);
    }
    let service = server.service();
    let ready = service.readiness();
    assert!(ready.is_ready());
    let begun = Instant::now();
    let options = ShutdownOptions::from(seconds(30)).spread(seconds(8));
    let stopped = tokio::spawn(async move { service.shutdown_gracefully(options).await });
    tokio::task::yield_now().await;
    assert!(!ready.is_ready(), "at once");
    let last = join_all(clients.iter_mut().map(|client| async move {
        assert_eq!(client.socket.end().await, Some(3001));
        begun.elapsed()
    }));
    let told = last.await;
    for quarter in 0..4 {
        let of = told.iter().filter(|at| at.as_millis() / 2_000 == quarter);
        assert!(of.count() > 5, "quarter {quarter} of {told:?}");
    }
    assert!(told.iter().all(|at| *at < seconds(9)), "{told:?}");
    // Not in the order in which they came.
    assert!(!told.is_sorted());
    let report = stopped.await.unwrap();
    assert_eq!((report.connections, report.drained), (80, 80), "{report}");
    assert!(report.took < seconds(9), "{report}");
    assert_eq!(events.count("disconnected"), 0);
}

/// The hub `slow`: calls that wait at a gate, and calls that don't.
struct Slow {
    gate: Arc<Semaphore>,
    quick: Arc<AtomicUsize>,
}

#[hub(name = "slow")]
impl Slow {
    async fn wait(&self) -> u32 {
        self.gate.acquire().await.unwrap().forget();
        7
    }

    fn quick(&self) -> usize {
        self.quick.fetch_add(1, Ordering::SeqCst) + 1
    }
}

#[tokio::test(start_paused = true)]
async fn while_a_call_runs_others_are_taken_for_half_of_the_time_and_then_not_run() {
    let gate = Arc::new(Semaphore::new(0));
    let quick = Arc::new(AtomicUsize::new(0));
    let hub = Slow {
        gate: gate.clone(),
        quick: quick.clone(),
    };
    let server = Server::memory(HubServer::builder().hub(hub));
    let mut client = server.client(&["slow"]).await;
    let waits = client.send("slow", "wait", json!([])).await;
    let service = server.service();
    let options = ShutdownOptions::from(seconds(20)).spread(Duration::ZERO);
    let stopped = tokio::spawn(async move { service.shutdown_gracefully(options).await });
    sleep(seconds(8)).await;
    assert_eq!(client.result("slow", "quick", json!([])).await, 1);
    sleep(seconds(4)).await;
    let late = client.send("slow", "quick", json!([])).await;
    sleep(seconds(4)).await;
    assert!(!stopped.is_finished());
    gate.add_permits(1);
    assert_eq!(client.socket.answer(&waits).await["R"], 7);
    assert_eq!(client.socket.end().await, Some(3001));
    assert!(!client.socket.is_answered(&late));
    assert_eq!(quick.load(Ordering::SeqCst), 1, "it can be called again");
    let report = stopped.await.unwrap();
    assert_eq!((report.drained, report.calls_cut), (1, 0), "{report}");
    assert!(report.took < seconds(17), "{report}");
}

#[tokio::test(start_paused = true)]
async fn who_is_not_told_yet_may_come_back_and_who_is_told_may_not() {
    let (builder, _) = builder();
    let server = Server::memory(builder);
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(server.client(HUB).await);
    }
    let service = server.service();
    let options = ShutdownOptions::from(seconds(100)).spread(seconds(16));
    let stopped = tokio::spawn(async move { service.shutdown_gracefully(options).await });
    // Half of them have been told: the last ones are, before the clients' patience ends.
    sleep(seconds(8)).await;
    let (mut stay, mut gone) = (0, 0);
    for client in &mut clients {
        let cursor = client.socket.cursor.clone();
        client.cut();
        let more = [("messageId", cursor.as_deref().unwrap_or_default())];
        match client.open("/reconnect", &more).await {
            Ok(socket) => {
                client.socket = socket;
                let three = client.result("conformance", "add", json!([1, 2])).await;
                assert_eq!(three, 3);
                stay += 1;
            }
            Err((status, _)) => {
                assert_eq!(status, 503);
                gone += 1;
            }
        }
    }
    assert!(stay > 0 && gone > 0, "{stay} and {gone}");
    for client in clients.iter_mut().filter(|client| !client.socket.is_cut()) {
        assert_eq!(client.socket.end().await, Some(3001));
    }
    let report = stopped.await.unwrap();
    assert_eq!((report.connections, report.drained), (20, 20), "{report}");
}

#[tokio::test(start_paused = true)]
async fn who_is_between_two_polls_has_a_while_for_the_next_and_who_is_away_has_none() {
    let server = HubServer::builder().hub(common::parting::Parting::default());
    let server = server.build().unwrap();
    let hub = server.handle("foo").unwrap();
    let server = Server::memory_of(server);
    let mut polls = server.over(POLL, &["foo"]).await;
    let silent = server.over(POLL, &["foo"]).await;
    let mut away = server.client(&["foo"]).await;
    for n in 0..3 {
        hub.clients().all().send("n", (n,)).await.unwrap();
    }
    away.cut();
    sleep(seconds(1)).await;
    let service = server.service();
    let options = ShutdownOptions::from(seconds(100)).spread(Duration::ZERO);
    let stopped = tokio::spawn(async move { service.shutdown_gracefully(options).await });
    sleep(seconds(3)).await;
    polls.poll().await;
    let payload = polls.poll().await;
    assert_eq!(
        (polls.events.len(), &payload["T"]),
        (3, &json!(1)),
        "{payload}"
    );
    let report = stopped.await.unwrap();
    assert_eq!(report.connections, 3, "{report}");
    assert_eq!((report.drained, report.gone), (1, 2), "{report}");
    assert!((seconds(5)..seconds(7)).contains(&report.took), "{report}");
    drop(silent);
}
