//! Connections that are over before their hubs have welcomed them: what was kept for their clients stays owed, and their
//! time runs (`delivery.md` a.5, c).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::known::{ANN, BOB, LONG, Seen, started};
use common::{Client, Server, until};
use hub_server::{Context, Expired, HubError, HubServer, LogOptions, MemoryLog, hub};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::sleep;

/// A hub that ends the connections of clients that come back, and only then asks that more be kept for them.
struct Hasty {
    seen: Seen,
    /// The hub hears of the end, if it is to make an end at all.
    parting: Option<Notify>,
}

#[hub(name = "foo")]
impl Hasty {
    async fn on_opened(&self, cx: &Context) -> Result<(), HubError> {
        self.seen.add("opened", cx.persistent_id());
        Ok(cx.offline_subscribe(["bar"], LONG).await?)
    }

    async fn on_reopened(&self, cx: &Context) -> Result<(), HubError> {
        cx.online_publish().await?;
        if let Some(parting) = &self.parting {
            cx.items().set(Parting);
            cx.abort().await?;
            parting.notified().await;
        }
        cx.offline_subscribe(["bar"], LONG).await?;
        self.seen.add("kept", cx.persistent_id());
        Ok(())
    }

    async fn on_closed(&self, cx: &Context) {
        self.seen.add("closed", cx.persistent_id());
        if let Some(parting) = &self.parting
            && cx.items().get::<Parting>().is_some()
        {
            parting.notify_one();
            // The server is killed before this ends.
            std::future::pending().await
        }
    }

    async fn keep(&self, cx: &Context, m: String) -> Result<(), HubError> {
        Ok(cx.queue("bar").send("bar", (m,)).await?)
    }
}

#[derive(Clone)]
struct Parting;

/// Connects and starts, whatever the server says to that.
async fn come<'a>(server: &'a Server, hubs: &[&str], id: &str) -> Client<'a> {
    let mut client = server.negotiated(hubs, None).await;
    client.more = vec![("persistentId".into(), id.into())];
    client.socket = client.open("/connect", &[]).await.unwrap();
    client.socket.frame().await;
    client
}

#[tokio::test]
async fn what_a_hub_does_for_a_client_that_is_gone_says_nothing_of_what_that_has_had() {
    let log = Arc::new(MemoryLog::with(&LogOptions::default()));
    let seen = Seen::default();
    let serve = |parting| {
        let seen = seen.clone();
        let builder = HubServer::builder().hub(Hasty { seen, parting });
        Server::memory(builder.log(log.clone()))
    };
    let server = serve(Some(Notify::new()));
    started(&server, ANN).await.abort().await;
    seen.become_these(&["opened a", "closed a"]).await;
    let mut bob = started(&server, BOB).await;
    bob.call("foo", "keep", json!(["m"])).await;
    let ann = come(&server, &["foo"], ANN).await;
    ann.get("/start").await;
    let all = ["opened a", "closed a", "opened b", "closed a", "kept a"];
    seen.become_these(&all).await;
    // Ann's client was cut off before it had anything, and the server has not come to say so.
    let next = serve(None);
    let mut ann = started(&next, ANN).await;
    assert_eq!(ann.event().await, json!(["bar", "m"]));
}

/// A hub with a time to live, whose end takes until the gate opens.
struct Timed {
    seen: Seen,
    ttl: Duration,
    gate: Option<Arc<Notify>>,
}

impl Timed {
    async fn open(&self, cx: &Context) -> Result<(), HubError> {
        Ok(cx.offline_subscribe(["bar"], self.ttl).await?)
    }

    async fn end(&self, gone: Expired) {
        self.seen.add("expired", Some(gone.owner()));
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
    }
}

struct First(Timed);

#[hub(name = "first")]
impl First {
    async fn on_opened(&self, cx: &Context) -> Result<(), HubError> {
        self.0.open(cx).await
    }

    async fn on_expired(&self, gone: Expired) {
        self.0.end(gone).await;
    }
}

struct Second(Timed);

#[hub(name = "second")]
impl Second {
    async fn on_opened(&self, cx: &Context) -> Result<(), HubError> {
        self.0.open(cx).await
    }

    fn on_closed(&self, cx: &Context) {
        self.0.seen.add("closed", cx.persistent_id());
    }

    async fn on_expired(&self, gone: Expired) {
        self.0.end(gone).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_opened_after_its_connection_was_over_does_not_hold_the_lease() {
    let (seen, gate) = (Seen::default(), Arc::new(Notify::new()));
    let first = Timed {
        seen: seen.clone(),
        ttl: LONG,
        gate: Some(gate.clone()),
    };
    let second = Timed {
        seen: seen.clone(),
        ttl: 10 * LONG,
        gate: None,
    };
    let builder = HubServer::builder().hub(First(first)).hub(Second(second));
    let server = Server::memory(builder);
    let hubs = ["first", "second"];
    let bob = come(&server, &hubs, BOB).await;
    assert_eq!(bob.get("/start").await.status, 200);
    bob.abort().await;
    seen.become_these(&["closed b"]).await;
    sleep(LONG + LONG / 4).await;
    seen.become_these(&["closed b", "expired b"]).await;
    // Whoever comes back waits until the first hub has heard that its time was over, and is not there any more by then.
    let bob = come(&server, &hubs, BOB).await;
    let away = async {
        sleep(Duration::from_secs(1)).await;
        bob.abort().await;
        seen.become_these(&["closed b", "expired b", "closed b"])
            .await;
        gate.notify_one();
    };
    tokio::join!(bob.get("/start"), away);
    sleep(12 * LONG).await;
    let over = || async { (seen.all().len() == 4).then_some(()) };
    until(over).await;
    assert_eq!(seen.all()[3], "expired b");
}
