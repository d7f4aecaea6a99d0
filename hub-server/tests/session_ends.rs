//! The three ends of a live session, on every wire: what is written, what the client sees, what its hub hears
//! (`delivery.md` c).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::known::{ANN, BOB};
use common::outside::same;
use common::parting::{Ending, House, KINDS, Kind};
use common::{until, within};
use hub_server::{
    Builder, CloseFrame, DeliveryError, DrainOptions, InvalidCloseCode, LiveSession, Sent,
};
use serde_json::json;

/// So many large messages are more than what sockets, pipes and outboxes take.
const MANY: i64 = 128;

fn large() -> String {
    "x".repeat(64 << 10)
}

/// Keeps everything.
fn roomy(builder: Builder) -> Builder {
    builder.retain(100_000, 256 << 20)
}

async fn post(session: &LiveSession, numbers: std::ops::Range<i64>, filler: &str) {
    for n in numbers {
        session
            .post("n", (json!({"n": n, "x": filler}),))
            .await
            .unwrap();
    }
}

async fn is_closed(session: &LiveSession) {
    assert!(!session.is_open());
    let closed = |error| matches!(error, DeliveryError::Closed);
    assert!(closed(session.post("n", ()).await.unwrap_err()));
    assert!(closed(session.send("n", ()).await.unwrap_err()));
    assert!(closed(session.try_post("n", ()).unwrap_err()));
    assert!(closed(session.try_send("n", ()).unwrap_err()));
    assert!(session.groups().is_empty());
}

#[tokio::test]
async fn close_writes_what_overtakes_drops_the_rest_and_says_why() {
    for kind in KINDS {
        let house = House::open(roomy).await;
        let (link, session) = house.come(kind, BOB).await;
        post(&session, 0..MANY, &large()).await;
        for n in 0..3 {
            let sent = session.send("high", (json!({"n": n}),)).await.unwrap();
            assert_eq!(sent, Sent::Overtook, "{kind:?}");
        }
        let closing = {
            let session = session.clone();
            tokio::spawn(async move { session.close(4321, "so long").await })
        };
        until(|| async { (!session.is_open()).then_some(()) }).await;
        is_closed(&session).await;
        let (heard, ending) = link.hear_all().await;
        assert_eq!(heard.high, [0, 1, 2], "{kind:?}");
        let dropped = heard.in_order() && (heard.numbers.len() as i64) < MANY;
        assert!(dropped, "{kind:?}: {:?}", heard.numbers.len());
        let expected = match kind {
            Kind::Sse | Kind::Text => Ending::Complete,
            _ => Ending::Close(4321, "so long".into()),
        };
        assert_eq!(ending, expected, "{kind:?}");
        let said = (kind == Kind::Text).then(|| "so long".to_owned());
        assert_eq!(heard.said, said, "{kind:?}");
        within(closing).await.unwrap().unwrap();
        house
            .parting
            .seen
            .become_these(&["opened b", "Ended b"])
            .await;
        // Once more is harmless.
        session.close(4000, "").await.unwrap();
        session.abort();
        assert_eq!(
            session.drain_and_close(DrainOptions::default()).await,
            <_>::default()
        );
        house
            .parting
            .seen
            .become_these(&["opened b", "Ended b"])
            .await;
    }
}

#[tokio::test]
async fn abort_drops_everything_and_cuts_the_link() {
    for kind in KINDS {
        let house = House::open(roomy).await;
        let (link, session) = house.come(kind, BOB).await;
        // A stream that is stuck is not polled; the others are cut with everything that waits.
        let many = if kind == Kind::Sse { 0 } else { MANY };
        post(&session, 0..many, &large()).await;
        session.abort();
        is_closed(&session).await;
        let (heard, ending) = link.hear_all().await;
        assert!(heard.high.is_empty() && heard.in_order(), "{kind:?}");
        assert!((heard.numbers.len() as i64) < MANY, "{kind:?}");
        match kind {
            // Where a line ends the end can't be told from a goodbye.
            Kind::Text => assert!(ending != Ending::Close(0, String::new())),
            _ => assert_eq!(ending, Ending::Cut, "{kind:?}"),
        }
        assert_eq!(heard.said, None);
        house
            .parting
            .seen
            .become_these(&["opened b", "Ended b"])
            .await;
    }
}

#[tokio::test]
async fn drain_writes_everything_that_was_sent_before_and_nothing_that_comes_later() {
    for kind in KINDS {
        for wait_acks in [false, true] {
            let house = House::open(roomy).await;
            let (link, session) = house.come(kind, BOB).await;
            post(&session, 0..MANY, &large()).await;
            session.send("high", (json!({"n": 0}),)).await.unwrap();
            let mut options = DrainOptions::from(Duration::from_secs(30));
            options = options.saying(CloseFrame::new(3001, "later").unwrap());
            if wait_acks {
                options = options.wait_acks();
            }
            let draining = {
                let (session, options) = (session.clone(), options.clone());
                tokio::spawn(async move { session.drain_and_close(options).await })
            };
            let drains = || async {
                let error = session.try_send("high", (json!({"n": 9}),)).err();
                matches!(error, Some(DeliveryError::Draining)).then_some(())
            };
            until(drains).await;
            let refused = session.post("n", ()).await.unwrap_err();
            assert!(matches!(refused, DeliveryError::Draining), "{refused}");
            // Whoever speaks to all does not speak to this one any more.
            let all = house.hub.clients().all();
            all.send("n", (json!({"n": MANY}),)).await.unwrap();
            let (heard, ending) = link.hear_all().await;
            assert!(heard.in_order(), "{kind:?}");
            assert_eq!(heard.numbers.len() as i64, MANY, "{kind:?}");
            let expected = match kind {
                Kind::Sse | Kind::Text => Ending::Complete,
                _ => Ending::Close(3001, "later".into()),
            };
            assert_eq!(ending, expected, "{kind:?}");
            let report = within(draining).await.unwrap();
            assert_eq!(report.left, 0, "{kind:?}: {report:?}");
            assert!(report.sent > 0 && report.sent <= MANY as u64, "{report:?}");
            assert_eq!(report.acked, report.sent, "{kind:?} {wait_acks}");
            house
                .parting
                .seen
                .become_these(&["opened b", "Ended b"])
                .await;
            is_closed(&session).await;
        }
    }
}

#[tokio::test]
async fn a_drain_that_takes_too_long_becomes_a_close() {
    let house = House::open(roomy).await;
    let (link, session) = house.come(Kind::WebSockets, BOB).await;
    post(&session, 0..MANY, &large()).await;
    let options = DrainOptions::from(Duration::from_millis(50));
    let draining = tokio::spawn({
        let session = session.clone();
        async move { session.drain_and_close(options).await }
    });
    until(|| async { (!session.is_open()).then_some(()) }).await;
    let (heard, ending) = link.hear_all().await;
    assert_eq!(ending, Ending::Close(1000, String::new()));
    assert!(heard.in_order() && (heard.numbers.len() as i64) < MANY);
    let report = within(draining).await.unwrap();
    assert!(report.left > 0, "{report:?}");
    house
        .parting
        .seen
        .become_these(&["opened b", "Ended b"])
        .await;
}

#[tokio::test]
async fn what_a_queue_kept_and_a_close_dropped_stays_owed() {
    for kind in [Kind::Text, Kind::Packets] {
        let house = House::open(roomy).await;
        let (mut link, session) = house.come(kind, BOB).await;
        link.call("keep").await;
        link.call("wait").await;
        let seen = &house.parting.seen;
        seen.become_these(&["opened b", "waits b"]).await;
        house.parting.gate.notify_one();
        seen.become_these(&["opened b", "waits b", "waited b"])
            .await;
        let filler = "x".repeat(32 << 10);
        for n in 0..MANY {
            let kept = house.hub.clients().all().and_queue("n");
            kept.send("n", (json!({"n": n, "x": filler}),))
                .await
                .unwrap();
        }
        let closing = tokio::spawn(async move { session.close(1000, "").await });
        until(|| async { house.hub.sessions().all().is_empty().then_some(()) }).await;
        let heard = link.read_all().await;
        within(closing).await.unwrap().unwrap();
        assert!((heard.len() as i64) < MANY, "{kind:?}");
        let all = ["opened b", "waits b", "waited b", "Ended b"];
        seen.become_these(&all).await;
        let (link, session) = house.come(kind, BOB).await;
        let draining = tokio::spawn(async move {
            let options = DrainOptions::from(Duration::from_secs(30));
            session.drain_and_close(options).await
        });
        let rest = link.read_all().await;
        within(draining).await.unwrap();
        let owed = rest[0];
        assert!(owed <= heard.len() as i64, "{kind:?}: {owed}");
        assert!(rest.iter().copied().eq(owed..MANY), "{kind:?}");
    }
}

#[tokio::test]
async fn the_hub_hears_of_the_end_when_the_calls_of_the_session_have_ended() {
    let house = House::open(same).await;
    for (n, kind) in [Kind::WebSockets, Kind::Text, Kind::Packets]
        .into_iter()
        .enumerate()
    {
        let before = house.parting.seen.all();
        let (mut link, session) = house.come(kind, ANN).await;
        link.call("wait").await;
        let now = before.len() + 2;
        until(|| async { (house.parting.seen.all().len() == now).then_some(()) }).await;
        if n == 0 {
            session.abort();
        } else {
            let closing = tokio::spawn(async move { session.close(1000, "").await });
            link.hear_all().await;
            within(closing).await.unwrap().unwrap();
        }
        tokio::task::yield_now().await;
        assert_eq!(house.parting.seen.all().len(), now, "{kind:?}");
        house.parting.gate.notify_one();
        until(|| async { (house.parting.seen.all().len() == now + 2).then_some(()) }).await;
        assert_eq!(house.parting.seen.all()[now..], ["waited a", "Ended a"]);
    }
}

#[tokio::test]
async fn a_code_that_no_websocket_takes_is_refused() {
    let house = House::open(same).await;
    let (_link, session) = house.come(Kind::WebSockets, BOB).await;
    assert_eq!(session.close(1006, "").await, Err(InvalidCloseCode(1006)));
    assert!(session.is_open());
}

#[tokio::test]
async fn a_client_that_comes_back_is_told_of_after_the_end_of_its_calls() {
    let house = House::open(same).await;
    let (mut link, session) = house.come(Kind::Text, BOB).await;
    link.call("wait").await;
    let seen = &house.parting.seen;
    seen.become_these(&["opened b", "waits b"]).await;
    // Its client does not answer, and is back before it has to.
    let closing = tokio::spawn(async move { session.close(1000, "").await });
    until(|| async { house.hub.sessions().all().is_empty().then_some(()) }).await;
    let gate = house.parting.gate.clone();
    let (again, ()) = tokio::join!(house.come(Kind::Packets, BOB), async {
        within(closing).await.unwrap().unwrap();
        tokio::task::yield_now().await;
        seen.become_these(&["opened b", "waits b"]).await;
        gate.notify_one();
    });
    let all = ["opened b", "waits b", "waited b", "Ended b", "opened b"];
    seen.become_these(&all).await;
    assert!(again.1.is_open());
    drop(link);
}

#[tokio::test]
async fn a_session_of_a_hub_that_its_client_has_closed_is_closed() {
    let house = House::open(same).await;
    let (mut link, session) = house.come(Kind::Text, BOB).await;
    link.call("3").await;
    until(|| async { (!session.is_open()).then_some(()) }).await;
    is_closed(&session).await;
    assert!(house.hub.sessions().all().is_empty());
}

#[tokio::test]
async fn a_session_may_be_cut_from_a_thread_of_ones_own() {
    let house = House::open(same).await;
    let (link, session) = house.come(Kind::WebSockets, BOB).await;
    std::thread::spawn(move || session.abort()).join().unwrap();
    assert_eq!(link.hear_all().await.1, Ending::Cut);
    let seen = &house.parting.seen;
    seen.become_these(&["opened b", "Ended b"]).await;
}
