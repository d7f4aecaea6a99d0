//! What the dashboard says is true. One test: a process has one recorder.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::hubs::Events;
use common::known::ANN;
use common::receive::{POLL, SSE};
use common::{Client, SOON, Server};
use hub_server::{Context, Dashboard, HubError, HubServer, hub};
use serde_json::{Value, json};

struct Foo(Events);

#[hub(name = "foo")]
impl Foo {
    async fn on_opened(&self, cx: &Context) -> Result<(), HubError> {
        if cx.persistent_id().is_some() {
            cx.offline_subscribe(["bar"], Duration::from_secs(60))
                .await?;
        }
        Ok(())
    }

    fn on_closed(&self, cx: &Context) {
        self.0.add(cx, "closed");
    }

    async fn join(&self, cx: &Context, room: String) -> Result<(), HubError> {
        Ok(cx.join(&room).await?)
    }

    async fn leave(&self, cx: &Context, room: String) -> Result<(), HubError> {
        Ok(cx.leave(&room).await?)
    }

    async fn slow(&self) {
        tokio::time::sleep(Duration::from_millis(80)).await;
    }

    async fn keep(&self, cx: &Context, m: String) -> Result<(), HubError> {
        Ok(cx.queue("bar").send("bar", (m,)).await?)
    }
}

/// A page, and the sum of what it has been told.
struct Page<'s>(Client<'s>, f64, f64);

impl Page<'_> {
    async fn next(&mut self) -> Value {
        let told = self.0.event().await;
        assert_eq!(told[0], "snapshot");
        self.1 += told[1]["calls"].as_f64().unwrap();
        self.2 += told[1]["failed"].as_f64().unwrap();
        told[1].clone()
    }

    /// Waits until it is told so.
    async fn shows(&mut self, at: &str, expected: Value) -> Value {
        let mut last = Value::Null;
        let found = tokio::time::timeout(SOON, async {
            loop {
                last = self.next().await;
                if last.pointer(at) == Some(&expected) {
                    return last.clone();
                }
            }
        });
        let found = found.await;
        found.unwrap_or_else(|_| panic!("{at} does not become {expected}: {last}"))
    }
}

#[tokio::test]
async fn it_shows_what_there_is() {
    let dashboard = Dashboard::open_to_everybody();
    dashboard.install().unwrap();
    // Another one has no share in it, and says so.
    let other = Dashboard::open_to_everybody();
    assert!(other.install().is_err());
    let deaf = Server::tcp(HubServer::builder().dashboard(other)).await;
    let mut page = deaf.client(&["dashboard"]).await;
    let watched = page.result("dashboard", "watch", json!([])).await;
    assert_eq!(watched["recorded"], false);
    page.abort().await;
    drop(page);
    drop(deaf);
    let events = Events::default();
    let builder = HubServer::builder()
        .hub(Foo(events.clone()))
        .dashboard(dashboard);
    let server = Server::tcp(builder.keep_alive(Some(Duration::from_secs(2)))).await;
    let mut page = Page(server.client(&["dashboard"]).await, 0.0, 0.0);
    let watched = page.0.result("dashboard", "watch", json!([])).await;
    assert_eq!(watched["recorded"], true);

    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(server.client(&["foo"]).await);
    }
    let mut over = Vec::new();
    for transport in [SSE, POLL] {
        over.push(server.over(transport, &["foo"]).await);
    }
    // A page is a client, too. Both speak the same here.
    page.shows("/transports/web_sockets", json!(4)).await;
    let all = page.shows("/protocols/classic", json!(6)).await;
    let transports = json!({"web_sockets": 4, "server_sent_events": 1, "long_polling": 1});
    assert_eq!(all["transports"], transports);

    // Groups, but not that of the pages.
    for (client, room) in clients.iter_mut().zip(["a", "b", "b"]) {
        client.result("foo", "join", json!([room])).await;
    }
    page.shows("/groups", json!(2)).await;
    clients[0].result("foo", "leave", json!(["a"])).await;
    page.shows("/groups", json!(1)).await;

    // Calls: four that were, ten that are slow, three of which there are none.
    for _ in 0..10 {
        clients[1].result("foo", "slow", json!([])).await;
    }
    for _ in 0..3 {
        clients[2].call("foo", "unknown", json!([])).await;
    }
    for _ in 0..2 {
        page.next().await;
    }
    assert!((page.1 - 17.0).abs() < 1.5, "{} calls", page.1);
    assert!((page.2 - 3.0).abs() < 0.5, "{} failed", page.2);
    for _ in 0..3 {
        clients[1].send("foo", "slow", json!([])).await;
    }
    let slow = loop {
        let told = page.next().await;
        if told["latency"].is_array() {
            break told["latency"].clone();
        }
    };
    for percentile in slow.as_array().unwrap() {
        assert!(percentile.as_f64().unwrap() > 75.0, "{slow}");
    }
    // And nothing is made up when nothing is called.
    page.shows("/latency", Value::Null).await;

    // What is kept for somebody who is away.
    let mut ann = server.negotiated(&["foo"], None).await;
    ann.more = vec![("persistentId".into(), ANN.into())];
    ann.socket = ann.open("/connect", &[]).await.unwrap();
    ann.socket.frame().await;
    assert_eq!(ann.get("/start").await.status, 200);
    ann.abort().await;
    events.come("closed", 1).await;
    for n in 0..3 {
        clients[0]
            .result("foo", "keep", json!([n.to_string()]))
            .await;
    }
    page.shows("/queued", json!(3)).await;
    page.shows("/leases", json!(1)).await;

    // A client that has missed something.
    clients[0].cut();
    clients[0].reconnect_from(Some("d-1-1".into()), None).await;
    page.shows("/all_gaps", json!(1)).await;

    // Those who go are gone.
    for client in &clients {
        client.abort().await;
    }
    let last = page.shows("/transports/web_sockets", json!(1)).await;
    assert_eq!(last["groups"], 0);
    assert_eq!(
        (&last["all_gaps"], &last["all_slow"]),
        (&json!(1), &json!(0))
    );
}
