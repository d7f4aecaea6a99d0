//! The two lanes to a live session: what is sent overtakes what is posted, and nothing is lost in silence (`delivery.md` c).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::outside::{id, memory, numbers, same, tcp};
use common::receive::{POLL, SSE};
use common::until;
use common::wires::{BOB, Servers};
use common::{Client, Server};
use hub_server::{
    DeliveryError, HubHandle, HubServer, LiveSession, Outgoing, Queued, Sent, async_trait,
};
use serde_json::json;

const HUB: &[&str] = &["conformance"];
const MIB: usize = 1 << 20;

fn session(hub: &HubHandle, client: &Client<'_>) -> LiveSession {
    hub.sessions().get(&id(client)).unwrap()
}

/// Posts more than a pipe and a write take: the rest waits.
async fn posts(session: &LiveSession, numbers: std::ops::Range<i64>) {
    let filler = "x".repeat(200);
    for n in numbers {
        session.post("n", (n, &filler)).await.unwrap();
    }
}

/// Reads events up to the first that overtakes; gives the numbers before it.
async fn up_to_high(client: &mut Client<'_>) -> Vec<i64> {
    let mut numbers = Vec::new();
    loop {
        let event = client.event().await;
        match &*event[0].as_str().unwrap().to_owned() {
            "n" => numbers.push(event[1].as_i64().unwrap()),
            "high" => return numbers,
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn what_is_sent_overtakes_what_waits_and_keeps_its_own_order() {
    let (server, hub, _) = memory(same);
    let mut client = server.client(HUB).await;
    let session = session(&hub, &client);
    posts(&session, 0..1_000).await;
    for n in 0..50 {
        let sent = session.send("high", (n,)).await.unwrap();
        assert_eq!(sent, Sent::Overtook);
    }
    let mut seen = up_to_high(&mut client).await;
    assert!(seen.len() < 900, "{} were there before", seen.len());
    let mut high = 1;
    while seen.len() < 1_000 || high < 50 {
        let event = client.event().await;
        if event[0] == "high" {
            assert_eq!(event[1], high);
            high += 1;
        } else {
            seen.push(event[1].as_i64().unwrap());
        }
    }
    assert_eq!(seen, (0..1_000).collect::<Vec<_>>());
    client.no_event().await;
}

#[tokio::test]
async fn a_client_that_is_cut_after_it_was_overtaken_misses_nothing_and_gets_nothing_twice() {
    for behind in [false, true] {
        let (server, hub, _) = memory(|builder| {
            let builder = builder.retain(100_000, 64 * MIB);
            if behind {
                builder.outbox(16, 8 << 10)
            } else {
                builder
            }
        });
        let mut client = server.client(HUB).await;
        let session = session(&hub, &client);
        posts(&session, 0..1_000).await;
        // Where the outbox is small it may be full of posts.
        let sent = session.send("high", ()).await.unwrap();
        if !behind {
            assert_eq!(sent, Sent::Overtook);
        }
        let before = up_to_high(&mut client).await;
        client.cut();
        client.reconnect().await;
        let next = i64::try_from(before.len()).unwrap();
        let rest = usize::try_from(1_000 - next).unwrap();
        assert_eq!(before, (0..next).collect::<Vec<_>>());
        assert_eq!(
            numbers(&mut client, rest).await,
            (next..1_000).collect::<Vec<_>>()
        );
        client.no_event().await;
    }
}

#[tokio::test]
async fn a_client_that_is_away_or_polls_gets_what_is_sent_in_its_turn() {
    let (server, hub, _) = tcp(same).await;
    let mut client = server.client(HUB).await;
    let ws = session(&hub, &client);
    client.cut();
    until(|| async { (ws.send("high", (1,)).await.unwrap() == Sent::Posted).then_some(()) }).await;
    assert_eq!(ws.try_send("high", (2,)).unwrap(), Sent::Posted);
    ws.try_post("high", (3,)).unwrap();
    client.reconnect().await;
    let mut last = json!(0);
    while last != 3 {
        last = client.event().await[1].clone();
    }

    let mut polls = server.over(POLL, HUB).await;
    let session = hub.sessions().get(&polls.id.as_str().into()).unwrap();
    assert_eq!(session.send("high", ("poll",)).await.unwrap(), Sent::Posted);
    assert_eq!(polls.event().await, json!(["high", "poll"]));

    let mut stream = server.over(SSE, HUB).await;
    let session = hub.sessions().get(&stream.id.as_str().into()).unwrap();
    assert_eq!(
        session.send("high", ("sse",)).await.unwrap(),
        Sent::Overtook
    );
    assert_eq!(stream.event().await, json!(["high", "sse"]));
    stream.no_event().await;
}

#[tokio::test]
async fn what_never_waits_says_that_there_is_no_room() {
    let (server, hub, _) = memory(|builder| builder.outbox(8, 4 << 10).retain(100_000, 64 * MIB));
    let mut client = server.client(HUB).await;
    let session = session(&hub, &client);
    let filler = "x".repeat(300);
    let mut posted = 0;
    // The reader does not read: the outbox fills, once the pipe has.
    let full = loop {
        match session.try_post("n", (posted, &filler)) {
            Ok(()) => posted += 1,
            Err(error) => break error,
        }
        tokio::task::yield_now().await;
        assert!(posted < 10_000);
    };
    assert!(matches!(full, DeliveryError::Full), "{full}");
    let mut sent = 0;
    let full = loop {
        match session.try_send("high", (sent, &filler)) {
            Ok(how) => assert_eq!(how, Sent::Overtook),
            Err(error) => break error,
        }
        sent += 1;
        assert!(sent < 100);
    };
    assert!(matches!(full, DeliveryError::Full), "{full}");
    // Those that may wait go in their turn.
    assert_eq!(
        session.send("n", (posted, &filler)).await.unwrap(),
        Sent::Posted
    );
    let (mut numbers, mut high) = (0, 0);
    while numbers <= posted || high < sent {
        let event = client.event().await;
        let count = if event[0] == "high" {
            &mut high
        } else {
            &mut numbers
        };
        assert_eq!(event[1], *count, "{event}");
        *count += 1;
    }
    client.no_event().await;
    // There is room again.
    session.try_post("n", (posted + 1,)).unwrap();
    assert_eq!(client.event().await[1], posted + 1);
}

#[tokio::test]
async fn posts_that_nobody_waits_for_are_bounded_also_without_a_reader_that_is_slow() {
    let (server, hub, _) =
        memory(|builder| builder.outbox(100_000, 64 * MIB).retain(100_000, 64 * MIB));
    let client = server.client(HUB).await;
    let session = session(&hub, &client);
    // The pump does not run meanwhile: this task does not wait.
    let taken = (0..5_000).take_while(|n| session.try_post("n", (n,)).is_ok());
    assert_eq!(taken.count(), 1_024);
    until(|| async { session.try_post("n", ()).ok() }).await;
}

#[tokio::test]
async fn who_acknowledges_by_numbers_gets_what_overtakes_without_one() {
    for tcp in [true, false] {
        let server = HubServer::builder().hub(common::wires::Foo);
        let (servers, hub) = Servers::with_handle(server, "foo").await;
        let mut bob = servers.client(tcp, &format!("{BOB}&qos=1")).await;
        bob.open().await;
        let session = hub.sessions().all().pop().unwrap();
        session.post("bar", ("one",)).await.unwrap();
        assert_eq!(bob.hear().await, "bar#1|one");
        until(|| async {
            (session.send("high", ("two",)).await.unwrap() == Sent::Overtook).then_some(())
        })
        .await;
        session.post("bar", ("three",)).await.unwrap();
        // The next number is for what is posted next.
        assert_eq!(bob.hear().await, "high|two");
        assert_eq!(bob.hear().await, "bar#2|three");
        bob.say("9", "2").await;
        bob.nothing_more().await;
    }
}

/// Lets nothing pass that says so, and takes its time with others.
struct Gate;

#[async_trait]
impl hub_server::Filter for Gate {
    async fn send(
        &self,
        outgoing: Outgoing,
        next: hub_server::Next<'_, Outgoing>,
    ) -> Result<Option<Queued>, DeliveryError> {
        match &*outgoing.event.method {
            "refused" => Err(DeliveryError::Refused("no".into())),
            "slow" => {
                tokio::task::yield_now().await;
                next.run(outgoing).await
            }
            _ => next.run(outgoing).await,
        }
    }
}

#[tokio::test]
async fn both_lanes_pass_the_filters() {
    let (server, hub, _) = memory(|builder| builder.filter(Gate));
    let mut client = server.client(HUB).await;
    let session = session(&hub, &client);
    let refused = |error| matches!(error, DeliveryError::Refused(_));
    assert!(refused(session.post("refused", ()).await.unwrap_err()));
    assert!(refused(session.send("refused", ()).await.unwrap_err()));
    assert!(refused(session.try_post("refused", ()).unwrap_err()));
    assert!(refused(session.try_send("refused", ()).unwrap_err()));
    assert!(matches!(
        session.try_send("slow", ()),
        Err(DeliveryError::Full)
    ));
    assert!(matches!(
        session.try_post("slow", ()),
        Err(DeliveryError::Full)
    ));
    assert_eq!(session.send("slow", (1,)).await.unwrap(), Sent::Overtook);
    session.post("slow", (2,)).await.unwrap();
    assert_eq!(session.try_send("fast", (3,)).unwrap(), Sent::Overtook);
    for n in [1, 2, 3] {
        assert_eq!(client.event().await[1], n);
    }
    client.no_event().await;
    let unfit = session.send("bad", "no array").await.unwrap_err();
    assert!(matches!(unfit, DeliveryError::Arguments(_)));
    let _: &Server = &server;
}
