//! A server that stops gracefully, on real sockets: who is told what, what is waited for, and what the report says
//! (`design.md` 6, `delivery.md` c).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::outside::same;
use common::parting::{Ending, House, KINDS, Kind, Link};
use common::receive::{Ended, FRAME, POLL, SSE};
use common::stops::house;
use common::{Response, until, within};
use futures_util::future::join_all;
use hub_server::{Builder, DeliveryError, HubServer, ShutdownOptions};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// It must not be the deadline that ends it.
const LONG: Duration = Duration::from_secs(60);

fn at_once(deadline: Duration) -> ShutdownOptions {
    ShutdownOptions::from(deadline).spread(Duration::ZERO)
}

/// Keeps everything.
fn roomy(builder: Builder) -> Builder {
    builder.retain(100_000, 256 << 20)
}

fn id(n: usize) -> String {
    format!("00000000-0000-0000-0000-00000000000{n}")
}

#[tokio::test]
async fn everybody_has_what_was_sent_before_and_is_told_in_the_way_of_the_transport() {
    let (house, server) = house(roomy, at_once(LONG)).await;
    let mut links = Vec::new();
    for (n, kind) in KINDS.into_iter().enumerate() {
        links.push(house.come(kind, &id(n)).await.0);
    }
    let http = &house.servers.http;
    let mut frame = http.over(FRAME, &["foo"]).await;
    let mut polls = http.over(POLL, &["foo"]).await;
    for n in 0..500 {
        let all = house.hub.clients().all();
        all.send("n", (json!({"n": n}),)).await.unwrap();
    }
    let sessions = house.hub.sessions().all();
    assert_eq!(sessions.len(), 6);
    let stopped = server.stop();
    let reading = join_all(links.into_iter().map(|link| link.hear_all()));
    let streaming = async {
        let stream = frame.stream.as_mut().unwrap();
        while stream.unit().await.is_some() {}
        stream.ended
    };
    let polling = async {
        loop {
            let payload = polls.poll().await;
            if payload["T"] == 1 {
                break polls.events.len();
            }
        }
    };
    let (heard, framed, polled) = tokio::join!(reading, streaming, polling);
    for (kind, (heard, ending)) in KINDS.into_iter().zip(heard) {
        assert!(heard.in_order(), "{kind:?}");
        assert_eq!(heard.numbers.len(), 500, "{kind:?}");
        let closed = Ending::Close(3001, String::new());
        match kind {
            Kind::WebSockets | Kind::Packets => assert_eq!(ending, closed),
            Kind::Sse | Kind::Text => assert_eq!(ending, Ending::Complete, "{kind:?}"),
        }
        assert_eq!(heard.said, None);
    }
    assert_eq!(framed, Some(Ended::Complete));
    assert_eq!(polled, 500);
    let report = within(stopped).await.unwrap();
    assert_eq!((report.connections, report.drained), (6, 6), "{report}");
    assert_eq!((report.gone, report.cut), (0, 0), "{report}");
    assert_eq!((report.messages_left, report.calls_cut), (0, 0), "{report}");
    assert!(report.took < LONG);
    // No hub was told, and nothing more is taken.
    let seen = house.parting.seen.all();
    assert!(
        seen.iter().all(|seen| seen.starts_with("opened")),
        "{seen:?}"
    );
    for session in sessions {
        let refused = session.post("n", ()).await.unwrap_err();
        assert!(matches!(refused, DeliveryError::Closed), "{refused}");
    }
    // Nobody listens any more.
    let refused = TcpStream::connect(http.addr().unwrap()).await;
    assert!(refused.is_err());
}

/// How many calls wait at the gate.
fn waiting(house: &House) -> usize {
    let seen = house.parting.seen.all();
    seen.iter().filter(|seen| seen.starts_with("waits")).count()
}

#[tokio::test]
async fn calls_that_run_are_answered_before_the_end() {
    let (house, server) = house(same, at_once(LONG)).await;
    let (mut socket, _) = house.come(Kind::WebSockets, &id(0)).await;
    let (mut lines, _) = house.come(Kind::Text, &id(1)).await;
    let mut over = house.servers.http.over(SSE, &["foo"]).await;
    socket.call("wait").await;
    lines.call("wait").await;
    let posting = over.post(r#"{"H":"foo","M":"wait","A":[],"I":9}"#);
    let opening = async {
        until(|| async { (waiting(&house) == 3).then_some(()) }).await;
        let stopped = server.stop();
        let later = || async { house.servers.http.get("/negotiate", &[]).await.status == 503 };
        until(|| async { later().await.then_some(()) }).await;
        assert!(!stopped.is_finished());
        house.parting.gate.notify_waiters();
        Some(stopped)
    };
    let (answer, stopped) = tokio::join!(posting, opening);
    assert_eq!(answer.json()["R"], 7);
    let Link::Ws(mut socket, _) = socket else {
        unreachable!()
    };
    assert_eq!(socket.answer("1").await["R"], 7);
    assert_eq!(socket.end().await, Some(3001));
    let Link::Lines(mut lines) = lines else {
        unreachable!()
    };
    let mut said = String::new();
    within(lines.read_to_string(&mut said)).await.unwrap();
    assert_eq!(said, "foo|wait|7\r\n");
    drop(lines);
    let stream = over.stream.as_mut().unwrap();
    while stream.unit().await.is_some() {}
    let report = within(stopped.unwrap()).await.unwrap();
    assert_eq!((report.drained, report.calls_cut), (3, 0), "{report}");
}

#[tokio::test]
async fn who_takes_too_long_is_cut_at_the_deadline_and_counted() {
    let deadline = Duration::from_millis(600);
    let (house, server) = house(roomy, at_once(deadline)).await;
    let mut deaf = Vec::new();
    for (n, kind) in KINDS.into_iter().enumerate() {
        deaf.push(house.come(kind, &id(n)).await.0);
    }
    let (mut caller, _) = house.come(Kind::WebSockets, &id(5)).await;
    let (listener, _) = house.come(Kind::Text, &id(6)).await;
    caller.call("wait").await;
    until(|| async { (waiting(&house) == 1).then_some(()) }).await;
    let listening = tokio::spawn(listener.hear_all());
    let calling = tokio::spawn(caller.hear_all());
    // More than what the kernel takes for who does not read.
    const COUNT: usize = 2_500;
    let filler = "x".repeat(8_000);
    for n in 0..COUNT {
        let all = house.hub.clients().all();
        let event = json!({"n": n, "filler": filler});
        all.send("n", (event,)).await.unwrap();
    }
    let begun = Instant::now();
    let report = within(server.stop()).await.unwrap();
    assert!(begun.elapsed() >= deadline);
    assert_eq!(report.connections, 6, "{report}");
    assert_eq!((report.drained, report.gone), (1, 0), "{report}");
    assert_eq!((report.cut, report.calls_cut), (5, 1), "{report}");
    let (heard, ending) = within(listening).await.unwrap();
    assert!(heard.in_order() && heard.numbers.len() == COUNT);
    assert_eq!(ending, Ending::Complete);
    // Who only had a call that did not end has everything, and was told.
    let (heard, ending) = within(calling).await.unwrap();
    assert!(heard.in_order() && heard.numbers.len() == COUNT);
    assert_eq!(ending, Ending::Close(3001, String::new()));
    let mut had = 0;
    for (kind, link) in KINDS.into_iter().zip(deaf) {
        let (heard, ending) = link.hear_all().await;
        assert!(heard.in_order(), "{kind:?}");
        assert_eq!(ending, Ending::Cut, "{kind:?}");
        had += heard.numbers.len();
    }
    // What was on its way as the link was cut is neither left nor had: a page of the log for each, and what HTTP buffers.
    let missing = 4 * COUNT - had;
    assert!(report.messages_left <= missing, "{report}, had {had}");
    let on_its_way = missing - report.messages_left;
    assert!(on_its_way <= 4 * 400, "{report}, had {had}");
}

#[tokio::test]
async fn a_load_balancer_is_told_and_newcomers_come_later() {
    let asked = |builder: Builder| builder.ready_at("/ready");
    let options = ShutdownOptions::from(LONG).spread(Duration::from_millis(400));
    let (house, server) = house(asked, options).await;
    let http = &house.servers.http;
    let ready = async || http.raw("GET", "/ready", &[]).await;
    assert_eq!((ready().await.status, &*ready().await.body), (200, "ready"));
    assert_eq!(http.raw("GET", "/readyish", &[]).await.status, 404);
    let early = http.negotiated(&["foo"], None).await;
    let early_over = http.negotiated_over(SSE, &["foo"], None).await;
    // As long as its call runs the server can't be done.
    let (mut link, _) = house.come(Kind::WebSockets, &id(0)).await;
    link.call("wait").await;
    let stopped = server.stop();
    let answer = until(|| async { Some(ready().await).filter(|it| it.status != 200) }).await;
    is_later(&answer);
    is_later(&http.get("/negotiate", &[("clientProtocol", "2.1")]).await);
    for verb in ["/connect", "/reconnect"] {
        is_later(&early_over.get(verb).await);
        let refused = early.open(verb, &[]).await.err().unwrap();
        assert_eq!(refused.0, 503, "{verb}");
    }
    assert_eq!(http.upgrade("/signalr", &[]).await.err().unwrap().0, 503);
    let mut said = String::new();
    let mut terminal = TcpStream::connect(house.servers.text).await.unwrap();
    terminal.write_all(b"PuttyProtocol\r\n").await.unwrap();
    within(terminal.read_to_string(&mut said)).await.unwrap();
    assert!(said.contains("the server stops; try again in "), "{said}");
    assert!(!stopped.is_finished());
    house.parting.gate.notify_waiters();
    let (_, ending) = link.hear_all().await;
    assert_eq!(ending, Ending::Close(3001, String::new()));
    assert_eq!(within(stopped).await.unwrap().drained, 1);
}

fn is_later(answer: &Response) {
    assert_eq!(answer.status, 503);
    let after: u32 = answer.headers["retry-after"].parse().unwrap();
    assert!((5..=30).contains(&after), "{after}");
}

#[tokio::test]
async fn readiness_is_from_the_first_socket_to_the_signal() {
    let server = HubServer::builder().build().unwrap();
    let ready = server.readiness();
    assert!(!ready.is_ready(), "nobody serves it");
    let (stop, stopped) = oneshot::channel::<()>();
    let serve = server.serve("127.0.0.1:0");
    let stopped = async { drop(stopped.await) };
    let serving = tokio::spawn(async {
        serve
            .with_graceful_shutdown(stopped, at_once(LONG))
            .await
            .unwrap()
    });
    until(|| async { ready.is_ready().then_some(()) }).await;
    stop.send(()).unwrap();
    let report = within(serving).await.unwrap();
    assert_eq!((report.connections, report.drained), (0, 0));
    assert!(!ready.is_ready());
}
