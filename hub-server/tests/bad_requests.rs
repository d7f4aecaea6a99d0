//! What clients must not be able to do with requests: whatever comes, the server answers others as before and does not
//! panic.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::bystander::{undisturbed, watch_panics};
use common::hubs::{Events, builder};
use common::{Io, Server, within};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn server() -> (Server, Events) {
    watch_panics();
    let (builder, events) = builder();
    (Server::tcp(builder).await, events)
}

/// Sends bytes on a connection of its own and gives what comes back, if anything; the peer may hang up any time.
async fn throw(server: &Server, bytes: &[u8]) -> String {
    let mut socket = server.dial().await;
    let _ = within(socket.write_all(bytes)).await;
    rest_of(socket).await
}

/// The same, and hangs up before the answer.
async fn throw_and_run(server: &Server, bytes: &[u8]) {
    let mut socket = server.dial().await;
    let _ = within(socket.write_all(bytes)).await;
    let _ = socket.shutdown().await;
    rest_of(socket).await;
}

async fn rest_of(mut socket: Box<dyn Io>) -> String {
    let mut answer = Vec::new();
    let _ = within(socket.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_missing_forged_or_foreign_token_or_that_of_another_user_opens_nothing() {
    let (server, _) = server().await;
    let (other, _) = self::server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let foreign = other.client(&["conformance"]).await;
    let anns = server.client_as(&["conformance"], Some("ann")).await;
    let long = "A".repeat(20_000);
    for (token, status) in [
        (None, 400),
        (Some(""), 400),
        (Some("forged"), 400),
        (Some(&*long), 400),
        (Some(&*foreign.token), 400),
        (Some(&*anns.token), 403),
    ] {
        let mut query = vec![("transport", "webSockets"), ("clientProtocol", "2.1")];
        query.extend(token.map(|token| ("connectionToken", token)));
        for verb in ["/connect", "/reconnect"] {
            let refusal = server
                .upgrade(&server.target(verb, &query), &[])
                .await
                .err();
            assert_eq!(refusal.map(|(status, _)| status), Some(status), "{token:?}");
        }
        for verb in ["/start", "/abort"] {
            assert_eq!(server.get(verb, &query).await.status, status, "{token:?}");
        }
    }
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn an_unknown_transport_and_duplicate_hubs_are_refused() {
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    let long = "x".repeat(30_000);
    for transport in [
        "",
        "nosuch",
        "serverSentEvents,webSockets",
        "\0",
        "🦀",
        &long,
    ] {
        let mut query = bystander.query(&[]);
        query[0].1 = transport;
        assert_eq!(server.get("/connect", &query).await.status, 400);
    }
    let nested = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let many = Value::from(vec![json!({"name": "conformance"}); 500]).to_string();
    for data in [
        r#"[{"name":"conformance"},{"name":"Conformance"}]"#,
        &nested,
        &many,
        "[{\"name\":\"\\ud800\"}]",
    ] {
        assert_eq!(
            server
                .get("/negotiate", &[("connectionData", data)])
                .await
                .status,
            500
        );
    }
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn very_long_queries_and_headers_are_refused_or_served_and_nothing_else() {
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    for (size, served) in [
        (10_000, true),
        (50_000, true),
        (200_000, false),
        (2_000_000, false),
    ] {
        let long = "x".repeat(size);
        let query =
            format!("GET /signalr/ping?x={long} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let header = format!(
            "GET /signalr/ping HTTP/1.1\r\nHost: x\r\nX: {long}\r\nConnection: close\r\n\r\n"
        );
        let answers = [
            throw(&server, query.as_bytes()).await,
            throw(&server, header.as_bytes()).await,
        ];
        if served {
            assert!(
                answers
                    .iter()
                    .all(|answer| answer.starts_with("HTTP/1.1 200")),
                "{size}"
            );
        }
        assert!(answers[0].starts_with("HTTP/1.1 200") == served, "{size}");
    }
    let headers: String = (0..2_000).map(|n| format!("X-{n}: y\r\n")).collect();
    let many =
        format!("GET /signalr/ping HTTP/1.1\r\nHost: x\r\n{headers}Connection: close\r\n\r\n");
    assert!(
        !throw(&server, many.as_bytes())
            .await
            .starts_with("HTTP/1.1 200")
    );
    let parameters: Vec<_> = (0..5_000).map(|n| format!("a{n}={n}")).collect();
    let many = server
        .raw(
            "GET",
            &format!("/signalr/ping?{}", parameters.join("&")),
            &[],
        )
        .await;
    assert_eq!(many.status, 200);
    undisturbed(&server, &mut bystander).await;
}

#[tokio::test]
async fn invalid_utf_8_in_paths_and_queries_is_taken_as_some_text() {
    let (server, _) = server().await;
    let mut bystander = server.client(&["conformance"]).await;
    for target in [
        "/signalr/negotiate?clientProtocol=%FF%FE",
        "/signalr/negotiate?%FF=%80&connectionData=%5B%5D",
        "/signalr/%FF/negotiate",
        "/signalr/negotiate?%",
        "/signalr/negotiate?%zz=%",
        "/signalr/negotiate?&&==&",
        "/signalr/negotiate?connectionData=%00",
        "/signalr/negotiate?messageId=%C0%80",
    ] {
        let status = server.raw("GET", target, &[]).await.status;
        assert!(
            status == 200 || target.contains("%00") && status == 500,
            "{target} {status}"
        );
    }
    let bad_hub = server
        .raw("GET", "/signalr/negotiate?connectionData=%FF", &[])
        .await;
    assert_eq!(bad_hub.status, 500);
    for bytes in [
        &b"GET /signalr/negotiate?x=\xFF\xFE HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"[..],
        b"GET /signalr/\xFF/negotiate HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /signalr/ping HTTP/1.1\r\nHost: x\r\nX-User: \xFF\r\nConnection: close\r\n\r\n",
        b"GET http://x/signalr/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST /signalr/abort HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\nConnection: close\r\n\r\n",
        b"GET /signalr/ping HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        throw_and_run(&server, bytes).await;
        undisturbed(&server, &mut bystander).await;
    }
}
