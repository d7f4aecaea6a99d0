//! A contract, a hub that fulfils it, and a server that can be stopped and started again.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use hub_client::HubClient;
use hub_core::{ConnectionId, Context, HubError, Progress, Resumed, hub, hub_client};
use hub_server::{Authenticate, HubServer, Identity};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Waits for what has to come soon.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    let allowed = Duration::from_secs(60);
    let outcome = tokio::time::timeout(allowed, work).await;
    outcome.unwrap_or_else(|_| panic!("nothing for {allowed:?}"))
}

/// Who gets a note.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum To {
    All,
    Group(String),
    User(String),
    Connection(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) price: f64,
    pub(crate) tags: Vec<String>,
    pub(crate) parent: Option<Box<Self>>,
}

/// What clients call.
#[hub]
pub(crate) trait Desk {
    async fn add(&self, a: i64, b: i64) -> Result<i64, HubError>;
    async fn echo(&self, value: Value) -> Result<Value, HubError>;
    async fn copy(&self, item: Item, times: u32) -> Result<Vec<Item>, HubError>;
    async fn nothing(&self) -> Result<(), HubError>;
    async fn refuse(&self, text: String, data: Value) -> Result<(), HubError>;
    async fn fail(&self, text: String) -> Result<(), HubError>;
    async fn slow(&self, ms: u64, value: u64) -> Result<u64, HubError>;
    /// Never returns.
    async fn hang(&self) -> Result<(), HubError>;
    async fn count(&self, upto: u32, progress: Progress<u32>) -> Result<String, HubError>;
    async fn join(&self, cx: &Context, group: String) -> Result<(), HubError>;
    async fn note(&self, cx: &Context, to: To, from: String, number: u64) -> Result<(), HubError>;
    /// Sends this text, and a very long one of so many letters.
    async fn say(&self, cx: &Context, text: String, letters: usize) -> Result<(), HubError>;
}

/// What the server calls.
#[hub_client]
pub(crate) trait DeskClient {
    async fn noted(&self, from: String, number: u64) -> Result<(), HubError>;
    async fn said(&self, text: String) -> Result<(), HubError>;
}

/// What happened to a connection on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Was {
    Connected,
    /// With so many gaps.
    Reconnected(usize),
    Disconnected {
        stopped: bool,
    },
}

struct RealDesk(mpsc::UnboundedSender<(ConnectionId, Was)>);

impl RealDesk {
    fn tell(&self, cx: &Context, was: Was) {
        // The test may be over.
        let _ = self.0.send((cx.connection_id().clone(), was));
    }
}

#[hub]
impl Desk for RealDesk {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        self.tell(cx, Was::Connected);
        Ok(())
    }

    async fn on_reconnected(&self, cx: &Context, resumed: Resumed) -> Result<(), HubError> {
        self.tell(cx, Was::Reconnected(resumed.gaps.len()));
        Ok(())
    }

    async fn on_disconnected(&self, cx: &Context, stopped: bool) -> Result<(), HubError> {
        self.tell(cx, Was::Disconnected { stopped });
        Ok(())
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64, HubError> {
        Ok(a + b)
    }

    async fn echo(&self, value: Value) -> Result<Value, HubError> {
        Ok(value)
    }

    async fn copy(&self, item: Item, times: u32) -> Result<Vec<Item>, HubError> {
        Ok((0..times).map(|_| item.clone()).collect())
    }

    async fn nothing(&self) -> Result<(), HubError> {
        Ok(())
    }

    async fn refuse(&self, text: String, data: Value) -> Result<(), HubError> {
        Err(HubError::new(text).with_data(&data))
    }

    async fn fail(&self, text: String) -> Result<(), HubError> {
        Err(HubError::internal(text))
    }

    async fn slow(&self, ms: u64, value: u64) -> Result<u64, HubError> {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Ok(value)
    }

    async fn hang(&self) -> Result<(), HubError> {
        std::future::pending().await
    }

    async fn count(&self, upto: u32, progress: Progress<u32>) -> Result<String, HubError> {
        for number in 0..upto {
            progress.report(number).await?;
        }
        Ok(format!("{upto} counted"))
    }

    async fn join(&self, cx: &Context, group: String) -> Result<(), HubError> {
        Ok(cx.join(group).await?)
    }

    async fn note(&self, cx: &Context, to: To, from: String, number: u64) -> Result<(), HubError> {
        let clients = cx.clients();
        let to = match to {
            To::All => clients.all(),
            To::Group(name) => clients.group(name),
            To::User(name) => clients.user(name),
            To::Connection(id) => clients.client(id),
        };
        to.noted(from, number).await
    }

    async fn say(&self, cx: &Context, text: String, letters: usize) -> Result<(), HubError> {
        cx.clients().caller().said(text).await?;
        cx.clients().caller().said("ö".repeat(letters)).await
    }
}

/// Believes what a client says about who it is.
struct Trusting;

#[async_trait]
impl Authenticate for Trusting {
    async fn authenticate(
        &self,
        head: &http::request::Parts,
    ) -> Result<Identity, hub_server::Unauthenticated> {
        let name = head.headers.get("x-user").and_then(|v| v.to_str().ok());
        Ok(name.map(Identity::named).unwrap_or_default())
    }
}

/// A server, which stops with this.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) events: mpsc::UnboundedReceiver<(ConnectionId, Was)>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// A server that everybody keeps their connection to when it is started again.
    pub(crate) async fn start() -> Self {
        Self::of(|builder| builder).await
    }

    /// With the shortest times that a server can be set to.
    pub(crate) async fn impatient() -> Self {
        Self::of(|builder| builder.disconnect_timeout(Duration::from_secs(6))).await
    }

    pub(crate) async fn of(set: impl FnOnce(hub_server::Builder) -> hub_server::Builder) -> Self {
        let (told, events) = mpsc::unbounded_channel();
        let builder = HubServer::builder()
            .hub(RealDesk(told))
            .authenticate(Trusting)
            .key([7; 32]);
        let bound = set(builder).build().unwrap().bind("127.0.0.1:0").await;
        let bound = bound.unwrap();
        Self {
            addr: bound.local_addr(),
            events,
            serving: tokio::spawn(bound.serve()),
        }
    }

    pub(crate) fn client(&self) -> hub_client::Builder {
        client_at(self.addr)
    }

    /// What happens next, and to whom.
    pub(crate) async fn next(&mut self) -> (ConnectionId, Was) {
        soon(self.events.recv()).await.unwrap()
    }

    /// What happened that nobody asked for yet.
    pub(crate) fn rest(&mut self) -> Vec<(ConnectionId, Was)> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }

    pub(crate) async fn stop(self) {
        self.serving.abort();
        // The sockets are gone when the task is.
        let _ = (&mut { self }.serving).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub(crate) fn client_at(addr: SocketAddr) -> hub_client::Builder {
    HubClient::builder(format!("http://{addr}/signalr")).hub("desk")
}
