//! How much clients of XSockets' wires may have, owe and leave behind (`delivery.md` a.4, a.5, e).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::known::{self, Ports};
use common::wires::{BOB, Foo, Servers, Wire};
use hub_server::HubServer;

const WINDOW: usize = 1 << 20;

#[tokio::test]
async fn no_more_than_1_mib_is_owed() {
    let servers = Servers::start().await;
    for tcp in [true, false] {
        let mut a = servers.client(tcp, "").await;
        let mut b = servers.client(tcp, &format!("{BOB}&qos=1&cs=1")).await;
        b.open().await;
        a.open().await;
        let texts: Vec<String> = (0..40)
            .map(|n| format!("{n}-{}", "x".repeat(50_000)))
            .collect();
        for text in &texts {
            a.expect(&[("bar", text)], &[&format!("bar|{text}")]).await;
        }
        // As many as fit, and then nothing but answers.
        let fits = WINDOW / 50_100;
        let mut heard = Vec::new();
        for n in 1..=fits {
            b.expect(&[], &[&format!("bar#{n}|{}", texts[n - 1])]).await;
            heard.push(n);
        }
        b.nothing_more().await;
        // Each acknowledgement makes room for one more, whatever part of the rest is live meanwhile.
        for n in fits + 1..=texts.len() {
            b.say("9", &(n - fits).to_string()).await;
            b.expect(&[], &[&format!("bar#{n}|{}", texts[n - 1])]).await;
            b.nothing_more().await;
        }
        b.say("9", "40").await;
        a.expect(&[("bar", "live")], &["bar|live"]).await;
        b.expect(&[], &["bar#41|live"]).await;
        b.expect(&[("3", "")], &["3|"]).await;
    }
}

#[tokio::test]
async fn one_message_that_is_larger_than_the_window_goes_alone() {
    // A line of a client has 64 KiB; what a hub sends may be larger.
    let builder = HubServer::builder().hub(Foo).max_message_size(None);
    let servers = Servers::of(builder.retain(1_000, 8 * WINDOW)).await;
    for tcp in [true, false] {
        let mut a = servers.client(tcp, "").await;
        let mut b = servers.client(tcp, &format!("{BOB}&qos=1&cs=1")).await;
        b.open().await;
        a.open().await;
        let large = "x".repeat(WINDOW + 1);
        for text in ["small", &*large, "last"] {
            a.expect(&[("tell", text)], &[&format!("told|{text}")])
                .await;
        }
        b.expect(&[], &["told#1|small"]).await;
        b.nothing_more().await;
        b.expect(&[("9", "1")], &[&format!("told#2|{large}")]).await;
        b.nothing_more().await;
        b.expect(&[("9", "2")], &["told#3|last"]).await;
    }
}

#[tokio::test]
async fn a_client_has_up_to_128_subscriptions_on_a_hub() {
    let servers = Servers::start().await;
    for tcp in [true, false] {
        let mut a = servers.client(tcp, "").await;
        a.open().await;
        for n in 1..=127 {
            a.say("5", &format!("t{n}")).await;
        }
        a.expect(&[("t127", "x")], &["t127|x"]).await;
        a.expect(&[("5", "t128"), ("t128", "x")], &["t128|x"]).await;
        let full = "4|{\"Message\":\"there are too many subscriptions\"}";
        a.expect(&[("5", "t129"), ("5", "t130")], &[full, full])
            .await;
        a.say("t129", "nobody").await;
        a.nothing_more().await;
        // One that there is already is not one more; one that ends makes room.
        a.say("5", "T1").await;
        a.expect(
            &[("t1", "x"), ("6", "t64"), ("5", "t129"), ("t129", "x")],
            &["t1|x", "t129|x"],
        )
        .await;
        a.expect(&[("5", "t64")], &[full]).await;
        // It is by client and hub.
        let mut b = servers.client(!tcp, "").await;
        b.open().await;
        b.expect(&[("5", "t129"), ("t129", "b")], &["t129|b"]).await;
        a.expect(&[], &["t129|b"]).await;
        a.expect(&[("3", "")], &["3|"]).await;
        a.open().await;
        a.expect(&[("5", "t130"), ("t130", "x")], &["t130|x"]).await;
    }
}

#[tokio::test]
async fn a_numbered_replay_of_many_pages_goes_on_where_it_was_acknowledged() {
    const KEPT: usize = 1_000;
    let servers = Servers::start().await;
    for tcp in [true, false] {
        let query = format!("{BOB}&qos=1");
        let mut a = servers.client(tcp, "").await;
        let mut b = servers.client(tcp, &format!("{query}&cs=1")).await;
        b.open().await;
        b.expect(&[("3", "")], &["3|"]).await;
        a.open().await;
        for n in 1..=KEPT {
            a.expect(&[("bar", &n.to_string())], &[&format!("bar|{n}")])
                .await;
        }
        // In the middle of a page, at the end of one, and at the end.
        let mut had = 0;
        for upto in [100, 128, 577, KEPT] {
            b.open().await;
            // While it is read something new comes.
            a.expect(&[("tell", "live")], &["told|live"]).await;
            for n in had + 1..=KEPT {
                b.expect(&[], &[&format!("bar#{}|{n}", n - had)]).await;
            }
            b.expect(&[], &[&format!("told#{}|live", KEPT - had + 1)])
                .await;
            b.say("9", &(upto - had).to_string()).await;
            b.nothing_more().await;
            drop(b);
            b = servers.client(tcp, &query).await;
            had = upto;
        }
        b.open().await;
        b.nothing_more().await;
        b.expect(&[("3", "")], &["3|"]).await;
    }
}

#[tokio::test]
async fn who_waits_so_long_that_something_is_gone_has_to_come_back() {
    let servers = Servers::of(HubServer::builder().hub(Foo).retain(100, WINDOW)).await;
    for tcp in [true, false] {
        let query = format!("{BOB}&qos=1");
        let mut a = servers.client(tcp, "").await;
        let mut b = servers.client(tcp, &format!("{query}&cs=1")).await;
        b.open().await;
        a.open().await;
        for n in 1..=1_024 {
            a.expect(&[("tell", &n.to_string())], &[&format!("told|{n}")])
                .await;
            b.expect(&[], &[&format!("told#{n}|{n}")]).await;
        }
        a.expect(&[("bar", "kept")], &["bar|kept"]).await;
        for n in 1_025..=1_200 {
            a.expect(&[("tell", &n.to_string())], &[&format!("told|{n}")])
                .await;
        }
        b.nothing_more().await;
        b.say("9", "1024").await;
        // What is gone is not skipped in silence.
        match &mut b {
            Wire::Tcp(_) => assert_eq!(b.hear().await, ""),
            Wire::Ws(socket) => assert!(socket.end().await.is_some()),
        }
        let mut b = servers.client(tcp, &query).await;
        b.open().await;
        b.expect(&[], &["bar#1|kept"]).await;
        b.say("9", "1").await;
        b.nothing_more().await;
        b.expect(&[("3", "")], &["3|"]).await;
    }
}

#[tokio::test]
async fn what_is_stored_lives_as_long_as_the_lease() {
    const TTL: Duration = Duration::from_millis(400);
    let (builder, seen) = known::builder(TTL);
    let ports = Ports::open(builder).await;
    let mut b = ports.terminal(known::BOB).await;
    b.open().await;
    b.say("foo|s1|k,v").await;
    b.close().await;
    let closed = Instant::now();
    b.open().await;
    b.say("foo|s2|k").await;
    let heard = b.hear().await;
    // Unless this machine took longer for that than the lease lasts.
    assert!(heard == "foo|s2:k|v" || closed.elapsed() >= TTL, "{heard}");
    b.close().await;
    let closed = Instant::now();
    let expired = || async { seen.all().contains(&"expired b".to_owned()).then_some(()) };
    common::until(expired).await;
    assert!(closed.elapsed() >= TTL, "{:?}", closed.elapsed());
    b.open().await;
    b.say("foo|s2|k").await;
    assert_eq!(b.hear().await, "foo|s2:k|");
}
