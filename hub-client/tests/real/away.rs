//! Servers that are started again, stay away, or fall silent.

use std::time::{Duration, Instant};

use hub_client::{
    CallError, ClientEvent, ClientEvents, CloseReason, HubClient, LinkError, RetryPolicy, State,
};
use tokio::sync::mpsc;

use crate::hub::{DeskProxy, Server, To, Was, client_at, soon};
use crate::proxy::Proxy;

struct Case {
    server: Server,
    proxy: Proxy,
    client: HubClient,
    desk: DeskProxy,
    events: ClientEvents,
    noted: mpsc::UnboundedReceiver<u64>,
}

/// A client of this server, over a proxy, in the group `g`.
async fn connected(mut server: Server) -> Case {
    let proxy = Proxy::start(server.addr).await;
    let (seen, noted) = mpsc::unbounded_channel();
    let client = client_at(proxy.addr)
        .retry(RetryPolicy::every(Duration::from_millis(50)))
        .on("desk", "noted", move |(_, number): (String, u64)| {
            let seen = seen.clone();
            async move { seen.send(number).unwrap() }
        })
        .connect();
    let client = soon(client).await.unwrap();
    let desk: DeskProxy = client.hub();
    soon(desk.join("g".into())).await.unwrap();
    assert_eq!(
        server.next().await,
        (client.connection_id(), Was::Connected)
    );
    let events = client.client_events();
    Case {
        server,
        proxy,
        client,
        desk,
        events,
        noted,
    }
}

async fn changed(events: &mut ClientEvents, expected: (State, State)) {
    match soon(events.next()).await {
        Some(ClientEvent::StateChanged { from, to }) => assert_eq!((from, to), expected),
        other => panic!("no change of state: {other:?}"),
    }
}

/// Sends these numbers to the group and to the connection in turn.
async fn note(server: &Server, client: &HubClient, numbers: std::ops::Range<u64>) {
    let other = soon(server.client().connect()).await.unwrap();
    let desk: DeskProxy = other.hub();
    for number in numbers {
        let to = match number % 2 {
            0 => To::Group("g".into()),
            _ => To::Connection(client.connection_id().to_string()),
        };
        desk.note(to, "x".into(), number).await.unwrap();
    }
    other.close().await;
}

async fn hears(case: &mut Case, numbers: std::ops::Range<u64>) {
    for number in numbers {
        assert_eq!(soon(case.noted.recv()).await, Some(number));
    }
}

#[tokio::test]
async fn a_server_that_is_started_again_gets_its_clients_back() {
    let mut case = connected(Server::start().await).await;
    note(&case.server, &case.client, 0..10).await;
    hears(&mut case, 0..10).await;
    let hanging = {
        let desk = case.desk.clone();
        tokio::spawn(async move { desk.hang().await })
    };
    // It is on its way when the answer to a later call is here.
    assert_eq!(case.desk.add(1, 1).await.unwrap(), 2);
    for round in 1..=3 {
        case.proxy.lead(None);
        let again = Server::start().await;
        let before = std::mem::replace(&mut case.server, again);
        before.stop().await;
        assert!(matches!(
            soon(case.events.next()).await,
            Some(ClientEvent::Lost(_))
        ));
        changed(&mut case.events, (State::Connected, State::Reconnecting)).await;
        assert!(matches!(
            case.desk.add(1, 1).await,
            Err(CallError::NotConnected)
        ));
        // Some attempts fail.
        tokio::time::sleep(Duration::from_millis(200)).await;
        case.proxy.lead(Some(case.server.addr));
        changed(&mut case.events, (State::Reconnecting, State::Connected)).await;
        let (who, was) = case.server.next().await;
        assert_eq!(who, case.client.connection_id());
        // What the old server had is gone, and the new one says so.
        assert!(matches!(was, Was::Reconnected(gaps) if gaps > 0), "{was:?}");
        let told = soon(case.events.next()).await;
        assert!(matches!(told, Some(ClientEvent::Gap { .. })), "{told:?}");
        assert_eq!(soon(case.desk.add(1, 1)).await.unwrap(), 2);
        let numbers = round * 100..round * 100 + 10;
        note(&case.server, &case.client, numbers.clone()).await;
        hears(&mut case, numbers).await;
    }
    assert!(matches!(
        soon(hanging).await.unwrap(),
        Err(CallError::Reconnecting)
    ));
}

#[tokio::test]
async fn a_server_that_stays_away_is_given_up_after_its_disconnect_timeout() {
    let mut case = connected(Server::impatient().await).await;
    let before = Instant::now();
    case.proxy.lead(None);
    case.server.stop().await;
    assert!(matches!(
        soon(case.events.next()).await,
        Some(ClientEvent::Lost(_))
    ));
    changed(&mut case.events, (State::Connected, State::Reconnecting)).await;
    changed(&mut case.events, (State::Reconnecting, State::Disconnected)).await;
    let waited = before.elapsed();
    assert!(waited >= Duration::from_secs(6), "{waited:?}");
    assert!(waited < Duration::from_secs(15), "{waited:?}");
    let Some(ClientEvent::Closed(reason)) = soon(case.events.next()).await else {
        panic!("not closed");
    };
    assert_eq!(
        reason.to_string(),
        "Couldn't reconnect within the configured timeout of 6000 ms, disconnecting."
    );
    assert!(matches!(reason, CloseReason::GaveUp { last: Some(_), .. }));
    assert_eq!(case.client.state(), State::Disconnected);
    assert!(matches!(
        case.desk.add(1, 1).await,
        Err(CallError::NotConnected)
    ));
    soon(case.client.close()).await;
}

#[tokio::test]
async fn a_silent_network_is_slow_then_lost_and_then_left() {
    let mut case = connected(Server::impatient().await).await;
    // Keep-alives come every two seconds, and nothing is lost. (A machine that stalls may make it slow.)
    let calm = tokio::time::timeout(Duration::from_secs(7), async {
        while let Some(ClientEvent::Slow) = case.events.next().await {}
    });
    assert!(calm.await.is_err(), "more than slow in quiet times");
    let before = Instant::now();
    case.proxy.freeze();
    let hanging = {
        let desk = case.desk.clone();
        tokio::spawn(async move { desk.add(1, 1).await })
    };
    note(&case.server, &case.client, 0..10).await;
    assert!(matches!(
        soon(case.events.next()).await,
        Some(ClientEvent::Slow)
    ));
    let Some(ClientEvent::Lost(LinkError::Silent(allowed))) = soon(case.events.next()).await else {
        panic!("not lost");
    };
    assert_eq!(allowed, Duration::from_secs(4));
    let waited = before.elapsed();
    // The last keep-alive may be up to two seconds old when the network falls silent.
    assert!(waited > Duration::from_secs(1), "{waited:?}");
    assert!(waited < Duration::from_secs(15), "{waited:?}");
    changed(&mut case.events, (State::Connected, State::Reconnecting)).await;
    changed(&mut case.events, (State::Reconnecting, State::Connected)).await;
    assert!(matches!(
        soon(hanging).await.unwrap(),
        Err(CallError::Reconnecting)
    ));
    hears(&mut case, 0..10).await;
    assert_eq!(soon(case.desk.add(1, 1)).await.unwrap(), 2);
    note(&case.server, &case.client, 10..20).await;
    hears(&mut case, 10..20).await;
    let id = case.client.connection_id();
    let was = case.server.rest().into_iter().filter(|(who, _)| *who == id);
    let was: Vec<_> = was.map(|(_, was)| was).collect();
    assert_eq!(was, [Was::Reconnected(0)]);
}
