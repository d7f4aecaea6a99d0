//! How fast clients may speak, how much nonsense is borne, and how little is remembered when memory is short (`delivery.md` c).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::outside::{memory, numbers, tcp};
use common::receive::POLL;
use common::slow::Heard;
use common::wires::{Foo, Servers};
use hub_server::HubServer;
use metrics_util::debugging::DebuggingRecorder;
use serde_json::json;

const HUB: &[&str] = &["conformance"];

#[tokio::test]
async fn who_says_too_much_is_not_read_for_a_while_and_others_are() {
    let recorder = DebuggingRecorder::new();
    let (mut heard, _guard) = Heard::begin(&recorder);
    let (server, _, _) = tcp(|builder| builder.message_rate(20, 5)).await;
    let mut loud = server.client(HUB).await;
    let mut other = server.client(HUB).await;
    let begun = Instant::now();
    let mut asked = Vec::new();
    for n in 0..25 {
        asked.push(loud.send("conformance", "Add", json!([n, 1])).await);
    }
    // It is not kept waiting by the loud one.
    for n in 0..5 {
        assert_eq!(
            other.result("conformance", "Add", json!([n, 1])).await,
            json!(n + 1)
        );
    }
    assert_eq!(heard.count("inbound_limited_total how=paused").min(1), 1);
    for (n, id) in asked.iter().enumerate() {
        assert_eq!(loud.socket.answer(id).await["R"], json!(n + 1));
    }
    // 5 at once, and 20 at 20 a second.
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(990), "{took:?}");
}

#[tokio::test]
async fn bytes_have_a_rate_of_their_own() {
    let (server, _, _) = tcp(|builder| builder.byte_rate(20_000, 1_000)).await;
    let mut client = server.client(HUB).await;
    let begun = Instant::now();
    let text = "x".repeat(10_000);
    for _ in 0..3 {
        client.result("conformance", "Echo", json!([text])).await;
    }
    // Two of them were waited for, all but what may come at once.
    assert!(begun.elapsed() >= Duration::from_millis(900));
}

#[tokio::test]
async fn sends_over_http_are_refused_with_a_time_to_try_again() {
    let recorder = DebuggingRecorder::new();
    let (mut heard, _guard) = Heard::begin(&recorder);
    let (server, _, _) = tcp(|builder| builder.message_rate(1, 3)).await;
    let client = server.over(POLL, HUB).await;
    let call = |n: i32| {
        let data = json!({"H": "conformance", "M": "Add", "A": [n, 1], "I": n}).to_string();
        let (client, server) = (&client, &server);
        async move {
            let target = client.target("/send", &[("data", &data)]);
            server.raw("GET", &target, &[]).await
        }
    };
    for n in 0..3 {
        let answer = call(n).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let refused = call(3).await;
    assert_eq!(refused.status, 429);
    let after: u64 = refused.headers["retry-after"].parse().unwrap();
    assert!((1..=2).contains(&after), "{after}");
    assert_eq!(heard.count("inbound_limited_total how=refused"), 1);
    tokio::time::sleep(Duration::from_secs(after)).await;
    assert_eq!(call(4).await.status, 200);
}

#[tokio::test]
async fn ten_mistakes_a_minute_end_a_connection_that_is_told_of_them() {
    let servers = Servers::start().await;
    for tcp in [true, false] {
        let mut client = servers.client(tcp, "").await;
        client.open().await;
        let mut other = servers.client(tcp, "").await;
        other.open().await;
        for _ in 0..9 {
            // No such topic.
            client.say("99", "").await;
            assert!(client.hear().await.contains("does not serve that topic"));
        }
        client.expect(&[("7", "")], &["8|"]).await;
        other.say("99", "").await;
        assert!(other.hear().await.contains("does not serve that topic"));
        client.say("99", "").await;
        client.ends().await;
        other.expect(&[("7", "")], &["8|"]).await;
    }
}

#[tokio::test]
async fn how_many_mistakes_is_a_setting() {
    let builder = HubServer::builder().hub(Foo).max_protocol_errors(2);
    let servers = Servers::of(builder).await;
    let mut client = servers.client(true, "").await;
    client.open().await;
    client.say("99", "").await;
    client.hear().await;
    client.say("99", "").await;
    client.ends().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn when_memory_is_short_little_is_remembered_and_the_gap_told() {
    let recorder = DebuggingRecorder::new();
    let (mut heard, _guard) = Heard::begin(&recorder);
    let (server, hub, events) = memory(|builder| builder.memory_budget(1));
    let mut client = server.client(HUB).await;
    client.cut();
    let send = async |n: i64| hub.clients().all().send("n", (n,)).await.unwrap();
    for n in 0..500 {
        send(n).await;
    }
    // The next beat looks.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(heard.count("dropped_total hub=conformance,why=memory"), 400);
    for n in 500..510 {
        send(n).await;
    }
    client.reconnect().await;
    let newest: Vec<i64> = (410..510).collect();
    assert_eq!(numbers(&mut client, 100).await, newest);
    events
        .become_for(&client.id, &["connected", "reconnected:trimmed"])
        .await;
}
