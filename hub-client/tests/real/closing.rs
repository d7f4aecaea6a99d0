//! Ends: the server learns of them at once, and not only when its patience ends.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use hub_client::{CallError, ClientEvent, CloseReason, HubClient, RetryPolicy, State, Transport};

use crate::each::over_each_transport;
use crate::hub::{DeskProxy, Server, Was, client_at, soon};
use crate::proxy::Proxy;

over_each_transport!(
    close_ends_the_connection_on_both_sides_at_once,
    dropping_the_last_handle_is_a_close,
    a_close_while_the_link_is_gone_reaches_the_server_too,
    an_attempt_that_is_given_up_leaves_nothing_behind,
);

/// The server's own timeout is half a minute; a busy machine may take its time.
const AT_ONCE: Duration = Duration::from_secs(15);

async fn connected(transport: Transport) -> (Server, HubClient) {
    let mut server = Server::start().await;
    let client = soon(server.client().transports([transport]).connect())
        .await
        .unwrap();
    assert_eq!(
        server.next().await,
        (client.connection_id(), Was::Connected)
    );
    (server, client)
}

async fn stops_at_once(server: &mut Server, since: Instant) {
    let (_, was) = server.next().await;
    assert_eq!(was, Was::Disconnected { stopped: true });
    assert!(since.elapsed() < AT_ONCE, "{:?}", since.elapsed());
}

async fn close_ends_the_connection_on_both_sides_at_once(transport: Transport) {
    let (mut server, client) = connected(transport).await;
    let mut events = client.client_events();
    let desk = client.hub::<DeskProxy>();
    let hanging = desk.clone();
    let mut hanging = Box::pin(async move { hanging.hang().await });
    assert!((&mut hanging).now_or_never().is_none());
    assert_eq!(desk.add(1, 1).await.unwrap(), 2);
    let before = Instant::now();
    soon(client.close()).await;
    assert!(before.elapsed() < AT_ONCE);
    stops_at_once(&mut server, before).await;
    assert!(matches!(soon(hanging).await, Err(CallError::Disconnected)));
    assert_eq!(client.state(), State::Disconnected);
    assert!(matches!(desk.add(1, 1).await, Err(CallError::NotConnected)));
    assert!(matches!(
        soon(events.next()).await,
        Some(ClientEvent::StateChanged {
            from: State::Connected,
            to: State::Disconnected
        })
    ));
    assert!(matches!(
        soon(events.next()).await,
        Some(ClientEvent::Closed(CloseReason::Client))
    ));
    assert!(soon(events.next()).await.is_none());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(server.rest(), []);
}

async fn dropping_the_last_handle_is_a_close(transport: Transport) {
    let (mut server, client) = connected(transport).await;
    let desk = client.hub::<DeskProxy>();
    let other = client.clone();
    drop(client);
    drop(other);
    // The proxy is a handle, too.
    assert_eq!(desk.add(1, 1).await.unwrap(), 2);
    assert_eq!(server.rest(), []);
    let before = Instant::now();
    drop(desk);
    stops_at_once(&mut server, before).await;
}

async fn a_close_while_the_link_is_gone_reaches_the_server_too(transport: Transport) {
    let mut server = Server::start().await;
    let proxy = Proxy::start(server.addr).await;
    let patient = RetryPolicy::every(Duration::from_secs(20));
    let client = soon(
        client_at(proxy.addr)
            .transports([transport])
            .retry(patient)
            .connect(),
    );
    let client = client.await.unwrap();
    assert_eq!(server.next().await.1, Was::Connected);
    let mut states = client.states();
    proxy.cut();
    soon(states.wait_for(|state| *state == State::Reconnecting))
        .await
        .unwrap();
    let before = Instant::now();
    soon(client.close()).await;
    stops_at_once(&mut server, before).await;
}

async fn an_attempt_that_is_given_up_leaves_nothing_behind(transport: Transport) {
    let mut server = Server::start().await;
    for micros in (0..100).map(|n| n * 200) {
        let connect = server.client().transports([transport]).connect();
        let given_up = tokio::time::timeout(Duration::from_micros(micros), connect);
        drop(given_up.await);
    }
    // Who got so far that the server knew it is gone again, and at once. (A client that was given up before its start
    // is told of as disconnected only.)
    let mut here = HashSet::new();
    let before = Instant::now();
    loop {
        let next = tokio::time::timeout(Duration::from_secs(1), server.events.recv());
        match next.await {
            Ok(Some((id, Was::Connected))) => assert!(here.insert(id)),
            Ok(Some((id, Was::Disconnected { stopped: true }))) => {
                here.remove(&id);
            }
            Ok(told) => panic!("{told:?}"),
            Err(_) if here.is_empty() => break,
            Err(_) => assert!(before.elapsed() < AT_ONCE, "{here:?}"),
        }
    }
}
