//! Clients that read slowly: they catch up from the log, what is no longer there they are told of, and a result never
//! overtakes the events that its method sent before it (`design.md` 3).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::collections::HashMap;
use std::time::Duration;

use common::outside::{id, memory, numbers, same, tcp};
use common::slow::{Heard, session};
use common::{Client, until};
use hub_server::HubHandle;
use metrics_util::debugging::DebuggingRecorder;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::time::sleep;

const HUB: &[&str] = &["conformance"];
const MIB: usize = 1 << 20;

const FILLER: usize = 200;

async fn fill(hub: &HubHandle, numbers: std::ops::Range<i64>) {
    let filler = "x".repeat(FILLER);
    for n in numbers {
        hub.clients().all().send("n", (n, &filler)).await.unwrap();
    }
}

#[tokio::test]
async fn a_slow_reader_catches_up_from_the_log_while_messages_keep_coming() {
    let (server, hub, events) = memory(|b| b.outbox(8, 4096).retain(100_000, 256 * MIB));
    let mut client = server.client(HUB).await;
    // Far more than pipe and outbox hold together.
    fill(&hub, 0..2_000).await;
    let going = tokio::spawn(async move {
        for chunk in 0..100 {
            fill(&hub, 2_000 + chunk * 20..2_020 + chunk * 20).await;
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(
        numbers(&mut client, 4_000).await,
        (0..4_000).collect::<Vec<_>>()
    );
    going.await.unwrap();
    client.no_event().await;
    assert_eq!(
        events.of(&client.id),
        ["connected"],
        "on one and the same socket"
    );
}

#[tokio::test]
async fn a_slow_reader_catches_up_when_no_more_messages_come() {
    // Without keep-alive nothing but the socket itself can wake the connection.
    let (server, hub, _) = memory(|b| {
        b.outbox(8, 4096)
            .retain(100_000, 256 * MIB)
            .keep_alive(None)
    });
    let mut client = server.client(HUB).await;
    fill(&hub, 0..2_000).await;
    assert_eq!(
        numbers(&mut client, 2_000).await,
        (0..2_000).collect::<Vec<_>>()
    );
}

/// Reads so many bytes a second, and gives in which one it was shown out, if it was within a minute.
async fn dribbles(bytes: usize) -> Option<usize> {
    let recorder = DebuggingRecorder::new();
    let (mut heard, _guard) = Heard::begin(&recorder);
    let (server, hub, _) = memory(|b| b.retain(100_000, 256 * MIB));
    let mut client = server.client(HUB).await;
    let mut stream = client.socket.take_stream();
    fill(&hub, 0..2_000).await;
    let mut some = vec![0; bytes];
    for second in 1..=60 {
        sleep(Duration::from_secs(1)).await;
        if heard.count("slow_readers_closed_total ") > 0 {
            return Some(second);
        }
        stream.get_mut().read_exact(&mut some).await.unwrap();
    }
    None
}

#[tokio::test(start_paused = true)]
async fn who_reads_next_to_nothing_has_to_come_back_like_who_reads_nothing() {
    for bytes in [0, 1, 100, 350] {
        let shown_out = dribbles(bytes).await;
        assert!(
            matches!(shown_out, Some(10 | 11)),
            "{bytes} bytes a second: {shown_out:?}"
        );
    }
    // Slowly, but surely.
    assert_eq!(dribbles(500).await, None);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_a_client_does_not_read_waits_in_its_outbox_and_not_in_the_kernel() {
    let (server, hub, _) = tcp(same).await;
    let narrow = server.narrow();
    let client = narrow.client(HUB).await;
    let session = session(&hub, &client.id);
    // Of 400 KB there is room for little elsewhere: a write, what the kernel takes, and what its client's does.
    fill(&hub, 0..1_600).await;
    until(|| async { (session.waiting() > 200_000).then_some(()) }).await;
}

/// Reads to the end of the socket: the numbers and the close code.
async fn to_the_end(client: &mut Client<'_>) -> (Vec<i64>, Option<u16>) {
    let code = client.socket.end().await;
    let events = std::mem::take(&mut client.socket.events);
    (
        events
            .iter()
            .map(|event| event["A"][0].as_i64().unwrap())
            .collect(),
        code,
    )
}

#[tokio::test]
async fn a_slow_reader_whose_gap_is_gone_is_closed_and_told_when_it_is_back() {
    let (server, hub, events) = memory(|b| b.outbox(8, 4096).retain(50, MIB));
    let mut client = server.client(HUB).await;
    fill(&hub, 0..2_000).await;
    let (seen, code) = to_the_end(&mut client).await;
    assert_eq!(code, Some(1000));
    let last = i64::try_from(seen.len()).unwrap();
    assert_eq!(
        seen,
        (0..last).collect::<Vec<_>>(),
        "no hole before the end"
    );
    assert!(last < 1_900);
    client.reconnect().await;
    assert_eq!(
        numbers(&mut client, 50).await,
        (1_950..2_000).collect::<Vec<_>>()
    );
    events
        .become_for(&client.id, &["connected", "reconnected:trimmed"])
        .await;
}

#[tokio::test]
async fn a_gap_that_opens_while_a_client_catches_up_is_told_too() {
    let (server, hub, events) = memory(|b| b.outbox(8, 4096).retain(1_000, 64 * MIB));
    let mut client = server.client(HUB).await;
    client.cut();
    fill(&hub, 0..900).await;
    // Nothing is lost so far. It comes back, does not read, and the log goes on.
    client.reconnect().await;
    events
        .become_for(&client.id, &["connected", "reconnected"])
        .await;
    fill(&hub, 900..3_000).await;
    let (seen, code) = to_the_end(&mut client).await;
    let last = i64::try_from(seen.len()).unwrap();
    assert_eq!(
        seen,
        (0..last).collect::<Vec<_>>(),
        "no hole before the end"
    );
    assert_eq!(code, Some(1000));
    client.reconnect().await;
    assert_eq!(
        numbers(&mut client, 1_000).await,
        (2_000..3_000).collect::<Vec<_>>()
    );
    let told = ["connected", "reconnected", "reconnected:trimmed"];
    events.become_for(&client.id, &told).await;
}

#[tokio::test]
async fn a_gap_in_a_group_that_was_joined_meanwhile_is_told_and_the_membership_kept() {
    let (server, hub, events) = tcp(|builder| builder.retain(50, MIB)).await;
    let mut client = server.client(HUB).await;
    client.cut();
    hub.groups().add(&id(&client), "g").await.unwrap();
    for n in 0..120 {
        hub.clients().group("g").send("n", (n,)).await.unwrap();
    }
    client.reconnect().await;
    // The gap lies in a topic that the client did not know of: it is sent away once more, with the new token.
    let (seen, code) = to_the_end(&mut client).await;
    assert_eq!((seen, code), (vec![], Some(1000)));
    assert!(client.socket.groups.is_some());
    client.reconnect().await;
    assert_eq!(
        numbers(&mut client, 50).await,
        (70..120).collect::<Vec<_>>()
    );
    let told = ["connected", "reconnected", "reconnected:trimmed"];
    events.become_for(&client.id, &told).await;
}

/// Reads frames until `calls` answers are there; an answer before its own events fails.
async fn answers_come_last(client: &mut Client<'_>, calls: usize, each: usize) {
    let mut events: HashMap<String, usize> = HashMap::new();
    let mut answered = 0;
    while answered < calls {
        let frame = client.socket.frame().await;
        for event in std::mem::take(&mut client.socket.events) {
            if event["M"] == "spread" {
                let tag = event["A"][0].as_str().unwrap();
                let count = events.entry(tag.to_owned()).or_default();
                assert_eq!(event["A"][1], *count, "{tag}");
                *count += 1;
            }
        }
        if let Some(tag) = frame["R"].as_str() {
            assert_eq!(events.get(tag), Some(&each), "the result of {tag} overtook");
            answered += 1;
        }
    }
}

async fn spread(client: &mut Client<'_>, calls: usize, each: usize) {
    for call in 0..calls {
        let args = json!([format!("call {call}"), each]);
        client.send("conformance", "spread", args).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_result_never_overtakes_the_events_that_its_method_sent_before_it() {
    let (server, _, _) = tcp(same).await;
    let mut client = server.client(HUB).await;
    for _ in 0..5 {
        spread(&mut client, 100, 10).await;
        answers_come_last(&mut client, 100, 10).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_result_does_not_overtake_its_events_when_the_reader_is_slow() {
    let (server, hub, _) = memory(|b| b.outbox(8, 4096).retain(100_000, 256 * MIB));
    let mut client = server.client(HUB).await;
    for _ in 0..3 {
        spread(&mut client, 100, 10).await;
        fill(&hub, 0..2_000).await;
        answers_come_last(&mut client, 100, 10).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_result_does_not_overtake_its_events_when_the_client_has_just_come_back() {
    let (server, hub, _) = memory(|b| b.outbox(8, 4096).retain(100_000, 256 * MIB));
    let mut client = server.client(HUB).await;
    for _ in 0..5 {
        client.cut();
        fill(&hub, 0..1_000).await;
        client.reconnect().await;
        spread(&mut client, 20, 10).await;
        // Its calls run while it reads nothing.
        hub.clients().all().send("n", (0,)).await.unwrap();
        answers_come_last(&mut client, 20, 10).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_result_does_not_overtake_what_was_sent_to_a_group_just_joined() {
    let (server, _, _) = tcp(same).await;
    let mut client = server.client(HUB).await;
    for round in 0..50 {
        let group = format!("g{round}");
        let call = client.send("conformance", "joinAndSend", json!([group, 3]));
        let call = call.await;
        let mut seen = 0;
        loop {
            let frame: Value = client.socket.frame().await;
            seen += std::mem::take(&mut client.socket.events).len();
            if frame["I"] == *call {
                assert_eq!(seen, 3, "round {round}");
                break;
            }
        }
    }
}
