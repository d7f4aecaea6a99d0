//! Too many, too much, too slow: the server holds bounded memory, and nobody else is held up.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::alone::{alone, memory};
use common::bystander::{undisturbed, watch_panics};
use common::hubs::{Events, builder};
use common::receive::SSE;
use common::{Client, Io, Server, within};
use futures_util::{SinkExt, StreamExt};
use hub_server::{Context, HubError, hub};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

async fn server() -> (Server, Events) {
    watch_panics();
    let (builder, events) = builder();
    (Server::tcp(builder.hub(Gauge::default())).await, events)
}

/// Counts how many of its calls run at once.
#[derive(Default)]
struct Gauge {
    running: AtomicUsize,
    most: AtomicUsize,
}

#[hub]
impl Gauge {
    async fn slow(&self, ms: u64, value: i32) -> i32 {
        let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(ms)).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        value
    }

    fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    /// Sends everybody `n` events of so many bytes, numbered from `from` on.
    async fn flood(&self, cx: &Context, from: u32, n: u32, bytes: usize) -> Result<(), HubError> {
        let text = "x".repeat(bytes);
        for i in from..from + n {
            cx.clients().all().send("flood", (i, &text)).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn connections_that_negotiate_and_never_connect_cost_nothing() {
    if !alone("connections_that_negotiate_and_never_connect_cost_nothing") {
        return;
    }
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let negotiate = async |n: usize| {
        for _ in 0..n {
            let query = [
                ("clientProtocol", "2.1"),
                ("connectionData", r#"[{"name":"conformance"}]"#),
            ];
            assert_eq!(server.get("/negotiate", &query).await.status, 200);
        }
    };
    negotiate(500).await;
    let before = memory();
    negotiate(1_000).await;
    let grown = memory().saturating_sub(before);
    assert!(grown < 512, "{grown} KiB for 1,000 negotiations");
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn ten_thousand_slow_calls_of_one_connection_are_all_answered_a_bounded_number_at_a_time() {
    watch_panics();
    let (builder, _) = builder();
    let server = Server::tcp(builder.hub(Gauge::default()).max_open_calls(100)).await;
    let mut bystander = server.client(&["conformance"]).await;
    let mut client = server.client(&["conformance"]).await;
    const CALLS: usize = 10_000;
    let (mut writer, mut reader) = client.socket.take_stream().split();
    let writing = async {
        for n in 0..CALLS {
            let call = json!({"H": "gauge", "M": "slow", "A": [5, n], "I": n});
            writer.send(Message::text(call.to_string())).await.unwrap();
        }
    };
    let reading = async {
        let mut answered = vec![false; CALLS];
        let mut left = CALLS;
        while left > 0 {
            let message = within(reader.next()).await.unwrap().unwrap();
            let answer: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
            let n = answer["R"].as_u64().and_then(|n| usize::try_from(n).ok());
            let Some(n) = n else { continue };
            assert_eq!(answer["I"], n.to_string());
            assert!(!std::mem::replace(&mut answered[n], true), "{n} twice");
            left -= 1;
        }
    };
    tokio::join!(writing, reading);
    let most = bystander
        .result("gauge", "most", json!([]))
        .await
        .as_u64()
        .unwrap();
    assert!((50..=100).contains(&most), "{most} at once");
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_replaced_socket_make_no_room_for_more_on_the_new_one() {
    watch_panics();
    let (builder, _) = builder();
    let server = Server::memory(builder.hub(Gauge::default()).max_open_calls(2));
    let mut bystander = server.client(&["conformance"]).await;
    let mut client = server.client(&["conformance"]).await;
    for _ in 0..4 {
        client.send("gauge", "slow", json!([1_000, 0])).await;
    }
    client.reconnect().await;
    for _ in 0..6 {
        client.send("gauge", "slow", json!([60_000, 0])).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(bystander.result("gauge", "running", json!([])).await, 2);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(bystander.result("gauge", "running", json!([])).await, 2);
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn the_smallest_outbox_still_serves() {
    watch_panics();
    for (frames, bytes) in [
        (0, 0),
        (1, 1),
        (2, 1 << 20),
        (1_024, 0),
        (usize::MAX, usize::MAX),
    ] {
        let (builder, _) = builder();
        let server = Server::tcp(builder.outbox(frames, bytes).retain(0, 0)).await;
        let mut bystander = server.client(&["conformance"]).await;
        undisturbed(&server, &mut bystander).await;
    }
}

#[tokio::test]
async fn a_hundred_thousand_pings_of_a_peer_that_reads_no_pong_cost_no_memory() {
    if !alone("a_hundred_thousand_pings_of_a_peer_that_reads_no_pong_cost_no_memory") {
        return;
    }
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let mut client = server.client(&["conformance"]).await;
    let before = memory();
    let ping = Message::Ping(vec![b'p'; 125].into());
    for n in 0..100_000 {
        within(client.socket.stream().feed(ping.clone()))
            .await
            .unwrap();
        if n % 100 == 99 {
            within(client.socket.stream().flush()).await.unwrap();
        }
    }
    let grown = memory().saturating_sub(before);
    assert!(grown < 1_024, "{grown} KiB");
    undisturbed(&server, &mut bystander).await;
    // Once it reads again, it is served as before.
    let id = client.send("conformance", "Add", json!([1, 2])).await;
    let answer = loop {
        match client.socket.next().await {
            Some(Ok(Message::Text(text))) if text.as_str() != "{}" => break text,
            Some(Ok(Message::Pong(_) | Message::Text(_))) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(answer.as_str(), format!("{{\"R\":3,\"I\":\"{id}\"}}"));
}

/// Floods all connections with so many rounds of five events of 100 kB, each after the caller has read the one before.
async fn flood<'a>(caller: &mut Client<'a>, witness: &mut Client<'a>, rounds: u32) -> Duration {
    const ROUND: u32 = 5;
    let mut latest = Duration::ZERO;
    for round in 0..rounds {
        let first = round * ROUND;
        let began = Instant::now();
        caller
            .send("gauge", "flood", json!([first, ROUND, 100_000]))
            .await;
        for reader in [&mut *caller, witness] {
            for n in first..first + ROUND {
                let event = reader.event().await;
                assert_eq!(event[1], n);
            }
        }
        latest = latest.max(began.elapsed());
    }
    latest
}

#[tokio::test]
async fn a_peer_that_stops_reading_a_hundred_megabytes_costs_bounded_memory_and_holds_up_nobody() {
    if !alone(
        "a_peer_that_stops_reading_a_hundred_megabytes_costs_bounded_memory_and_holds_up_nobody",
    ) {
        return;
    }
    let (server, events) = server().await;
    let mut caller = server.client(&["gauge"]).await;
    let mut witness = server.client(&["gauge"]).await;
    let mut stalled = server.client(&["gauge", "conformance"]).await;
    flood(&mut caller, &mut witness, 4).await;
    let before = memory();
    let latest = flood(&mut caller, &mut witness, 200).await;
    let grown = memory().saturating_sub(before);
    // The log's megabyte, the outbox's, and what a socket's flush holds; the sockets' own buffers are the kernel's.
    assert!(grown < 12 * 1024, "{grown} KiB");
    assert!(latest < Duration::from_secs(5), "a round took {latest:?}");
    // It reads again: what it gets is in order, and then it is told to come back, since it missed something.
    let mut seen = Vec::new();
    let code = loop {
        match stalled.socket.next().await {
            Some(Ok(Message::Text(text))) if text.as_str() != "{}" => {
                let frame: Value = serde_json::from_str(text.as_str()).unwrap();
                stalled.socket.cursor = Some(frame["C"].as_str().unwrap().to_owned());
                seen.extend(
                    frame["M"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|m| m["A"][0].as_u64().unwrap()),
                );
            }
            Some(Ok(Message::Text(_))) => {}
            Some(Ok(Message::Close(frame))) => break frame.map(|frame| u16::from(frame.code)),
            _ => break None,
        }
    };
    assert!(matches!(code, Some(1000) | None));
    let in_order: Vec<u64> = (0..20).chain(0..1_000).take(seen.len()).collect();
    assert_eq!(seen, in_order);
    assert!(seen.len() < 1_000, "it can't have got all");
    // It comes back, is told of the gap, and goes on.
    stalled.reconnect().await;
    events
        .become_for(&stalled.id, &["connected", "reconnected:trimmed"])
        .await;
    let mut now = Vec::new();
    while now.last() != Some(&999) {
        now.push(stalled.event().await[1].as_u64().unwrap());
    }
    assert!(now.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{now:?}");
    caller.result("gauge", "flood", json!([7, 1, 1])).await;
    assert_eq!(stalled.event().await[1], 7);
}

#[tokio::test]
async fn a_slow_peer_gets_everything_in_order_as_long_as_the_log_has_it() {
    watch_panics();
    let (builder, events) = builder();
    let builder = builder.hub(Gauge::default()).retain(10_000, 1 << 30);
    let server = Server::tcp(builder).await;
    let mut caller = server.client(&["gauge"]).await;
    let mut witness = server.client(&["gauge"]).await;
    let mut slow = server.client(&["gauge", "conformance"]).await;
    flood(&mut caller, &mut witness, 40).await;
    for n in 0..200 {
        assert_eq!(slow.event().await[1], n);
    }
    // And is live again.
    caller.result("gauge", "flood", json!([200, 1, 1])).await;
    assert_eq!(slow.event().await[1], 200);
    assert_eq!(events.of(&slow.id), ["connected"]);
    slow.no_event().await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_vanished_without_a_word_is_disconnected_once_nothing_can_be_written() {
    watch_panics();
    let (builder, events) = builder();
    let server = Server::memory(builder.hub(Gauge::default()));
    let mut caller = server.client(&["conformance", "gauge"]).await;
    let gone = server.client(&["conformance", "gauge"]).await;
    // More than the pipe takes.
    for n in 0..10 {
        caller
            .result("gauge", "flood", json!([n, 1, 100_000]))
            .await;
    }
    caller.socket.events.clear();
    let began = Instant::now();
    let seconds = Duration::from_secs;
    while events.of(&gone.id) == ["connected"] {
        assert!(began.elapsed() < seconds(100), "never");
        let keep_alives = timeout(Duration::from_millis(50), caller.socket.stream().next()).await;
        assert!(
            !matches!(keep_alives, Ok(None | Some(Err(_)))),
            "the caller lives"
        );
    }
    assert_eq!(events.of(&gone.id), ["connected", "disconnected:false"]);
    // 10 s of blocked writing, 30 s of absence, 5 s of grace, and two beats; a moment to say goodbye.
    let (least, most) = (seconds(45), seconds(45 + 10) + Duration::from_millis(300));
    assert!(
        (least..=most).contains(&began.elapsed()),
        "{:?}",
        began.elapsed()
    );
    caller.result("conformance", "Add", json!([1, 2])).await;
    assert_eq!(events.of(&caller.id), ["connected"]);
}

#[tokio::test]
async fn connections_that_come_and_go_leave_no_memory_behind() {
    if !alone("connections_that_come_and_go_leave_no_memory_behind") {
        return;
    }
    let (server, events) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let come_and_go = async |n: usize| {
        for _ in 0..n {
            let mut client = server.client(&["conformance"]).await;
            client
                .result("conformance", "Join", json!([client.id]))
                .await;
            client.abort().await;
            assert_eq!(client.socket.end().await, Some(1000));
        }
    };
    come_and_go(300).await;
    let before = memory();
    come_and_go(1_000).await;
    let grown = memory().saturating_sub(before);
    // The test's own record of events, and the log's thousand idle topics.
    assert!(grown < 3 * 1024, "{grown} KiB");
    drop(events);
    undisturbed(&server, &mut bystander).await;
}

async fn read_out(mut socket: Box<dyn Io>) -> usize {
    let mut bytes = Vec::new();
    let _ = timeout(Duration::from_secs(10_000), socket.read_to_end(&mut bytes))
        .await
        .unwrap();
    bytes.len()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_reading_is_given_up_costs_little_and_disturbs_nobody() {
    const BYTES: usize = 10_000;
    let (builder, events) = builder();
    let server = builder
        .retain(50, 1 << 20)
        .outbox(16, 64 * 1024)
        .build()
        .unwrap();
    let hub = server.handle("conformance").unwrap();
    let server = Server::memory_of(server);
    let mut stuck = server.over(SSE, &["conformance"]).await;
    let mut other = server.over(SSE, &["conformance"]).await;
    let filler = "x".repeat(BYTES);
    for n in 0..500 {
        hub.clients().all().send("n", (n, &filler)).await.unwrap();
        assert_eq!(other.event().await[1], n);
    }
    // It never reads again: the keep-alives don't get through.
    let began = Instant::now();
    while events.of(&stuck.id) == ["connected"] {
        assert!(began.elapsed() < Duration::from_secs(100));
        sleep(Duration::from_secs(1)).await;
        while let Ok(unit) = timeout(Duration::ZERO, other.stream.as_mut().unwrap().unit()).await {
            assert_eq!(unit.as_deref(), Some("data: {}\n\n"));
        }
    }
    assert_eq!(events.of(&stuck.id), ["connected", "disconnected:false"]);
    // Only what pipe, outbox and one write hold was kept for it, and the end comes when it reads again.
    let kept = read_out(stuck.stream.take().unwrap().into_socket()).await;
    assert!(kept < 500_000, "{kept} bytes of {}", 500 * BYTES);
    other.no_event().await;
}
