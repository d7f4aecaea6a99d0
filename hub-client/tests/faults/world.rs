//! The server that clients of these tests have, and what they hear from it.

use std::net::SocketAddr;
use std::time::Duration;

use hub_core::{AckOptions, Acks, Context, HubError, hub, hub_client};
use hub_server::{HubHandle, HubServer};
use tokio::task::JoinHandle;

/// How long a client tries to come back. A server can be set to six seconds, which a busy machine may be away for.
pub(crate) const DISCONNECT: Duration = Duration::from_secs(8);

/// What clients call.
#[hub]
pub(crate) trait Counter {
    async fn join(&self, cx: &Context, group: String) -> Result<(), HubError>;
    async fn double(&self, number: u64) -> Result<u64, HubError>;
}

/// What the server calls.
#[hub_client]
pub(crate) trait CounterClient {
    async fn number(&self, number: u64) -> Result<(), HubError>;
}

struct RealCounter;

#[hub]
impl Counter for RealCounter {
    async fn join(&self, cx: &Context, group: String) -> Result<(), HubError> {
        Ok(cx.join(group).await?)
    }

    async fn double(&self, number: u64) -> Result<u64, HubError> {
        Ok(2 * number)
    }
}

/// A server, which stops with this.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    hub: HubHandle,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let server = HubServer::builder()
            .hub(RealCounter)
            .disconnect_timeout(DISCONNECT)
            .connection_timeout(Duration::from_secs(2))
            // A try to come back that falls silent leaves time for another.
            .transport_connect_timeout(Duration::from_secs(3))
            .key([7; 32])
            .build()
            .unwrap();
        let hub = server.handle("counter").unwrap();
        let bound = server.bind("127.0.0.1:0").await.unwrap();
        Self {
            addr: bound.local_addr(),
            hub,
            serving: tokio::spawn(bound.serve()),
        }
    }

    /// Sends a number, one way or another.
    pub(crate) async fn send(&self, id: &str, number: u64) {
        let clients = self.hub.clients();
        let to = match number % 3 {
            0 => clients.client(id),
            1 => clients.group("g"),
            _ => clients.all(),
        };
        to.number(number).await.unwrap();
    }

    /// Asks a client to double a number.
    pub(crate) fn ask(&self, id: &str, number: u64) -> JoinHandle<Acks> {
        let client = self.hub.clients().client(id);
        tokio::spawn(async move {
            let how = AckOptions::within(Duration::from_secs(60));
            client.send_with_ack("asked", (number,), how).await.unwrap()
        })
    }

    pub(crate) async fn stop(mut self) {
        self.serving.abort();
        // The sockets are gone when the task is.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
