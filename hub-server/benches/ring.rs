//! Once round the whole ring without a kernel's socket: a call with its answer, and a broadcast through log and pump into
//! everybody's outbox and out again. Connections are WebSockets over pipes in memory, all on one thread.
//!
//! Dispatch by name and the pump have no doors of their own, so this is where they are measured.
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use divan::Bencher;
use divan::counter::ItemsCount;
use hub_server::{Clients, HubServer, HubService, hub};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::Runtime;
use tower_service::Service;

fn main() {
    divan::main();
}

struct Bench;

#[hub]
impl Bench {
    fn echo(&self, m: String) -> String {
        m
    }
}

const TEXT: &str = "E10000000abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabc";
const PIPE: usize = 64 * 1024;

struct Ring {
    runtime: Runtime,
    service: HubService,
    clients: Clients,
}

impl Ring {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (service, clients) = runtime.block_on(async {
            let server = HubServer::builder().hub(Bench).build().unwrap();
            let clients = server.handle("bench").unwrap().clients();
            (server.into_service(), clients)
        });
        Self {
            runtime,
            service,
            clients,
        }
    }

    /// A client without negotiation, greeted.
    async fn client(&self) -> DuplexStream {
        let (mut near, far) = tokio::io::duplex(PIPE);
        let service = self.service.clone();
        let answer = hyper::service::service_fn(move |request| {
            let answer = service.clone().call(request);
            async move { Ok::<_, Infallible>(answer.await.unwrap()) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(far), answer)
            .with_upgrades();
        tokio::spawn(connection);
        let head = "GET /signalr HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        near.write_all(head.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(br#""M":[]}"#) {
            assert_ne!(near.read_buf(&mut read).await.unwrap(), 0);
        }
        near
    }
}

/// A client's frame, masked with zeros.
fn framed(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    assert!(length < 126);
    let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// So many calls in one piece, and their answers.
#[divan::bench(args = [1, 16])]
fn calls(bencher: Bencher<'_, '_>, calls: usize) {
    let ring = Ring::new();
    let mut client = ring.runtime.block_on(ring.client());
    let call = format!(r#"{{"H":"bench","M":"echo","A":["{TEXT}"],"I":1}}"#);
    let answer = format!(r#"{{"R":"{TEXT}","I":"1"}}"#);
    let (call, mut answers) = (framed(&call).repeat(calls), Vec::new());
    let length = calls * (2 + answer.len());
    bencher.counter(ItemsCount::new(calls)).bench_local(|| {
        ring.runtime.block_on(async {
            client.write_all(&call).await.unwrap();
            answers.clear();
            while answers.len() < length {
                assert_ne!(client.read_buf(&mut answers).await.unwrap(), 0);
            }
        });
        assert!(answers.ends_with(answer.as_bytes()));
    });
}

/// One broadcast, until everybody has it.
#[divan::bench(args = [1, 10, 100, 1_000])]
fn broadcast(bencher: Bencher<'_, '_>, subscribers: usize) {
    let ring = Ring::new();
    let arrived = Arc::new(AtomicUsize::new(0));
    ring.runtime.block_on(async {
        for _ in 0..subscribers {
            let (mut client, arrived) = (ring.client().await, arrived.clone());
            tokio::spawn(async move {
                let mut read = Vec::new();
                while client
                    .read_buf(&mut read)
                    .await
                    .is_ok_and(|count| count > 0)
                {
                    // The end of a payload; a broadcast is one, however it is cut.
                    let ends = read.windows(4).filter(|four| four == b"]}]}").count();
                    if ends > 0 {
                        arrived.fetch_add(ends, Ordering::Relaxed);
                        read.clear();
                    }
                }
            });
        }
    });
    let mut expected = 0;
    bencher
        .counter(ItemsCount::new(subscribers))
        .bench_local(|| {
            expected += subscribers;
            ring.runtime.block_on(async {
                ring.clients.all().send("message", (TEXT,)).await.unwrap();
                while arrived.load(Ordering::Relaxed) < expected {
                    tokio::task::yield_now().await;
                }
            });
        });
}
