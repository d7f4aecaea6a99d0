//! What is taken on at most, and who has to go when memory is short (`delivery.md` c).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::hubs::builder;
use common::known::{ANN, Ports};
use common::outside::{memory, numbers};
use common::receive::{POLL, SSE};
use common::{Server, until, within};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::sleep;

const HUB: &[&str] = &["conformance"];

fn is_later(status: u16, headers: &std::collections::HashMap<String, String>) {
    assert_eq!(status, 503);
    let after: u32 = headers["retry-after"].parse().unwrap();
    assert!((5..=30).contains(&after), "{after}");
}

#[tokio::test]
async fn who_is_too_many_is_asked_to_come_later_on_every_wire() {
    let (hubs, events) = builder();
    let ports = Ports::open(hubs.max_connections(2)).await;
    let server = &ports.http;
    // Both have negotiated while there was room.
    let early = server.negotiated(HUB, None).await;
    let early_over = [SSE, POLL].map(|transport| server.negotiated_over(transport, HUB, None));
    let early_over = futures_util::future::join_all(early_over).await;
    let mut first = server.client(HUB).await;
    let second = server.over(SSE, HUB).await;

    let query = [("clientProtocol", "2.1")];
    let negotiated = server.get("/negotiate", &query).await;
    is_later(negotiated.status, &negotiated.headers);
    let refused = early.open("/connect", &[]).await.err().unwrap();
    assert_eq!(refused.0, 503);
    for client in &early_over {
        let connect = client.get("/connect").await;
        is_later(connect.status, &connect.headers);
    }
    let bare = server.upgrade("/signalr", &[]).await.err().unwrap();
    assert_eq!(bare.0, 503);
    let headers = [
        ("Origin", "http://test.example"),
        ("Sec-WebSocket-Protocol", "XSocketsNET"),
    ];
    let packets = server.upgrade("/?", &headers).await.err().unwrap();
    assert_eq!(packets.0, 503);
    let socket = TcpStream::connect(ports.text_addr()).await.unwrap();
    let mut terminal = BufReader::new(socket);
    let hello = format!("PuttyProtocol?PersistentId={ANN}\r\n");
    terminal.write_all(hello.as_bytes()).await.unwrap();
    let mut said = String::new();
    within(terminal.read_to_string(&mut said)).await.unwrap();
    assert!(
        said.starts_with("|4|") && said.contains("try again in "),
        "{said}"
    );

    // Who is there goes on, and comes back.
    first.cut();
    first.reconnect().await;
    first.no_event().await;
    second.abort().await;
    let gone = ["connected", "disconnected:true"];
    events.become_for(&second.id, &gone).await;
    let mut third = server.client(HUB).await;
    third.no_event().await;
}

#[tokio::test]
async fn an_address_has_so_many_sockets_and_those_of_websockets_count() {
    let server = Server::tcp(builder().0.max_sockets_per_address(2)).await;
    let client = server.client(HUB).await;
    // The socket of its negotiation goes when the server has seen its end.
    let free = || async {
        let mut socket = server.dial().await;
        let asked = b"GET /signalr/ping HTTP/1.1\r\nHost: test.example\r\n\r\n";
        socket.write_all(asked).await.ok()?;
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).await.ok()?;
        assert_eq!(&answer, b"HTTP/1.1 200");
        Some(socket)
    };
    let second = until(free).await;
    let mut third = server.dial().await;
    let end = within(third.read(&mut [0; 1])).await;
    assert!(matches!(end, Ok(0) | Err(_)), "one is a WebSocket");
    drop(second);
    let second = until(free).await;
    drop((client, second));
    let both = (until(free).await, until(free).await);
    drop(both);
}

#[tokio::test]
async fn sockets_beyond_the_rate_wait_and_are_served() {
    let server = Server::tcp(builder().0.accept_rate(20)).await;
    let begun = std::time::Instant::now();
    for _ in 0..10 {
        assert_eq!(server.get("/ping", &[]).await.status, 200);
    }
    // Two at once, and then one every 50 ms.
    assert!(begun.elapsed() >= Duration::from_millis(350));
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn memory_is_looked_at_before_the_next_beat() {
    let hours = Duration::from_secs(10_000);
    let (server, _, _) = memory(|builder| builder.memory_budget(1).disconnect_timeout(hours));
    sleep(Duration::from_secs(1)).await;
    let negotiated = server.get("/negotiate", &[("clientProtocol", "2.1")]).await;
    is_later(negotiated.status, &negotiated.headers);
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn when_memory_is_short_nobody_new_comes_and_the_slowest_reader_comes_back() {
    let (server, hub, events) = memory(|builder| builder.memory_budget(1).retain(10_000, 1 << 30));
    let mut slow = server.client(HUB).await;
    let mut quick = server.client(HUB).await;
    let filler = "x".repeat(1_000);
    for n in 0..200 {
        hub.clients()
            .client(&slow.id)
            .send("n", (n, &filler))
            .await
            .unwrap();
    }
    // The next beat chooses who goes.
    sleep(Duration::from_secs(6)).await;
    let negotiated = server.get("/negotiate", &[("clientProtocol", "2.1")]).await;
    is_later(negotiated.status, &negotiated.headers);
    // It took nothing any more, not even a goodbye.
    within(slow.socket.end()).await;
    let had = slow.socket.events.len();
    assert!(had < 200, "it was not served to the end");
    let seen: Vec<_> = slow.socket.events.drain(..).collect();
    assert_eq!(seen.last().unwrap()["A"][0], json!(had - 1));
    slow.reconnect().await;
    let rest: Vec<i64> = (i64::try_from(had).unwrap()..200).collect();
    assert_eq!(numbers(&mut slow, rest.len()).await, rest);
    quick.no_event().await;
    assert_eq!(events.of(&quick.id), ["connected"], "for it nothing waited");
}
