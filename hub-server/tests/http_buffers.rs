//! What may wait in an HTTP connection, on its way in and out: long heads, large bodies, and clients that read slowly but surely.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::bystander::{undisturbed, watch_panics};
use common::hubs::builder;
use common::outside::{same, tcp};
use common::receive::{ALL, FRAME, Over, POLL, SSE, payload_of};
use common::slow::{Heard, session};
use common::{Server, within};
use hub_server::{Builder, HubHandle};
use metrics_util::debugging::DebuggingRecorder;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::interval;

const HUB: &[&str] = &["conformance"];

/// So many groups a client is in, with names that make its token so long.
const GROUPS: usize = 250;

fn group(n: usize) -> String {
    format!("{n} {}", "a group with a long name ".repeat(4))
}

async fn join_all(hub: &HubHandle, id: &str) {
    // Together: each new token is a long one.
    let join = async |n| hub.groups().add(&id.into(), &*group(n)).await.unwrap();
    futures_util::future::join_all((0..GROUPS).map(join)).await;
}

fn is_long(token: Option<&String>) {
    let length = token.map_or(0, String::len);
    assert!((30_000..50_000).contains(&length), "{length}");
}

#[tokio::test]
async fn a_client_in_hundreds_of_groups_comes_back_with_a_url_of_30_kb() {
    let (server, hub, events) = tcp(same).await;
    let last = group(GROUPS - 1);

    let mut client = server.client(HUB).await;
    join_all(&hub, &client.id).await;
    client.no_event().await;
    is_long(client.socket.groups.as_ref());
    client.cut();
    client.reconnect().await;
    hub.clients()
        .group(&*last)
        .send("told", ("a WebSocket",))
        .await
        .unwrap();
    assert_eq!(client.event().await, json!(["told", "a WebSocket"]));
    client.abort().await;

    for transport in ALL {
        let mut client = server.over(transport, HUB).await;
        join_all(&hub, &client.id).await;
        client.no_event().await;
        is_long(client.groups.as_ref());
        if transport != POLL {
            client.cut();
            client.reconnect().await;
            let back = ["connected", "reconnected"];
            events.become_for(&client.id, &back).await;
        }
        let all = hub.clients().group(&*last);
        all.send("told", (transport,)).await.unwrap();
        // Each poll brings the token.
        assert_eq!(client.event().await, json!(["told", transport]));
    }
}

#[tokio::test]
async fn a_call_of_300_kb_is_a_call_like_any_other() {
    let server = Server::tcp(builder().0).await;
    let mut client = server.over(SSE, HUB).await;
    let long = "x".repeat(300_000);
    client.result("conformance", "Caller", json!([long])).await;
    assert_eq!(client.event().await, json!(["message", client.id, long]));
}

/// Sends bytes, and gives what comes back.
async fn answer(server: &Server, bytes: &[u8]) -> String {
    let mut socket = server.dial().await;
    within(socket.write_all(bytes)).await.unwrap();
    let mut answer = Vec::new();
    // It is closed with bytes that nobody read: that may show as an error behind the answer.
    let _ = within(socket.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_head_of_60_kb_is_served_and_one_that_is_much_longer_is_too_large() {
    watch_panics();
    let server = Server::tcp(builder().0).await;
    let mut bystander = server.client(HUB).await;
    let head = |path: &str, value: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: {value}\r\n\r\n")
    };
    let [fits, long, longer] = [60_000, 70_000, 140_000].map(|size| "x".repeat(size));
    let endless = head("/signalr/ping", &long).trim_end().to_owned();
    for (head, status) in [
        (head(&format!("/signalr/ping?x={fits}"), ""), 200),
        (head("/signalr/ping", &fits), 200),
        // One that is complete when it is looked at is served: up to twice the limit.
        (endless, 431),
        (head("/signalr/ping", &longer), 431),
        // No URL is longer than this, whatever the head may be.
        (head(&format!("/signalr/ping?x={long}"), ""), 414),
    ] {
        let answer = answer(&server, head.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
    undisturbed(&server, &mut bystander).await;
}

/// What is sent at once.
const BURST: usize = 1 << 20;

/// Sends a client a burst of numbers; gives how many.
async fn burst(hub: &HubHandle, client: &Over<'_>) -> usize {
    let filler = "x".repeat(1_000);
    let count = BURST / filler.len();
    for n in 0..count {
        let one = hub.clients().client(&*client.id);
        one.send("n", (n, &filler)).await.unwrap();
    }
    count
}

fn roomy(builder: Builder) -> Builder {
    builder.outbox(10_000, 2 * BURST).retain(10_000, 2 * BURST)
}

/// Has a client read a burst; gives the most that was neither in its outbox nor read.
async fn between(hub: &HubHandle, client: &mut Over<'_>) -> usize {
    let session = session(hub, &client.id);
    let (mut left, mut read, mut seen) = (burst(hub, client).await, 0, Vec::new());
    while left > 0 {
        let stream = client.stream.as_mut().unwrap();
        let unit = stream.unit().await.unwrap();
        read += unit.len();
        let events = payload_of(&unit).map(|payload| payload["M"].as_array().unwrap().len());
        left -= events.unwrap_or_default();
        seen.push(read + session.waiting());
    }
    read - seen.into_iter().min().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_a_client_does_not_read_waits_in_its_outbox_and_not_in_hyper() {
    let (server, hub, _) = tcp(roomy).await;
    let narrow = server.narrow();
    for transport in [SSE, FRAME] {
        let mut client = narrow.over(transport, HUB).await;
        let between = between(&hub, &mut client).await;
        assert!(between < 180_000, "{transport}: {between}");
    }
}

/// Who takes 16 kB a second where 10 s are given takes so much where 2 s are.
const A_SECOND: u32 = 80_000;

#[tokio::test]
async fn who_reads_slowly_but_surely_over_plain_http_is_served_to_the_end() {
    let recorder = DebuggingRecorder::new();
    let (mut heard, _guard) = Heard::begin(&recorder);
    let set = |builder: Builder| {
        roomy(builder)
            .disconnect_timeout(Duration::from_secs(6))
            .write_timeout(Duration::from_secs(2))
    };
    let (server, hub, events) = tcp(set).await;
    let narrow = server.narrow();
    let read = async |transport| {
        let mut client = narrow.over(transport, HUB).await;
        let count = burst(&hub, &client).await;
        let mut pace = interval(Duration::from_secs(1) * 1_000 / A_SECOND);
        for n in 0..count {
            pace.tick().await;
            assert_eq!(client.event().await[1], n, "{transport}");
        }
        client.no_event().await;
        assert_eq!(events.of(&client.id), ["connected"], "{transport}");
    };
    tokio::join!(read(SSE), read(FRAME));
    assert_eq!(heard.count("slow_readers_closed_total "), 0);
}
