//! What a client is sent that does not take what waits for it, as the sender of each event wants it (`delivery.md` c, "Slow
//! consumer"), and what its hub hears of it. On real sockets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::slow::{HUB, Heard, clog, fill, session, ticker, unclog};
use common::{Client, until};
use hub_server::{HubHandle, WhenFull};
use metrics_util::debugging::DebuggingRecorder;
use serde_json::{Value, json};

async fn plain(hub: &HubHandle, n: i64) {
    hub.clients().all().send("plain", (n,)).await.unwrap();
}

async fn tick(hub: &HubHandle, n: i64) {
    let key = format!("key{}", n % 3);
    let all = hub.clients().all().coalesce(&*key);
    all.send("tick", (n,)).await.unwrap();
}

async fn drop_oldest(hub: &HubHandle, n: i64) {
    let all = hub.clients().all().when_full(WhenFull::DropOldest);
    all.send("n", (n,)).await.unwrap();
}

/// The next events of these names, as name and number, up to the plain event with this number.
async fn upto_plain(client: &mut Client<'_>, last: i64) -> Vec<(String, i64)> {
    let mut seen = Vec::new();
    loop {
        let event = client.event().await;
        seen.push((
            event[0].as_str().unwrap().into(),
            event[1].as_i64().unwrap(),
        ));
        if event == json!(["plain", last]) {
            return seen;
        }
    }
}

fn named(name: &str, numbers: impl IntoIterator<Item = i64>) -> Vec<(String, i64)> {
    numbers.into_iter().map(|n| (name.to_owned(), n)).collect()
}

fn of(seen: &[(String, i64)], name: &str) -> Vec<i64> {
    let of = seen.iter().filter(|(event, _)| event == name);
    of.map(|(_, n)| *n).collect()
}

#[tokio::test]
async fn of_each_key_a_slow_client_gets_the_last_and_others_get_all() {
    let recorder = DebuggingRecorder::new();
    let (mut heard, _guard) = Heard::begin(&recorder);
    let (server, hub, events) = ticker(|builder| builder).await;
    let narrow = server.narrow();
    let mut slow = narrow.client(HUB).await;
    let mut quick = server.client(HUB).await;
    let fillers = clog(&hub, &slow).await;
    let waiting = session(&hub, &slow.id).waiting();
    for n in 0..600 {
        tick(&hub, n).await;
        assert_eq!(quick.event().await, json!(["tick", n]), "it keeps up");
        if n % 100 == 50 {
            plain(&hub, n).await;
            assert_eq!(quick.event().await, json!(["plain", n]));
        }
    }
    assert_eq!(
        session(&hub, &slow.id).waiting(),
        waiting,
        "it waits in the log"
    );
    plain(&hub, 600).await;
    unclog(&mut slow, fillers).await;
    let seen = upto_plain(&mut slow, 600).await;
    let plain = (0..6).map(|n| n * 100 + 50);
    let expected = named("plain", plain)
        .into_iter()
        .chain(named("tick", [597, 598, 599]));
    let expected: Vec<_> = expected.chain(named("plain", [600])).collect();
    assert_eq!(seen, expected);
    assert_eq!(heard.count("dropped_total hub=ticker,why=coalesced"), 597);
    assert_eq!(heard.count("dropped_total hub=ticker,why=slow"), 0);
    let told = ["opened", "Rises", "Relieved { left_out: 0 }"];
    events.become_for(&slow.id, &told).await;
    assert_eq!(events.of(&quick.id), ["opened"]);
    // From now on it keeps up as well.
    for n in 0..10 {
        tick(&hub, n).await;
        assert_eq!(slow.event().await, json!(["tick", n]));
    }
}

#[tokio::test]
async fn of_what_may_be_dropped_a_slow_client_gets_the_newest_and_all_of_the_rest() {
    let recorder = DebuggingRecorder::new();
    let (mut heard, _guard) = Heard::begin(&recorder);
    let (server, hub, events) = ticker(|builder| builder.outbox(1_024, 100_000)).await;
    let narrow = server.narrow();
    let mut slow = narrow.client(HUB).await;
    let fillers = fill(&hub, &slow).await;
    for n in 0..500 {
        drop_oldest(&hub, n).await;
        if n % 100 == 50 {
            plain(&hub, n).await;
        }
    }
    plain(&hub, 500).await;
    unclog(&mut slow, fillers).await;
    let seen = upto_plain(&mut slow, 500).await;
    assert_eq!(of(&seen, "plain"), [50, 150, 250, 350, 450, 500]);
    assert_eq!(of(&seen, "n"), (436..500).collect::<Vec<_>>());
    let told = ["opened", "Rises", "Relieved { left_out: 436 }"];
    events.become_for(&slow.id, &told).await;
    assert_eq!(heard.count("dropped_total hub=ticker,why=slow"), 436);
    // On one and the same link.
    slow.result("ticker", "nothing", json!([])).await;
    assert!(slow.socket.events.is_empty());
}

#[tokio::test]
async fn a_client_that_can_be_told_is_told_what_was_dropped() {
    let (server, hub, _) = ticker(|builder| builder.outbox(1_024, 100_000)).await;
    let narrow = server.narrow();
    let mut slow = narrow.negotiated(HUB, None).await;
    slow.more.push(("tags".into(), "1".into()));
    slow.socket = slow.open("/connect", &[]).await.unwrap();
    slow.socket.frame().await;
    assert_eq!(slow.get("/start").await.status, 200);
    clog(&hub, &slow).await;
    let filler = "x".repeat(60_000);
    for _ in 0..2 {
        let one = hub.clients().client(&slow.id);
        one.send("filler", (0, &filler)).await.unwrap();
    }
    for n in 0..200 {
        drop_oldest(&hub, n).await;
    }
    let mut missed = Vec::new();
    let mut seen: Vec<i64> = Vec::new();
    while seen.last() != Some(&199) {
        let frame: Value = slow.socket.frame().await;
        missed.extend(frame["X"].as_array().into_iter().flatten().cloned());
        for event in std::mem::take(&mut slow.socket.events) {
            if event["M"] == "n" {
                assert!(!missed.is_empty(), "it is told before");
                seen.push(event["A"][0].as_i64().unwrap());
            }
        }
    }
    assert_eq!(seen, (136..200).collect::<Vec<_>>());
    assert_eq!(missed, [json!({"T": "all", "W": "dropped", "H": "ticker"})]);
}

#[tokio::test]
async fn what_the_log_has_let_go_ends_the_link_unless_it_may_be_dropped() {
    for may in [true, false] {
        let recorder = DebuggingRecorder::new();
        let (mut heard, _guard) = Heard::begin(&recorder);
        let set = |b: hub_server::Builder| b.outbox(1_024, 100_000).retain(100, 1 << 30);
        let (server, hub, events) = ticker(set).await;
        let narrow = server.narrow();
        let mut slow = narrow.client(HUB).await;
        let fillers = fill(&hub, &slow).await;
        for n in 0..300 {
            match may {
                true => drop_oldest(&hub, n).await,
                false => hub.clients().all().send("n", (n,)).await.unwrap(),
            }
        }
        plain(&hub, 300).await;
        if may {
            unclog(&mut slow, fillers).await;
            let seen = upto_plain(&mut slow, 300).await;
            assert_eq!(of(&seen, "n"), (236..300).collect::<Vec<_>>());
            assert_eq!(heard.count("gap_total hub=ticker,why=dropped"), 1);
        } else {
            slow.socket.end().await;
            slow.socket.events.clear();
            slow.reconnect().await;
            let seen = upto_plain(&mut slow, 300).await;
            assert_eq!(of(&seen, "n"), (201..300).collect::<Vec<_>>());
            until(|| async {
                (events.of(&slow.id).contains(&"reconnected:trimmed".into())).then_some(())
            })
            .await;
        }
    }
}

#[tokio::test]
async fn who_was_away_gets_all_that_the_log_has_and_the_last_of_each_key() {
    let (server, hub, events) = ticker(|builder| builder.retain(500, 1 << 30)).await;
    let mut client = server.client(HUB).await;
    client.cut();
    for n in 0..150 {
        drop_oldest(&hub, n).await;
    }
    for n in 0..150 {
        tick(&hub, n).await;
    }
    plain(&hub, 1).await;
    client.reconnect().await;
    let seen = upto_plain(&mut client, 1).await;
    assert_eq!(of(&seen, "n"), (0..150).collect::<Vec<_>>());
    assert_eq!(of(&seen, "tick"), [147, 148, 149]);
    events
        .become_for(&client.id, &["opened", "reconnected"])
        .await;
    // What a newer one stands for may go from the log without a gap.
    client.cut();
    for n in 0..700 {
        tick(&hub, n).await;
    }
    client.reconnect().await;
    plain(&hub, 2).await;
    let seen = upto_plain(&mut client, 2).await;
    assert_eq!(of(&seen, "tick"), [697, 698, 699]);
    // The last of its key may not.
    client.cut();
    hub.clients()
        .all()
        .coalesce("rare")
        .send("tick", (-1,))
        .await
        .unwrap();
    for n in 0..700 {
        tick(&hub, n).await;
    }
    client.reconnect().await;
    let told = [
        "opened",
        "reconnected",
        "reconnected",
        "reconnected:trimmed",
    ];
    events.become_for(&client.id, &told).await;
}

#[tokio::test]
async fn what_is_not_for_a_client_stands_for_nothing_that_is() {
    let (server, hub, _) = ticker(|builder| builder.retain(50, 1 << 20)).await;
    let mut client = server.client(HUB).await;
    let to = |but: bool| {
        let except = but.then(|| client.id.clone());
        hub.clients().all_except(except).coalesce("key")
    };
    let (everybody, others) = (to(false), to(true));
    client.cut();
    everybody.send("tick", (1,)).await.unwrap();
    others.send("tick", (2,)).await.unwrap();
    client.reconnect().await;
    plain(&hub, 0).await;
    assert_eq!(upto_plain(&mut client, 0).await[0], ("tick".into(), 1));
}

#[tokio::test]
async fn what_does_not_fit_and_is_queued_goes_on_from_the_queue() {
    const ALL: i64 = 3_000;
    let (server, hub, _) = ticker(|b| b.outbox(64, 100_000).retain(50, 1 << 20)).await;
    let narrow = server.narrow();
    let mut slow = narrow.negotiated(HUB, None).await;
    slow.more
        .push(("persistentId".into(), common::known::ANN.into()));
    slow.socket = slow.open("/connect", &[]).await.unwrap();
    slow.socket.frame().await;
    assert_eq!(slow.get("/start").await.status, 200);
    let fillers = clog(&hub, &slow).await;
    for n in 0..ALL {
        let all = hub
            .clients()
            .all()
            .when_full(WhenFull::DropOldest)
            .and_queue("kept");
        all.send("n", (n,)).await.unwrap();
    }
    assert!(session(&hub, &slow.id).waiting() <= 100_000 + 60_000);
    // It reads what has left for it, however its link ends, and comes back as often as it has to.
    let mut numbers: Vec<i64> = Vec::new();
    while numbers.last() != Some(&(ALL - 1)) {
        match tokio::time::timeout(Duration::from_secs(10), slow.socket.next())
            .await
            .unwrap()
        {
            Some(Ok(tokio_tungstenite::tungstenite::Message::Text(text))) => {
                let frame: Value = serde_json::from_str(&text).unwrap();
                if let Some(cursor) = frame["C"].as_str() {
                    slow.socket.cursor = Some(cursor.into());
                }
                let events = frame["M"].as_array().into_iter().flatten();
                let events = events.filter(|event| event["M"] == "n");
                numbers.extend(events.map(|event| event["A"][0].as_i64().unwrap()));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => slow.reconnect().await,
        }
    }
    assert!(fillers > 0);
    assert_eq!(numbers, (0..ALL).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stream_that_takes_nothing_has_to_come_back_and_misses_nothing() {
    let set = |b: hub_server::Builder| {
        b.keep_alive(Some(Duration::from_secs(2)))
            .write_timeout(Duration::from_secs(1))
            .outbox(8, 4_096)
            .retain(100_000, 1 << 30)
    };
    let (server, hub, events) = ticker(set).await;
    let narrow = server.narrow();
    let mut slow = narrow.over(common::receive::SSE, HUB).await;
    let filler = "x".repeat(10_000);
    for n in 0..1_000 {
        hub.clients().all().send("n", (n, &filler)).await.unwrap();
    }
    let told = ["opened", "Rises", "Relieved { left_out: 0 }"];
    events.become_for(&slow.id, &told).await;
    slow.server = &server;
    slow.reconnect().await;
    for n in 0..1_000 {
        assert_eq!(slow.event().await[1], n);
    }
}
