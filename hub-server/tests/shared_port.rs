//! One port for all protocols (`delivery.md` e.1): the first bytes choose.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::net::SocketAddr;

use common::wires::{BOB, Foo, Servers, Wire};
use common::{Server, within};
use hub_server::HubServer;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server with one port, by itself or inside of a host that serves HTTP.
async fn start(hosted: bool) -> (Servers, oneshot::Sender<()>) {
    let server = HubServer::builder().hub(Foo).shared_port(true).build();
    let (stop, stopped) = oneshot::channel::<()>();
    let (addr, task): (SocketAddr, JoinHandle<()>) = if hosted {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = server.unwrap().into_service();
        let mut port = service.clone().share(listener);
        let addr = port.local_addr().unwrap();
        let task = tokio::spawn(async move {
            loop {
                let (socket, from) = port.accept().await;
                assert!(from.ip().is_loopback());
                let service = service.clone();
                let serve = hyper::service::service_fn(move |request| {
                    let mut service = service.clone();
                    tower_service::Service::call(&mut service, request)
                });
                let http = hyper::server::conn::http1::Builder::new();
                let http = http.serve_connection(TokioIo::new(socket), serve);
                tokio::spawn(http.with_upgrades());
            }
        });
        (addr, task)
    } else {
        let bound = server.unwrap().bind("127.0.0.1:0").await.unwrap();
        let addr = bound.local_addr();
        let serve = bound.serve_until(async { drop(stopped.await) });
        (addr, tokio::spawn(async { serve.await.unwrap() }))
    };
    let http = Server::elsewhere(addr);
    (
        Servers {
            text: addr,
            http,
            task,
        },
        stop,
    )
}

/// All that comes back to these bytes.
async fn told(servers: &Servers, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(servers.text).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut said = String::new();
    within(socket.read_to_string(&mut said)).await.unwrap();
    said
}

#[tokio::test]
async fn http_websockets_and_text_share_a_port() {
    for hosted in [false, true] {
        let (servers, _stop) = start(hosted).await;
        let mut classic = servers.started(None, &BOB[13..]).await;
        let mut text = servers.client(true, "").await;
        let mut packets = servers.client(false, "").await;
        text.open().await;
        packets.open().await;
        for n in ["1", "2"] {
            text.expect(&[("bar", n)], &[&format!("bar|{n}")]).await;
            packets.expect(&[], &[&format!("bar|{n}")]).await;
            assert_eq!(classic.event().await, json!(["bar", n]));
        }
        let large = "x".repeat(60_000);
        packets
            .expect(&[("bar", &large)], &[&format!("bar|{large}")])
            .await;
        assert_eq!(classic.event().await, json!(["bar", large]));
    }
}

#[tokio::test]
async fn who_speaks_nothing_of_that_is_told_and_shown_out() {
    for hosted in [false, true] {
        let (servers, _stop) = start(hosted).await;
        let line = "|4|{\"Message\":\"HTTP or PuttyProtocol is spoken here\"}\r\n";
        for bytes in [
            &b"\r\n"[..],
            b"foo|1|\r\n",
            b"get / HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01\x02",
            b"SSH-2.0-x\r\n",
            b"Putty\r\n",
        ] {
            assert_eq!(told(&servers, bytes).await, line, "{bytes:?}");
        }
        let bad = told(&servers, b"GET\x20\0 HTTP/1.1\r\n\r\n").await;
        assert!(bad.starts_with("HTTP/1.1 400"), "{bad}");
        let bad = told(&servers, b"PuttyProtocolx\r\n").await;
        assert!(bad.starts_with("|4|"), "{bad}");
        servers.client(true, "").await.open().await;
    }
}

#[tokio::test]
async fn bytes_may_come_one_by_one_and_a_telnet_client_may_begin_with_commands() {
    let (servers, _stop) = start(false).await;
    for (said, heard) in [
        (&b"PuttyProtocol\r\nfoo|add|[1,2]\r\n"[..], "foo|add|3\r\n"),
        (
            b"\xff\xfd\x01\xff\xfb\x1fPuttyProtocol\r\nfoo|add|[1,2]\r\n",
            "foo|add|3\r\n",
        ),
        (
            b"PUT / HTTP/1.1\r\nHost: x\r\n\r\n",
            "HTTP/1.1 404 Not Found",
        ),
    ] {
        let mut socket = TcpStream::connect(servers.text).await.unwrap();
        socket.set_nodelay(true).unwrap();
        for byte in said {
            socket.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        let mut all = String::new();
        while !all.contains(heard) {
            let mut some = [0; 100];
            let read = within(socket.read(&mut some)).await.unwrap();
            assert!(read > 0, "{all}");
            all += std::str::from_utf8(&some[..read]).unwrap();
        }
    }
}

#[tokio::test]
async fn who_says_nothing_keeps_nobody_waiting_and_goes_with_the_server() {
    for hosted in [false, true] {
        let (mut servers, stop) = start(hosted).await;
        let mut silent = Vec::new();
        for n in 0..50 {
            let mut socket = TcpStream::connect(servers.text).await.unwrap();
            let some: &[u8] = if n % 2 == 0 { b"PU" } else { b"" };
            socket.write_all(some).await.unwrap();
            silent.push(socket);
        }
        let mut text = servers.client(true, "").await;
        text.open().await;
        text.nothing_more().await;
        let mut packets = servers.client(false, "").await;
        packets.open().await;
        drop(stop);
        if hosted {
            servers.task.abort();
        }
        let _ = within(&mut servers.task).await;
        for mut socket in silent {
            let mut said = Vec::new();
            let _ = within(socket.read_to_end(&mut said)).await;
            assert_eq!(said, b"");
        }
        let Wire::Tcp(mut terminal) = text else {
            panic!()
        };
        let mut said = String::new();
        let _ = within(terminal.read_to_string(&mut said)).await;
        assert_eq!(said, "");
    }
}

#[tokio::test]
async fn without_it_the_text_protocol_is_not_spoken_there() {
    let server = HubServer::builder().hub(Foo).build().unwrap();
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    let addr = bound.local_addr();
    let servers = Servers {
        text: addr,
        http: Server::elsewhere(addr),
        task: tokio::spawn(async { bound.serve().await.unwrap() }),
    };
    let said = told(&servers, b"PuttyProtocol\r\n").await;
    assert!(said.starts_with("HTTP/1.1 400"), "{said}");
}
