//! Clients that don't read, on real sockets, and a hub that writes down what it hears of them.

use std::collections::BTreeMap;
use std::time::Duration;

use hub_server::{
    Builder, Context, GapCause, HubError, HubHandle, HubServer, LiveSession, Pressure, Resumed, hub,
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use super::hubs::Events;
use super::{Client, Server, until};

pub const HUB: &[&str] = &["ticker"];

/// The hub `ticker`.
pub struct Ticker(Events);

#[hub(name = "ticker")]
impl Ticker {
    async fn on_opened(&self, cx: &Context) -> Result<(), HubError> {
        self.0.add(cx, "opened");
        if cx.persistent_id().is_some() {
            cx.online_publish().await?;
            cx.offline_subscribe(["kept"], Duration::from_secs(60))
                .await?;
        }
        Ok(())
    }

    async fn on_reconnected(&self, cx: &Context, resumed: Resumed) {
        let why = resumed.gaps.iter().map(|gap| match gap.why {
            GapCause::Trimmed => ":trimmed",
            GapCause::Dropped => ":dropped",
            _ => ":other",
        });
        self.0
            .add(cx, format!("reconnected{}", why.collect::<String>()));
    }

    fn on_pressure(&self, cx: &Context, pressure: Pressure) {
        self.0.add(cx, format!("{pressure:?}"));
    }

    fn nothing(&self) {}
}

/// A server on a real socket, with a handle of the hub `ticker`.
pub async fn ticker(set: impl FnOnce(Builder) -> Builder) -> (Server, HubHandle, Events) {
    let events = Events::default();
    let server = set(HubServer::builder().hub(Ticker(events.clone())));
    let server = server.build().unwrap();
    let hub = server.handle("ticker").unwrap();
    (Server::tcp_of(server).await, hub, events)
}

pub fn session(hub: &HubHandle, id: &str) -> LiveSession {
    hub.sessions().get(&id.into()).unwrap()
}

/// Sends a client that reads nothing so much that more waits for it than its socket takes; gives how many events `["filler", n]`
/// those were.
pub async fn clog(hub: &HubHandle, client: &Client<'_>) -> i64 {
    let session = session(hub, &client.id);
    for n in 0..1_000 {
        filler(hub, client, n).await;
        // Its task has had its turn, several times.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        if session.waiting() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if session.waiting() > 0 {
            return n + 1;
        }
    }
    panic!("its socket takes everything");
}

/// The same, and then so much that an outbox of 100,000 bytes is full, too.
#[allow(dead_code, reason = "not every test wants it")]
pub async fn fill(hub: &HubHandle, client: &Client<'_>) -> i64 {
    let fillers = clog(hub, client).await;
    for n in fillers..fillers + 2 {
        filler(hub, client, n).await;
    }
    fillers + 2
}

async fn filler(hub: &HubHandle, client: &Client<'_>, n: i64) {
    let one = hub.clients().client(&client.id);
    one.send("filler", (n, "x".repeat(60_000))).await.unwrap();
}

/// Reads the fillers of a client that was clogged.
pub async fn unclog(client: &mut Client<'_>, fillers: i64) {
    for n in 0..fillers {
        let event = client.event().await;
        assert_eq!((&event[0], event[1].as_i64()), (&"filler".into(), Some(n)));
    }
}

/// What a recorder of this thread hears: names with their labels, and sums.
pub struct Heard(Snapshotter, BTreeMap<String, u64>);

impl Heard {
    /// It lasts as long as the guard.
    pub fn begin(recorder: &DebuggingRecorder) -> (Self, metrics::LocalRecorderGuard<'_>) {
        let heard = Self(recorder.snapshotter(), BTreeMap::new());
        (heard, metrics::set_default_local_recorder(recorder))
    }

    /// A counter.
    pub fn count(&mut self, name: &str) -> u64 {
        for (key, _, _, value) in self.0.snapshot().into_vec() {
            let key = key.key();
            let labels = key.labels();
            let labels = labels.map(|label| format!("{}={}", label.key(), label.value()));
            let name = format!("{} {}", key.name(), labels.collect::<Vec<_>>().join(","));
            if let DebugValue::Counter(count) = value {
                // A snapshot takes what is new.
                *self.1.entry(name).or_default() += count;
            }
        }
        self.1.get(name).copied().unwrap_or_default()
    }

    /// Waits until a counter is that high.
    pub async fn becomes(&mut self, name: &str, count: u64) {
        until(|| {
            let is = self.count(name) == count;
            async move { is.then_some(()) }
        })
        .await;
    }
}
