//! Sending from outside of hubs, so that nothing depends on a caller's own connection.

use hub_server::{Builder, ConnectionId, HubHandle};

use super::hubs::{Events, builder};
use super::{Client, Server};

/// A server on a real socket, with a handle of the hub `conformance`.
pub async fn tcp(set: impl FnOnce(Builder) -> Builder) -> (Server, HubHandle, Events) {
    let (builder, events) = builder();
    let server = set(builder).build().unwrap();
    let hub = server.handle("conformance").unwrap();
    (Server::tcp_of(server).await, hub, events)
}

/// The same in memory.
pub fn memory(set: impl FnOnce(Builder) -> Builder) -> (Server, HubHandle, Events) {
    let (builder, events) = builder();
    let server = set(builder).build().unwrap();
    let hub = server.handle("conformance").unwrap();
    (Server::memory_of(server), hub, events)
}

/// The settings as they are.
pub fn same(builder: Builder) -> Builder {
    builder
}

/// Tells everybody a number.
pub async fn to_all(hub: &HubHandle, n: i64) {
    hub.clients().all().send("n", (n,)).await.unwrap();
}

pub fn id(client: &Client<'_>) -> ConnectionId {
    client.id.as_str().into()
}

/// The numbers of the next events `["n", number]`.
pub async fn numbers(client: &mut Client<'_>, count: usize) -> Vec<i64> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let event = client.event().await;
        assert_eq!(event[0], "n", "{event}");
        numbers.push(event[1].as_i64().unwrap());
    }
    numbers
}
