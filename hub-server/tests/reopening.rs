//! What hubs hear of clients that are known again: opened, reopened, closed and why (`delivery.md` a.1).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::Server;
use common::known::{ANN, BOB, LONG, Ports, Seen, bare, builder, gated, started};
use hub_server::{
    Connect, Context, Disconnect, Filter, HubError, HubServer, Next, async_trait, hub,
};
use serde_json::json;
use tokio::sync::Notify;

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

/// A hub that takes its time for its first farewell.
struct Slow {
    seen: Seen,
    gate: Arc<Notify>,
    parted: AtomicBool,
}

#[hub(name = "foo")]
impl Slow {
    async fn on_opened(&self, cx: &Context) -> Result<(), HubError> {
        self.seen.add("opened", cx.persistent_id());
        Ok(cx.offline_subscribe(["bar"], LONG).await?)
    }

    fn on_reopened(&self, cx: &Context) {
        self.seen.add("reopened", cx.persistent_id());
    }

    async fn on_closed(&self, cx: &Context) {
        if !self.parted.swap(true, Ordering::Relaxed) {
            self.seen.add("parting", cx.persistent_id());
            self.gate.notified().await;
        }
        self.seen.add("closed", cx.persistent_id());
    }

    fn nothing(&self) {}
}

#[tokio::test(start_paused = true)]
async fn a_third_one_waits_for_the_first_though_the_second_is_gone() {
    let (seen, gate) = (Seen::default(), Arc::new(Notify::new()));
    let hub = Slow {
        seen: seen.clone(),
        gate: gate.clone(),
        parted: AtomicBool::default(),
    };
    let server = Server::memory(HubServer::builder().hub(hub));
    let mut ann = bare(&server, ANN).await;
    let _first = bare(&server, BOB).await;
    let begun = ["opened a", "opened b", "parting b"];
    tokio::select! {
        _ = bare(&server, BOB) => panic!("the first is not gone"),
        () = seen.become_these(&begun) => {}
    }
    let others = async {
        seen.become_these(&[&begun[..], &["closed b"]].concat())
            .await;
        for n in 0..100 {
            let call = json!({"H": "foo", "M": "nothing", "A": [], "I": n});
            ann.send(&call).await;
            ann.answer(&n.to_string()).await;
        }
        assert_eq!(seen.all().len(), 4, "{:?}", seen.all());
        gate.notify_one();
    };
    let (_third, ()) = tokio::join!(bare(&server, BOB), others);
    let all = [&begun[..], &["closed b", "closed b", "reopened b"]].concat();
    seen.become_these(&all).await;
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
