//! Hubs that are opened while what was kept for others, or for themselves, is on its way (`delivery.md` a.5).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::slow_log::SlowLog;
use common::wires::{BOB, Servers, Wire};
use hub_server::{Context, HubError, HubServer, hub};

/// One of two hubs that keep what is queued in `bar`.
struct Keeping;

#[hub(name = "foo")]
impl Keeping {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        cx.online_publish().await?;
        Ok(cx
            .offline_subscribe(["bar"], Duration::from_secs(60))
            .await?)
    }

    async fn bar(&self, cx: &Context, m: String) -> Result<(), HubError> {
        cx.invoke_all_and_queue("bar", (m,)).await?;
        Ok(())
    }

    fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }
}

struct Other;

#[hub(name = "other")]
impl Other {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        cx.online_publish().await?;
        Ok(cx
            .offline_subscribe(["bar"], Duration::from_secs(60))
            .await?)
    }

    async fn bar(&self, cx: &Context, m: String) -> Result<(), HubError> {
        cx.invoke_all_and_queue("bar", (m,)).await?;
        Ok(())
    }
}

async fn servers() -> Servers {
    Servers::of(HubServer::builder().hub(Keeping).hub(Other)).await
}

/// Leaves both hubs with so many messages waiting on the first, and two on the other.
async fn kept(servers: &Servers, tcp: bool, count: usize) -> Wire {
    let mut b = servers.client(tcp, &format!("{BOB}&qos=1&cs=1")).await;
    b.open().await;
    open_other(&mut b).await;
    b.say_to("other", "3", "").await;
    assert_eq!(b.hear().await, "other|3|");
    b.expect(&[("3", "")], &["3|"]).await;
    let mut a = servers.client(tcp, "").await;
    a.open().await;
    open_other(&mut a).await;
    for n in 1..=count {
        let n = n.to_string();
        a.expect(&[("bar", &n)], &[&format!("bar|{n}")]).await;
    }
    for text in ["x", "y"] {
        a.say_to("other", "bar", text).await;
        assert_eq!(a.hear().await, format!("other|bar|{text}"));
    }
    b
}

async fn open_other(wire: &mut Wire) {
    wire.say_to("other", "1", "").await;
    assert!(wire.hear().await.starts_with("other|2|"));
}

#[tokio::test]
async fn another_hub_is_opened_while_much_is_on_its_way() {
    let servers = servers().await;
    for tcp in [true, false] {
        let mut b = kept(&servers, tcp, 1_200).await;
        b.open().await;
        for n in 1..=1_024 {
            b.expect(&[], &[&format!("bar#{n}|{n}")]).await;
        }
        // The first one waits for acknowledgements.
        open_other(&mut b).await;
        b.nothing_more().await;
        b.say("9", "1024").await;
        for n in 1_025..=1_200 {
            b.expect(&[], &[&format!("bar#{n}|{n}")]).await;
        }
        b.expect(&[], &["other|bar#1201|x", "other|bar#1202|y"])
            .await;
        b.say("9", "1202").await;
        b.nothing_more().await;
        drop(b);
        let mut b = servers.client(tcp, &format!("{BOB}&qos=1")).await;
        b.open().await;
        open_other(&mut b).await;
        b.nothing_more().await;
    }
}

#[tokio::test]
async fn what_came_and_was_not_acknowledged_is_not_forgotten_for_another_hub() {
    let servers = servers().await;
    for tcp in [true, false] {
        let mut b = kept(&servers, tcp, 3).await;
        for acknowledged in [false, true] {
            b.open().await;
            b.expect(&[], &["bar#1|1", "bar#2|2", "bar#3|3"]).await;
            // Done, and not known to have arrived.
            open_other(&mut b).await;
            b.expect(&[], &["other|bar#4|x", "other|bar#5|y"]).await;
            if acknowledged {
                b.say("9", "5").await;
            }
            b.nothing_more().await;
            drop(b);
            b = servers.client(tcp, &format!("{BOB}&qos=1")).await;
        }
        b.open().await;
        open_other(&mut b).await;
        b.nothing_more().await;
    }
}

#[tokio::test]
async fn a_hub_is_closed_and_opened_while_its_own_is_on_its_way() {
    let servers = servers().await;
    for tcp in [true, false] {
        let mut b = kept(&servers, tcp, 1_200).await;
        b.open().await;
        for n in 1..=1_024 {
            b.expect(&[], &[&format!("bar#{n}|{n}")]).await;
        }
        b.expect(&[("9", "500"), ("3", "")], &[]).await;
        let mut heard = b.hear().await;
        let mut last = 1_024;
        while heard != "3|" {
            last += 1;
            assert_eq!(heard, format!("bar#{last}|{last}"));
            heard = b.hear().await;
        }
        // Nothing of it comes while it is closed.
        b.say("7", "still").await;
        b.expect(&[], &["8|still"]).await;
        b.open().await;
        // What is not acknowledged comes again, with new numbers, as far as may be owed.
        let mut next = 501;
        while next <= 1_200 {
            last += 1;
            b.expect(&[], &[&format!("bar#{last}|{next}")]).await;
            b.say("9", &last.to_string()).await;
            next += 1;
        }
        b.nothing_more().await;
        b.expect(&[("3", "")], &["3|"]).await;
        b.open().await;
        b.nothing_more().await;
    }
}

#[tokio::test]
async fn a_hub_that_is_opened_while_a_page_is_read_is_not_skipped() {
    for tcp in [true, false] {
        for query in [BOB.to_owned(), format!("{BOB}&qos=1")] {
            let log = SlowLog::new();
            let builder = HubServer::builder().hub(Keeping).hub(Other);
            let servers = Servers::of(builder.log(log.clone())).await;
            // Both are owed what comes after the same order.
            let mut b = servers.client(tcp, &query).await;
            b.open().await;
            open_other(&mut b).await;
            b.expect(&[("3", "")], &["3|"]).await;
            b.say_to("other", "3", "").await;
            assert_eq!(b.hear().await, "other|3|");
            let mut a = servers.client(tcp, "").await;
            a.open().await;
            open_other(&mut a).await;
            a.say_to("other", "bar", "x").await;
            assert_eq!(a.hear().await, "other|bar|x");
            a.expect(&[("bar", "1"), ("bar", "2")], &["bar|1", "bar|2"])
                .await;
            log.hold(true);
            b.open().await;
            log.holds().await;
            open_other(&mut b).await;
            b.expect(&[("7", "open")], &["8|open"]).await;
            log.hold(false);
            let number = |n: u8| match query.ends_with("qos=1") {
                true => format!("#{n}"),
                false => String::new(),
            };
            for (n, hub, text) in [(1, "other|", "x"), (2, "", "1"), (3, "", "2")] {
                b.expect(&[], &[&format!("{hub}bar{}|{text}", number(n))])
                    .await;
            }
            b.nothing_more().await;
        }
    }
}

#[tokio::test]
async fn a_hub_that_is_closed_while_its_page_is_read_is_closed() {
    for tcp in [true, false] {
        let log = SlowLog::new();
        let builder = HubServer::builder().hub(Keeping).hub(Other);
        let servers = Servers::of(builder.log(log.clone())).await;
        let mut b = kept(&servers, tcp, 3).await;
        log.hold(true);
        b.open().await;
        log.holds().await;
        open_other(&mut b).await;
        b.expect(&[("3", "")], &["3|"]).await;
        log.hold(false);
        b.expect(&[], &["other|bar#1|x", "other|bar#2|y"]).await;
        b.say("9", "2").await;
        b.expect(&[("7", "closed")], &["8|closed"]).await;
        b.open().await;
        b.expect(&[], &["bar#3|1", "bar#4|2", "bar#5|3"]).await;
        b.nothing_more().await;
    }
}

#[tokio::test]
async fn what_came_before_its_first_hub_was_opened_is_never_owed_to_a_new_client() {
    for tcp in [true, false] {
        let servers = servers().await;
        let mut a = servers.client(tcp, "").await;
        a.open().await;
        let mut b = servers.client(tcp, &format!("{BOB}&qos=1")).await;
        a.expect(&[("bar", "before")], &["bar|before"]).await;
        b.open().await;
        b.nothing_more().await;
        a.expect(&[("bar", "after")], &["bar|after"]).await;
        b.expect(&[], &["bar#1|after"]).await;
        drop(b);
        // It has not said that it had this one.
        let mut b = servers.client(tcp, &format!("{BOB}&qos=1")).await;
        b.open().await;
        b.expect(&[], &["bar#1|after"]).await;
        b.say("9", "1").await;
        b.nothing_more().await;
    }
}
