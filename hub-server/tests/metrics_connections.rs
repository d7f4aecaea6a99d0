//! What a recorder hears of connections and calls. One test: a process has one recorder.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::known::{ANN, BOB};
use common::outside::same;
use common::parting::Kind;
use common::receive::{ALL, POLL, SSE};
use common::stops::house;
use common::{until, within};
use hub_server::ShutdownOptions;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

/// Everything so far: names with their labels, and sums.
struct Heard(Snapshotter, BTreeMap<String, f64>);

impl Heard {
    fn all(&mut self) -> &BTreeMap<String, f64> {
        for (key, _, _, value) in self.0.snapshot().into_vec() {
            let key = key.key();
            let mut name = key.name().to_owned();
            for label in key.labels() {
                name += &format!(" {}", label.value());
            }
            // A snapshot takes what is new.
            let sum = self.1.entry(name).or_default();
            match value {
                DebugValue::Counter(count) => *sum += f64::from(u32::try_from(count).unwrap()),
                DebugValue::Gauge(change) => *sum += change.into_inner(),
                DebugValue::Histogram(values) => *sum += values.len() as f64,
            }
        }
        &self.1
    }

    async fn becomes(&mut self, name: &str, value: f64) {
        until(|| {
            let is = self.all().get(name) == Some(&value);
            async move { is.then_some(()) }
        })
        .await;
    }
}

const ACTIVE: &str = "signalr.server.active_connections";
const DURATION: &str = "signalr.server.connection.duration";

#[tokio::test]
async fn connections_and_calls_are_measured() {
    let recorder = DebuggingRecorder::new();
    let mut heard = Heard(recorder.snapshotter(), BTreeMap::new());
    recorder.install().unwrap();
    let options = ShutdownOptions::from(Duration::from_secs(30)).spread(Duration::ZERO);
    let (house, server) = house(same, options).await;
    let http = &house.servers.http;
    let mut over = Vec::new();
    for transport in ALL {
        over.push(http.over(transport, &["foo"]).await);
    }
    let mut client = http.client(&["foo"]).await;
    let (text, _) = house.come(Kind::Text, ANN).await;
    let (packets, _) = house.come(Kind::Packets, BOB).await;
    for (transport, count) in [
        ("server_sent_events", 1.0),
        ("forever_frame", 1.0),
        ("long_polling", 1.0),
        ("web_sockets", 2.0),
        ("text", 1.0),
    ] {
        heard.becomes(&format!("{ACTIVE} {transport}"), count).await;
    }
    client.result("foo", "nothing", serde_json::json!([])).await;
    client.call("foo", "unknown", serde_json::json!([])).await;
    let all = heard.all();
    assert_eq!(all["calls_total foo ok"], 1.0);
    assert_eq!(all["calls_total foo error"], 1.0);
    assert_eq!(all["call_seconds foo"], 2.0);
    // One goes by itself, one is lost, one comes back by another transport.
    client.abort().await;
    heard
        .becomes(&format!("{DURATION} normal_closure web_sockets"), 1.0)
        .await;
    heard.becomes(&format!("{ACTIVE} web_sockets"), 1.0).await;
    drop(text);
    heard.becomes(&format!("{ACTIVE} text"), 0.0).await;
    let mut sse = over.remove(0).by(POLL);
    let poll = sse.come("/reconnect").await;
    heard
        .becomes(&format!("{ACTIVE} server_sent_events"), 0.0)
        .await;
    heard.becomes(&format!("{ACTIVE} long_polling"), 2.0).await;
    drop(poll);
    sse.stream = None;
    let polls = sse.by(SSE);
    drop(polls);
    // The rest goes with the server.
    let stopped = server.stop();
    drop((packets, over));
    within(stopped).await.unwrap();
    for transport in ["forever_frame", "long_polling", "web_sockets"] {
        let gone = heard.all()[&format!("{ACTIVE} {transport}")];
        assert_eq!(gone, 0.0, "{transport}");
    }
    let all = heard.all();
    let shut: f64 = all
        .iter()
        .filter(|(name, _)| name.starts_with(&format!("{DURATION} app_shutdown")))
        .map(|(_, count)| count)
        .sum();
    assert!(shut >= 3.0, "{all:?}");
    assert!(all.keys().all(|name| !name.contains("0000")));
}
