//! What hubs hear of clients that stay away for too long (`delivery.md` a.3).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::Server;
use common::known::{ANN, BOB, Ports, Seen, bare, builder, gated};
use hub_server::{Context, Expired, HubError, HubServer, hub};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::Instant;

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

#[tokio::test]
async fn a_terminal_that_opens_the_hub_too_late_is_new() {
    // The heartbeat looks every 5 s, so that most likely it is the client who comes first.
    let (builder, seen) = builder(Duration::from_millis(10));
    let ports = Ports::open(builder).await;
    let mut bob = ports.terminal(BOB).await;
    bob.open().await;
    let mut all = vec!["opened b"];
    for _ in 0..3 {
        bob.close().await;
        // Its time passes.
        tokio::time::sleep(Duration::from_millis(20)).await;
        bob.open().await;
        all.extend(["HubClosed b", "expired b", "opened b"]);
        seen.become_these(&all).await;
        // It listens already, and so hears of its own end.
        assert_eq!(bob.hear().await, "foo|left|b");
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_while_the_hub_hears_of_its_end_waits() {
    let gate = Arc::new(Notify::new());
    let (builder, seen) = gated(Duration::from_secs(60), Some(gate.clone()));
    let server = Server::memory(builder);
    let mut ann = bare(&server, ANN).await;
    bare(&server, BOB).await.close().await;
    tokio::time::sleep(Duration::from_secs(70)).await;
    let all = ["opened a", "opened b", "Stopped b", "leaving b"];
    seen.become_these(&all).await;
    let bob = async { bare(&server, BOB).await };
    let others = async {
        for n in 0..100 {
            ann.send(&json!({"H": "foo", "M": "nothing", "A": [], "I": n}))
                .await;
            ann.answer(&n.to_string()).await;
        }
        assert_eq!(seen.all(), all);
        gate.notify_one();
    };
    let (_bob, ()) = tokio::join!(bob, others);
    assert_eq!(seen.all()[4..], ["expired b", "opened b"]);
}

#[cfg(feature = "redb")]
#[tokio::test]
async fn what_ends_while_no_server_runs_is_told_by_the_next_one() {
    use hub_server::RedbLog;

    let dir = std::env::temp_dir().join(format!("hub-expiring-{}", uuid::Uuid::new_v4()));
    let serve = async || {
        let log = common::until(async || RedbLog::open(&dir).ok()).await;
        let (builder, seen) = builder(Duration::from_millis(200));
        (Ports::open(builder.log(Arc::new(log))).await, seen)
    };
    let (ports, seen) = serve().await;
    let mut bob = ports.terminal(BOB).await;
    bob.open().await;
    bob.close().await;
    assert_eq!(seen.all(), ["opened b", "HubClosed b"]);
    drop(ports);
    // Its time passes.
    tokio::time::sleep(Duration::from_millis(250)).await;
    let (ports, seen) = serve().await;
    let mut bob = ports.terminal(BOB).await;
    bob.open().await;
    seen.become_these(&["expired b", "opened b"]).await;
    drop(ports);
    drop(std::fs::remove_dir_all(&dir));
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
        // Nor is who comes back kept out; for a hub that is stuck it waits a while.
        let asked = Instant::now();
        bare(&server, BOB).await.close().await;
        assert_eq!(asked.elapsed() >= Duration::from_secs(4), !panics);
        assert_eq!(seen.all()[4..], ["opened b"]);
    }
}
