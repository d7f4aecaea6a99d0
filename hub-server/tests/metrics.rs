//! What a recorder hears of queues and gaps (`delivery.md` a.8). One test: a process has one recorder.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::hubs::Events;
use common::{Client, Server, until};
use hub_server::{Context, HubError, HubServer, hub};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use serde_json::json;

struct Foo(Events);

#[hub(name = "foo")]
impl Foo {
    async fn on_opened(&self, cx: &Context) -> Result<(), HubError> {
        if cx.persistent_id().is_some() {
            cx.online_publish().await?;
            cx.offline_subscribe(["bar"], Duration::from_millis(500))
                .await?;
        }
        Ok(())
    }

    fn on_closed(&self, cx: &Context) {
        self.0.add(cx, "closed");
    }

    async fn keep(&self, cx: &Context, m: String) -> Result<(), HubError> {
        Ok(cx.queue("bar").send("bar", (m,)).await?)
    }
}

/// Everything so far: names with their labels, and sums.
struct Heard(Snapshotter, BTreeMap<String, f64>);

impl Heard {
    fn all(&mut self) -> &BTreeMap<String, f64> {
        for (key, _, _, value) in self.0.snapshot().into_vec() {
            let key = key.key();
            let labels = key
                .labels()
                .map(|label| format!("{}={}", label.key(), label.value()));
            let name = format!("{} {}", key.name(), labels.collect::<Vec<_>>().join(","));
            // A snapshot takes what is new.
            let sum = self.1.entry(name).or_default();
            match value {
                DebugValue::Counter(count) => *sum += f64::from(u32::try_from(count).unwrap()),
                DebugValue::Gauge(value) => *sum = value.into_inner(),
                DebugValue::Histogram(values) => *sum += values.len() as f64,
            }
        }
        &self.1
    }
}

async fn come<'s>(server: &'s Server, more: &[(&str, &str)]) -> Client<'s> {
    let mut client = server.negotiated(&["foo"], None).await;
    let more = more
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    client.more = more.collect();
    client.socket = client.open("/connect", &[]).await.unwrap();
    client.socket.frame().await;
    assert_eq!(client.get("/start").await.status, 200);
    client
}

#[tokio::test]
async fn queues_and_gaps_are_measured() {
    let recorder = DebuggingRecorder::new();
    let mut heard = Heard(recorder.snapshotter(), BTreeMap::new());
    recorder.install().unwrap();
    let events = Events::default();
    let builder = HubServer::builder().hub(Foo(events.clone()));
    let server = Server::tcp(builder.keep_alive(Some(Duration::from_secs(2)))).await;
    let known = [("persistentId", "00000000-0000-0000-0000-00000000000b")];
    come(&server, &known).await.abort().await;
    events.come("closed", 1).await;
    let mut ann = come(&server, &[]).await;
    for n in 0..3 {
        ann.result("foo", "keep", json!([n.to_string()])).await;
    }
    let mut bob = come(&server, &known).await;
    for n in 0..3 {
        assert_eq!(bob.event().await, json!(["bar", n.to_string()]));
    }
    let all = heard.all();
    assert_eq!(all["queue_appended_total hub=foo,dup=false"], 3.0);
    assert_eq!(all["queue_append_seconds hub=foo"], 3.0);
    assert_eq!(all["replay_messages_total hub=foo"], 3.0);
    assert_eq!(all["replay_seconds hub=foo"], 1.0);
    assert!(all["notify_lag_seconds "] >= 3.0);
    // What is held is told when the log sweeps: three messages, and the lease of the client.
    let held = [
        ("queue_entries hub=foo", 3.0),
        ("queue_bytes hub=foo", 3.0 * (256.0 + 5.0)),
        ("leases hub=foo", 1.0),
        ("sweep_backlog ", 0.0),
    ];
    until(|| {
        let all = heard.all();
        let told = held.map(|(name, value)| all.get(name) == Some(&value));
        async move { (told == [true; 4]).then_some(()) }
    })
    .await;
    bob.abort().await;
    // Its time is over soon.
    until(|| {
        let expired = heard.all().get("lease_expired_total hub=foo").copied();
        async move { expired.filter(|count| *count == 1.0) }
    })
    .await;
    ann.cut();
    ann.reconnect_from(Some("d-1-1".into()), None).await;
    let gap = "gap_total hub=,why=epoch_changed";
    until(|| {
        let gaps = heard.all().get(gap).copied();
        async move { gaps.filter(|count| *count == 1.0) }
    })
    .await;
    // Names and numbers, and nothing of what clients say or who they are.
    assert!(heard.all().keys().all(|name| !name.contains("0000")));
}
