//! A server whose memory was short once: what is free again does not count, although the process still has it. It is alone in its
//! process, whose memory is looked at.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::outside::tcp;
use common::slow::session;
use common::{Client, Server, until};
use futures_util::future::join_all;
use hub_server::{Builder, HubHandle};

const HUB: &[&str] = &["conformance"];

/// What the process may take.
const BUDGET: u64 = 96 << 20;

/// From here on nobody new is taken on.
const CROWDED: u64 = BUDGET / 4 * 3;

/// What the process takes, as the kernel has it.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().unwrap() << 10
}

async fn newcomers_are(server: &Server) -> u16 {
    let query = [("clientProtocol", "2.1")];
    server.get("/negotiate", &query).await.status
}

/// Sends clients that read nothing so much that newcomers are refused. Between what waits for them stands something that stays, so
/// that the allocator can't give back what is freed.
async fn crowd(server: &Server, hub: &HubHandle, clients: &[Client<'_>], stays: &mut Vec<Vec<u8>>) {
    let filler = "x".repeat(3_000);
    for n in 0.. {
        for client in clients {
            let one = hub.clients().client(&*client.id);
            one.send("filler", (&filler,)).await.unwrap();
        }
        if n % 20 == 0 {
            // As large as what waits in one piece.
            stays.push(vec![1; 16 * 1024]);
            if newcomers_are(server).await == 503 {
                return;
            }
        }
        assert!(resident() < BUDGET, "nobody was refused");
    }
}

#[tokio::test]
async fn when_slow_readers_have_gone_newcomers_are_let_in_although_the_process_is_as_large() {
    let set = |builder: Builder| {
        builder
            .memory_budget(BUDGET)
            .outbox(1_000_000, 1 << 30)
            .retain(10, 1 << 20)
            // The kernel ends sockets that take nothing for about as long.
            .disconnect_timeout(Duration::from_secs(600))
            .keep_alive(Some(Duration::from_secs(2)))
            .write_timeout(Duration::from_secs(600))
    };
    let (server, hub, _) = tcp(set).await;
    let narrow = server.narrow();
    let mut stays = Vec::new();
    // What is free is taken again, and counts, before the process grows.
    let mut figures = Vec::new();
    for _ in 0..3 {
        let clients = join_all((0..5).map(|_| narrow.client(HUB))).await;
        crowd(&server, &hub, &clients, &mut stays).await;
        let before = resident();
        let sessions: Vec<_> = clients.iter().map(|it| session(&hub, &it.id)).collect();
        let waiting: usize = sessions.iter().map(|it| it.waiting()).sum();
        assert!(waiting as u64 > BUDGET / 3, "{waiting}, {figures:?}");
        drop(clients);
        until(|| async { (newcomers_are(&server).await == 200).then_some(()) }).await;
        let after = resident();
        figures.push((waiting, before, after));
        assert!(after > CROWDED, "it was given back: {figures:?}");
    }
}
