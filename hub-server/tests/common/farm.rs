//! Two nodes that share a key and a log, and nothing else.

use std::sync::Arc;

use hub_server::{Builder, ConnectionId, DeliveryError, HubHandle, Topic};

use serde_json::Value;

use super::hubs::{Events, builder};
use super::receive::{Ended, Over, Receiver};
use super::shared_log::SharedLog;
use super::{Server, until, within};

pub struct Node {
    pub server: Server,
    pub events: Events,
    pub log: Arc<SharedLog>,
    /// For sending from outside the hub `conformance`.
    pub hub: HubHandle,
}

/// Two nodes on real sockets.
pub async fn farm() -> [Node; 2] {
    let [a, b] = parts();
    [
        Node {
            server: Server::tcp_of(a.0).await,
            events: a.1,
            log: a.2,
            hub: a.3,
        },
        Node {
            server: Server::tcp_of(b.0).await,
            events: b.1,
            log: b.2,
            hub: b.3,
        },
    ]
}

/// Two nodes in memory, for a clock that is paused.
pub fn farm_in_memory() -> [Node; 2] {
    parts().map(|(server, events, log, hub)| Node {
        server: Server::memory_of(server),
        events,
        log,
        hub,
    })
}

fn parts() -> [(hub_server::HubServer, Events, Arc<SharedLog>, HubHandle); 2] {
    let logs: [Arc<SharedLog>; 2] = SharedLog::of(2).try_into().ok().unwrap();
    logs.map(|log| {
        let (builder, events): (Builder, _) = builder();
        let server = builder.key([5; 32]).log(log.clone()).build().unwrap();
        let hub = server.handle("conformance").unwrap();
        (server, events, log, hub)
    })
}

impl Node {
    pub fn has(&self, id: &str) -> bool {
        let control = Topic::Control(ConnectionId::from(id));
        self.log.topics().contains(&control)
    }

    /// Makes a connection a member, wherever it is.
    pub async fn add(&self, id: &str, group: &str) -> Result<(), DeliveryError> {
        self.hub.groups().add(&id.into(), group).await
    }

    /// Waits until the node has read that the connection is elsewhere, or over.
    pub async fn forgets(&self, id: &str) {
        until(|| async { (!self.has(id)).then_some(()) }).await;
    }
}

/// Tells everybody a number.
pub async fn to_all(node: &Node, n: i64) {
    let clients = node.hub.clients();
    within(clients.all().send("n", (n,))).await.unwrap();
}

/// Takes a poll's payload.
pub async fn answered(client: &mut Over<'_>, mut poll: Receiver) -> Value {
    let body = poll.body().await;
    assert_eq!(poll.ended, Some(Ended::Complete));
    let payload = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"));
    client.take(&payload);
    payload
}
