//! Answers to events that ask, what comes twice, gaps, and hubs that are kept in step.

use std::time::Duration;

use hub_client::{Builder, ClientEvent, ClientEvents, HubClient, RetryPolicy};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::server::{COMMON, Server, Socket, Terms, soon};

/// An event `message` with its place as its argument; it `asks` for an answer under another number, 1 is `A1`.
fn event(order: u64, asks: bool) -> String {
    let asks = match asks {
        true => format!(r#","K":"A{order:X}""#),
        false => String::new(),
    };
    format!(r#"{{"H":"Chat","M":"message","A":[{order}],"O":"{order:X}"{asks}}}"#)
}

fn frame(cursor: &str, more: &str, events: &[String]) -> String {
    format!(r#"{{"C":"{cursor}"{more},"M":[{}]}}"#, events.join(","))
}

fn quick(builder: Builder) -> Builder {
    builder.retry(RetryPolicy::every(Duration::from_millis(10)))
}

/// What the callback of `message` gets.
fn listening(builder: Builder) -> (Builder, mpsc::UnboundedReceiver<u64>) {
    let (seen, events) = mpsc::unbounded_channel();
    let builder = builder.on("chat", "message", move |(order,): (u64,)| {
        let seen = seen.clone();
        async move { seen.send(order).unwrap() }
    });
    (builder, events)
}

type Snapshot = oneshot::Sender<Result<String, String>>;

/// Snapshots that the test gives by hand.
fn by_hand(builder: Builder) -> (Builder, mpsc::UnboundedReceiver<Snapshot>) {
    let (asked, asks) = mpsc::unbounded_channel();
    let builder = builder.resync("chat", move |_: HubClient| {
        let (give, given) = oneshot::channel();
        asked.send(give).unwrap();
        async move { given.await.unwrap_or_else(|_| Err("nothing".into())) }
    });
    (builder, asks)
}

async fn give(asks: &mut mpsc::UnboundedReceiver<Snapshot>, position: Result<&str, &str>) {
    let snapshot = soon(asks.recv()).await.unwrap();
    let given = position.map(str::to_owned).map_err(str::to_owned);
    snapshot.send(given).unwrap();
}

async fn hears(events: &mut mpsc::UnboundedReceiver<u64>, orders: &[u64]) {
    for order in orders {
        assert_eq!(soon(events.recv()).await, Some(*order));
    }
}

async fn cut(server: &mut Server, socket: Socket) -> Socket {
    socket.cut();
    let reconnect = server.request().await;
    let line = format!("GET /signalr/reconnect?{COMMON}&messageId=");
    assert!(reconnect.line().starts_with(&line), "{}", reconnect.line());
    reconnect.accept().await
}

async fn told(events: &mut ClientEvents) -> String {
    loop {
        match soon(events.next()).await.unwrap() {
            ClientEvent::Gap { missed } => return format!("{} {}", missed[0].of, missed[0].why),
            ClientEvent::ResyncFailed { hub, reason } => return format!("{hub}: {reason}"),
            ClientEvent::Error(error) => return error.to_string(),
            _ => {}
        }
    }
}

#[tokio::test]
async fn each_event_that_asks_is_answered_once_with_what_its_callbacks_gave() {
    let mut server = Server::start().await;
    let builder = server
        .client()
        .on("chat", "plain", |_: Vec<Value>| async {})
        .on_ask("chat", "value", |(n,): (u64,)| async move { Ok(n + 1) })
        .on_ask("chat", "value", |_: Vec<Value>| async { Ok(99) })
        .on_ask("chat", "fails", |_: Vec<Value>| async {
            Err::<(), _>("no".into())
        })
        .on_ask("chat", "mixed", |_: Vec<Value>| async {
            Err::<(), _>("first".into())
        })
        .on_ask("chat", "mixed", |_: Vec<Value>| async { Ok(Value::Null) })
        .on("chat", "panics", |_: Vec<Value>| async { panic!("oh") });
    let (_client, mut socket) = server.connect(builder, Terms::default()).await;
    for (order, method) in ["plain", "value", "fails", "nobody", "mixed", "panics"]
        .into_iter()
        .enumerate()
    {
        let order = order + 10;
        let ask =
            format!(r#"{{"H":"Chat","M":"{method}","A":[4],"O":"{order:X}","K":"A{order:X}"}}"#);
        socket
            .say(&frame(&format!("d-A-{order:X}"), "", &[ask]))
            .await;
    }
    for answer in [
        r#"{"K":"AA"}"#,
        r#"{"K":"AB","R":5}"#,
        r#"{"K":"AC","E":"no"}"#,
        r#"{"K":"AD","E":"there is no such callback"}"#,
        r#"{"K":"AE","R":null}"#,
        r#"{"K":"AF","E":"it panicked: oh"}"#,
    ] {
        assert_eq!(socket.hear().await, answer);
    }
}

#[tokio::test]
async fn answers_are_said_again_on_the_next_link_and_what_comes_twice_does_not_run_twice() {
    let mut server = Server::start().await;
    let (builder, mut events) = listening(quick(server.client()));
    let (_client, mut socket) = server.connect(builder, Terms::default()).await;
    socket
        .say(&frame("d-A-2", "", &[event(1, true), event(2, true)]))
        .await;
    for answer in [r#"{"K":"A1"}"#, r#"{"K":"A2"}"#] {
        assert_eq!(socket.hear().await, answer);
    }
    let mut socket = cut(&mut server, socket).await;
    for answer in [r#"{"K":"A1"}"#, r#"{"K":"A2"}"#] {
        assert_eq!(socket.hear().await, answer);
    }
    socket
        .say(&frame("d-A-3", "", &[event(2, true), event(3, true)]))
        .await;
    assert_eq!(socket.hear().await, r#"{"K":"A3"}"#);
    hears(&mut events, &[1, 2, 3]).await;
}

#[tokio::test]
async fn an_answer_is_for_its_ask_also_where_another_log_has_one_in_the_same_place() {
    let mut server = Server::start().await;
    let builder = quick(server.client());
    let builder = builder.on_ask("chat", "value", |(n,): (u64,)| async move { Ok(n) });
    let (_client, mut socket) = server.connect(builder, Terms::default()).await;
    let ask =
        |ask: &str, n: u64| format!(r#"{{"H":"Chat","M":"value","A":[{n}],"O":"1","K":"{ask}"}}"#);
    let old = ask("FFFFFFFFFFFFFFFF", 1);
    socket.say(&frame("d-A-1", "", &[old])).await;
    assert_eq!(socket.hear().await, r#"{"K":"FFFFFFFFFFFFFFFF","R":1}"#);
    let mut socket = cut(&mut server, socket).await;
    // Said again in case, for whoever waits for that.
    assert_eq!(socket.hear().await, r#"{"K":"FFFFFFFFFFFFFFFF","R":1}"#);
    socket.say(&frame("d-B-1", "", &[ask("2F", 2)])).await;
    assert_eq!(socket.hear().await, r#"{"K":"2F","R":2}"#);
}

#[tokio::test]
async fn a_hub_begins_with_a_snapshot_and_merges_exactly_around_its_position() {
    let mut server = Server::start().await;
    let (builder, mut events) = listening(server.client());
    let (builder, mut asks) = by_hand(builder);
    let (_client, mut socket) = server.connect(builder, Terms::default()).await;
    let sent: Vec<_> = (9..13).map(|order| event(order, order < 12)).collect();
    socket.say(&frame("d-A-C", "", &sent)).await;
    give(&mut asks, Ok("d-A-A")).await;
    hears(&mut events, &[11, 12]).await;
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(socket.hear().await);
    }
    assert_eq!(answers, [r#"{"K":"A9"}"#, r#"{"K":"AA"}"#, r#"{"K":"AB"}"#]);
    socket.say(&frame("d-A-D", "", &[event(13, false)])).await;
    hears(&mut events, &[13]).await;
}

#[tokio::test]
async fn events_that_the_snapshot_overtook_are_dropped_too() {
    let mut server = Server::start().await;
    let (builder, mut events) = listening(server.client());
    let (builder, mut asks) = by_hand(builder);
    let (_client, mut socket) = server.connect(builder, Terms::default()).await;
    give(&mut asks, Ok("d-A-A")).await;
    let sent: Vec<_> = (9..12).map(|order| event(order, true)).collect();
    socket.say(&frame("d-A-C", "", &sent)).await;
    for answer in [r#"{"K":"A9"}"#, r#"{"K":"AA"}"#, r#"{"K":"AB"}"#] {
        assert_eq!(socket.hear().await, answer);
    }
    hears(&mut events, &[11]).await;
}

#[tokio::test]
async fn a_gap_is_told_and_begins_again_also_while_a_snapshot_is_taken() {
    let mut server = Server::start().await;
    let (builder, mut events) = listening(quick(server.client()));
    let (builder, mut asks) = by_hand(builder);
    let (client, mut socket) = server.connect(builder, Terms::default()).await;
    let mut says = client.client_events();
    give(&mut asks, Ok("d-A-0")).await;
    socket.say(&frame("d-A-1", "", &[event(1, false)])).await;
    hears(&mut events, &[1]).await;
    let mut socket = cut(&mut server, socket).await;
    let other = r#","X":[{"T":"group","W":"trimmed","H":"Other","N":"g"}]"#;
    socket.say(&frame("d-A-2", other, &[event(2, false)])).await;
    assert_eq!(told(&mut says).await, "group trimmed");
    hears(&mut events, &[2]).await;
    assert!(asks.try_recv().is_err(), "the gap was another hub's");
    let all = r#","X":[{"T":"all","W":"expired","H":"Chat"}]"#;
    socket.say(&frame("d-A-5", all, &[event(5, false)])).await;
    assert_eq!(told(&mut says).await, "all expired");
    let first = soon(asks.recv()).await.unwrap();
    let log = r#","X":[{"T":"log","W":"epochChanged"}]"#;
    socket.say(&frame("d-B-2", log, &[event(2, false)])).await;
    assert_eq!(told(&mut says).await, "log epochChanged");
    let second = soon(asks.recv()).await.unwrap();
    assert!(first.is_closed(), "one at a time");
    second.send(Ok("d-B-1".into())).unwrap();
    hears(&mut events, &[2]).await;
    assert!(events.try_recv().is_err() && asks.try_recv().is_err());
}

#[tokio::test]
async fn a_snapshot_that_fails_is_taken_again_at_once_on_a_new_link_and_later_without() {
    let mut server = Server::start().await;
    let (builder, mut events) = listening(quick(server.client()));
    let (builder, mut asks) = by_hand(builder);
    let (client, mut socket) = server.connect(builder, Terms::default()).await;
    let mut says = client.client_events();
    socket.say(&frame("d-A-1", "", &[event(1, false)])).await;
    give(&mut asks, Err("not now")).await;
    assert_eq!(told(&mut says).await, "chat: not now");
    let mut socket = cut(&mut server, socket).await;
    give(&mut asks, Ok("somewhere")).await;
    assert_eq!(
        told(&mut says).await,
        "chat: the snapshot's position is none"
    );
    socket.say(&frame("d-A-2", "", &[event(2, false)])).await;
    give(&mut asks, Ok("d-A-0")).await;
    hears(&mut events, &[1, 2]).await;
}

#[tokio::test]
async fn more_events_than_are_held_begin_again() {
    let mut server = Server::start().await;
    let (builder, mut events) = listening(server.client());
    let (builder, mut asks) = by_hand(builder);
    let (_client, mut socket) = server.connect(builder, Terms::default()).await;
    let first = soon(asks.recv()).await.unwrap();
    let many: Vec<_> = (1..=10_001).map(|order| event(order, false)).collect();
    socket.say(&frame("d-A-2711", "", &many)).await;
    let second = soon(asks.recv()).await.unwrap();
    assert!(first.is_closed(), "one at a time");
    socket
        .say(&frame("d-A-2712", "", &[event(10_002, false)]))
        .await;
    second.send(Ok("d-A-2711".into())).unwrap();
    hears(&mut events, &[10_002]).await;
}

#[tokio::test]
async fn another_log_is_a_gap_also_where_the_server_does_not_say_so() {
    let mut server = Server::start().await;
    let (builder, mut events) = listening(quick(server.client()));
    let (builder, mut asks) = by_hand(builder);
    let (client, mut socket) = server.connect(builder, Terms::default()).await;
    let mut says = client.client_events();
    socket.say(&frame("d-A-5", "", &[event(5, false)])).await;
    give(&mut asks, Ok("d-A-5")).await;
    socket.say(&frame("d-A-6", "", &[event(6, false)])).await;
    hears(&mut events, &[6]).await;
    let mut socket = cut(&mut server, socket).await;
    // In the places of what the snapshot had.
    let sent: Vec<_> = (2..6).map(|order| event(order, false)).collect();
    socket.say(&frame("d-B-5", "", &sent)).await;
    assert_eq!(told(&mut says).await, "log epochChanged");
    give(&mut asks, Ok("d-B-3")).await;
    hears(&mut events, &[4, 5]).await;
    assert!(events.try_recv().is_err() && asks.try_recv().is_err());
}

#[tokio::test]
async fn a_snapshot_of_another_log_is_not_merged() {
    let mut server = Server::start().await;
    let (builder, mut events) = listening(quick(server.client()));
    let (builder, mut asks) = by_hand(builder);
    let (client, mut socket) = server.connect(builder, Terms::default()).await;
    let mut says = client.client_events();
    // It was quicker than what says whose log the events are.
    give(&mut asks, Ok("d-B-9")).await;
    socket.say(&frame("d-A-3", "", &[event(3, false)])).await;
    let second = soon(asks.recv()).await.unwrap();
    let mut socket = cut(&mut server, socket).await;
    let log = r#","X":[{"T":"log","W":"epochChanged"}]"#;
    socket
        .say(&frame(
            "d-B-3",
            log,
            &[event(2, false), event(3, false), event(4, false)],
        ))
        .await;
    assert_eq!(told(&mut says).await, "log epochChanged");
    assert!(second.is_closed(), "it was of the log before");
    give(&mut asks, Ok("d-A-9")).await;
    assert_eq!(
        told(&mut says).await,
        "chat: the snapshot's position is of another log"
    );
    let _socket = cut(&mut server, socket).await;
    give(&mut asks, Ok("d-B-3")).await;
    hears(&mut events, &[4]).await;
    assert!(events.try_recv().is_err() && asks.try_recv().is_err());
}
