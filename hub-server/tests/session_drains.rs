//! How live sessions that poll end, and what a drain may wait for (`delivery.md` c).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::known::BOB;
use common::outside::{memory, same};
use common::parting::House;
use common::receive::{Ended, POLL};
use common::{until, within};
use hub_server::{Builder, DrainOptions, HubHandle, LiveSession};

/// Keeps everything.
fn roomy(builder: Builder) -> Builder {
    builder.retain(100_000, 256 << 20)
}

/// A hub handle's session of a client that polls.
fn polling(hub: &HubHandle, id: &str) -> LiveSession {
    hub.sessions().get(&id.into()).unwrap()
}

#[tokio::test]
async fn polls_end_with_their_session() {
    let (server, hub, events) = memory(roomy);
    let hubs = &["conformance"];
    // One that waits is answered as at any other end.
    let polls = server.over(POLL, hubs).await;
    let mut poll = polls.come("/poll").await;
    polling(&hub, &polls.id).close(4000, "why").await.unwrap();
    assert!(poll.body().await.contains("\"C\""));
    events
        .become_for(&polls.id, &["connected", "disconnected:true"])
        .await;
    // Or cut.
    let polls = server.over(POLL, hubs).await;
    let mut poll = polls.come("/poll").await;
    polling(&hub, &polls.id).abort();
    poll.body().await;
    assert_eq!(poll.ended, Some(Ended::Cut));
    events
        .become_for(&polls.id, &["connected", "disconnected:true"])
        .await;
    // What was sent between two polls is fetched before the end, and known to have come with the next one.
    for wait_acks in [false, true] {
        let mut polls = server.over(POLL, hubs).await;
        let session = polling(&hub, &polls.id);
        for n in 0..2_500 {
            session.post("n", (n,)).await.unwrap();
        }
        let mut options = DrainOptions::from(Duration::from_secs(30));
        if wait_acks {
            options = options.wait_acks();
        }
        let draining = tokio::spawn(async move { session.drain_and_close(options).await });
        tokio::task::yield_now().await;
        let mut numbers = Vec::new();
        while !draining.is_finished() && numbers.len() < 2_500 {
            polls.poll().await;
            numbers.extend(
                polls
                    .events
                    .drain(..)
                    .map(|it| it["A"][0].as_i64().unwrap()),
            );
        }
        if wait_acks {
            polls.poll().await;
        }
        assert_eq!(numbers.len(), 2_500);
        let report = within(draining).await.unwrap();
        assert_eq!((report.sent, report.left), (2_500, 0));
        assert!(!wait_acks || report.acked == 2_500, "{report:?}");
        events
            .become_for(&polls.id, &["connected", "disconnected:true"])
            .await;
    }
}

#[tokio::test]
async fn a_drain_may_wait_for_acknowledgements_by_number_and_for_a_pong() {
    let house = House::open(same).await;
    let query = format!("PersistentId={BOB}&qos=1");
    let mut bob = house.servers.client(true, &query).await;
    bob.open().await;
    let session = house.hub.sessions().all().pop().unwrap();
    for n in 0..3 {
        session.post("n", (n,)).await.unwrap();
    }
    let options = || DrainOptions::from(Duration::from_secs(30)).wait_acks();
    let draining = tokio::spawn(async move { session.drain_and_close(options()).await });
    for n in 0..3 {
        assert_eq!(bob.hear().await, format!("n#{}|{n}", n + 1));
    }
    bob.say("9", "2").await;
    bob.expect(&[("7", "")], &["8|"]).await;
    assert!(!draining.is_finished());
    bob.say("9", "3").await;
    assert_eq!(bob.hear().await, "");
    drop(bob);
    let report = within(draining).await.unwrap();
    assert_eq!((report.acked, report.left), (report.sent, 0));

    // Without a persistent id nobody else would ask for a pong.
    let (server, hub, _) = memory(same);
    let mut client = server.client(&["conformance"]).await;
    let session = hub.sessions().get(&client.id.as_str().into()).unwrap();
    session.post("n", (1,)).await.unwrap();
    let draining = tokio::spawn(async move { session.drain_and_close(options()).await });
    until(|| async {
        hub.sessions().all()[0]
            .try_post("n", ())
            .is_err()
            .then_some(())
    })
    .await;
    // Nothing is read, and no pong sent, so far.
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert!(!draining.is_finished());
    assert_eq!(client.socket.end().await, Some(1000));
    within(draining).await.unwrap();
}

#[tokio::test]
async fn a_drain_writes_what_nobody_waited_for_as_well() {
    let (server, hub, _) = memory(roomy);
    // It must not be the deadline that ends it.
    let long = DrainOptions::from(Duration::from_secs(600));
    for _ in 0..20 {
        let long = long.clone();
        let mut client = server.client(&["conformance"]).await;
        let session = hub.sessions().get(&client.id.as_str().into()).unwrap();
        for n in 0..100 {
            session.try_post("n", (n,)).unwrap();
        }
        let draining = tokio::spawn(async move { session.drain_and_close(long).await });
        assert_eq!(client.socket.end().await, Some(1000));
        let events = client.socket.events.iter();
        let numbers = events.map(|event| event["A"][0].as_i64().unwrap());
        assert!(numbers.eq(0..100));
        assert_eq!(within(draining).await.unwrap().left, 0);
    }
}

#[tokio::test]
async fn a_close_drops_what_waits_on_a_link_that_is_not_behind() {
    let (server, hub, _) = memory(roomy);
    let mut client = server.client(&["conformance"]).await;
    let session = hub.sessions().get(&client.id.as_str().into()).unwrap();
    let filler = "x".repeat(200);
    for n in 0..1_000 {
        session.post("n", (n, &filler)).await.unwrap();
    }
    session.send("high", (1_000,)).await.unwrap();
    let closing = tokio::spawn(async move { session.close(4000, "").await });
    until(|| async { hub.sessions().all().is_empty().then_some(()) }).await;
    assert_eq!(client.socket.end().await, Some(4000));
    within(closing).await.unwrap().unwrap();
    let events = client.socket.events.iter();
    let mut numbers: Vec<_> = events
        .map(|event| event["A"][0].as_i64().unwrap())
        .collect();
    assert_eq!(numbers.pop(), Some(1_000), "what overtakes is the last");
    assert!(numbers.len() < 900, "{}", numbers.len());
    assert!(numbers.iter().copied().eq(0..numbers.len() as i64));
}
