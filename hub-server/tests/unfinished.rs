//! Requests that are begun and never finished: slow heads, slow bodies, bodies that are too large, connections abandoned
//! half way. They end by themselves, and leave nothing behind.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::alone::{alone, memory};
use common::hubs::builder;
use common::receive::{FORM, POLL, SSE};
use common::shared_log::SharedLog;
use common::{Io, Server, until};
use hub_server::Topic;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

const HUB: &[&str] = &["conformance"];

/// Sends a byte a second until the server has had enough; gives what it said, and after how long.
async fn trickle(mut socket: Box<dyn Io>, begin: &str) -> (String, Duration) {
    let began = Instant::now();
    socket.write_all(begin.as_bytes()).await.unwrap();
    let (mut said, mut bytes) = (String::new(), [0; 1024]);
    loop {
        assert!(began.elapsed() < Duration::from_secs(300), "{said}");
        match timeout(Duration::from_secs(1), socket.read(&mut bytes)).await {
            Ok(Ok(0) | Err(_)) => return (said, began.elapsed()),
            Ok(Ok(n)) => said += &String::from_utf8_lossy(&bytes[..n]),
            Err(_) => drop(socket.write_all(b"x").await),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_a_byte_a_second_is_cut_after_ten() {
    let server = Server::tcp(builder().0).await;
    for begin in [
        "",
        "GET /signalr/negotiate HTTP/1.1\r\nHost: test.example\r\nX-Slow: ",
    ] {
        let (said, took) = trickle(server.dial().await, begin).await;
        assert!(!said.contains("200 OK"), "{said}");
        assert!((9..=12).contains(&took.as_secs()), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_a_byte_a_second_is_answered_408_after_thirty() {
    let server = Server::memory(builder().0);
    for (transport, verb) in [(SSE, "/send"), (POLL, "/send"), (POLL, "/poll")] {
        let client = server.over(transport, HUB).await;
        let target = client.target(verb, &[]);
        let begin = format!(
            "POST {target} HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\
             Content-Type: {FORM}\r\nContent-Length: 100000\r\n\r\ndata="
        );
        let (said, took) = trickle(server.dial().await, &begin).await;
        assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
        assert!((30..=32).contains(&took.as_secs()), "{took:?}");
    }
}

#[tokio::test]
async fn a_body_of_ten_megabytes_passes_or_is_a_413_as_it_is_set() {
    let call = r#"{"H":"conformance","M":"Echo","A":[""],"I":0}"#;
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair(
            "data",
            &call.replace(r#"[""]"#, &format!("[\"{}\"]", "x".repeat(10 << 20))),
        )
        .finish();
    for (limit, status) in [(None, 200), (Some(9 << 20), 413), (Some(11 << 20), 200)] {
        let (builder, _) = builder();
        let builder = match limit {
            Some(limit) => builder.max_body_size(limit),
            None => builder,
        };
        let server = Server::tcp(builder).await;
        let mut client = server.over(SSE, HUB).await;
        let target = client.target("/send", &[]);
        let headers = [("Content-Type", FORM)];
        let answer = server.post(&target, &headers, form.as_bytes()).await;
        assert_eq!(answer.status, status, "{limit:?}");
        if status == 200 {
            assert!(answer.body.len() > 10 << 20);
        }
        client.no_event().await;
    }
}

/// Begins to negotiate, to connect or to come back, and goes.
async fn abandon(server: &Server, n: usize) {
    let begins = |head: &str| format!("{head} HTTP/1.1\r\nHost: test.example\r\n");
    let negotiate = server.target("/negotiate", &[("clientProtocol", "2.1")]);
    if n.is_multiple_of(5) {
        let client = server.negotiated_over(SSE, HUB, None).await;
        let verb = if n.is_multiple_of(2) {
            "/connect"
        } else {
            "/reconnect"
        };
        let target = client.target(verb, &[]);
        let mut socket = server.dial().await;
        let request = begins(&format!("GET {target}")) + "\r\n";
        socket.write_all(request.as_bytes()).await.unwrap();
        // Half of them see that it began.
        if n % 4 < 2 {
            let _ = socket.read(&mut [0; 64]).await;
        }
        return;
    }
    let mut socket = server.dial().await;
    let request = begins(&format!("GET {negotiate}")) + "\r\n";
    let end = request.len() * (n % 5) / 4;
    socket.write_all(&request.as_bytes()[..end]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn five_thousand_connections_abandoned_in_mid_negotiate_leave_nothing_behind() {
    if !alone("five_thousand_connections_abandoned_in_mid_negotiate_leave_nothing_behind") {
        return;
    }
    let log: Arc<SharedLog> = SharedLog::of(1).remove(0);
    let server = Server::memory(builder().0.log(log.clone()));
    let mut before = 0;
    // The first ten thousand fill what is filled once.
    for round in 0..3 {
        for n in 0..5_000 {
            abandon(&server, n).await;
        }
        sleep(Duration::from_secs(120)).await;
        let nobody = || async {
            let topics = log.topics();
            let own = |topic: &Topic| matches!(topic, Topic::Node(_));
            topics.iter().all(own).then_some(())
        };
        until(nobody).await;
        if round == 1 {
            before = memory();
        }
    }
    let grown = memory().saturating_sub(before);
    assert!(grown < 1_024, "{grown} KiB for 5,000 more");
    server.client(HUB).await.no_event().await;
}
