//! Both wires of XSockets (`delivery.md` e.1, e.2), side by side.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::wires::{BOB, Servers, Wire};
use serde_json::Value;

#[tokio::test]
async fn every_topic_means_what_it_should() {
    let servers = Servers::start().await;
    for tcp in [true, false] {
        let mut a = servers.client(tcp, "").await;
        a.say("add", "[40,2]").await;
        assert!(a.hear().await.starts_with("2|"), "it opens by itself");
        assert_eq!(a.hear().await, "add|42");
        for (said, heard) in [
            (&[("fail", "")][..], &["4|{\"Message\":\"as it is\"}"][..]),
            (&[("7", "abc")], &["8|abc"]),
            (
                &[("8", "x"), ("10", "x"), ("14", ""), ("4", ""), ("9", "5")],
                &[],
            ),
            (
                &[("0", "")],
                &["4|{\"Message\":\"this server does not serve that topic\"}"],
            ),
            (&[("5", "Chat"), ("cHAT", "hi")], &["chat|hi"]),
            (
                &[("5", "{\"A\":true,\"T\":\"x\"}")],
                &["__x|{\"A\":true,\"T\":\"x\"}"],
            ),
            (
                &[
                    ("6", "chat"),
                    ("chat", "no"),
                    ("subscribe", "y"),
                    ("y", "[1]"),
                ],
                &["y|[1]"],
            ),
            (&[("unsubscribe", "y"), ("y", "no")], &[]),
            (&[("s1", "k,v,w"), ("s2", "k")], &["s2:k|v,w"]),
            (&[("s3", "k"), ("s2", "k")], &["s2:k|"]),
            (&[("s1", "k,1"), ("s4", ""), ("s2", "k")], &["s2:k|"]),
            (
                &[("s1", "nothing")],
                &["4|{\"Message\":\"storage is set with key,value and asked for with a key\"}"],
            ),
            (
                &[("5", "")],
                &["4|{\"Message\":\"a subscription names its topic\"}"],
            ),
            (&[("3", ""), ("3", "")], &["3|"]),
        ] {
            a.expect(said, heard).await;
            if said[0].0 != "3" {
                a.nothing_more().await;
            }
        }
        a.open().await;
        a.say("5", &"x".repeat(256)).await;
        assert!(a.hear().await.contains("1 to 255 bytes"));
        a.say("s1", &format!("k,{}", "x".repeat(60_000))).await;
        a.say("s1", &format!("l,{}", "x".repeat(6_000))).await;
        assert!(a.hear().await.contains("64 KiB"));
    }
}

#[tokio::test]
async fn the_walk_through_over_both() {
    let servers = Servers::start().await;
    for tcp in [true, false] {
        let mut a = servers.client(tcp, "").await;
        let mut b = servers.client(!tcp, BOB).await;
        a.open().await;
        b.open().await;
        a.expect(&[("bar", "x")], &["bar|x"]).await;
        b.expect(&[], &["bar|x"]).await;
        b.expect(&[("3", "")], &["3|"]).await;
        a.expect(&[("bar", "y")], &["bar|y"]).await;
        b.open().await;
        b.expect(&[], &["bar|y"]).await;
        b.nothing_more().await;
    }
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_and_what_was_does_not() {
    let servers = Servers::start().await;
    for tcp in [true, false] {
        let query = format!("{BOB}&qos=1&cs=1");
        let mut a = servers.client(tcp, "").await;
        let mut b = servers.client(tcp, &query).await;
        b.open().await;
        a.open().await;
        for n in 1..=3 {
            a.expect(&[("bar", &format!("m{n}"))], &[&format!("bar|m{n}")])
                .await;
        }
        b.expect(&[], &["bar#1|m1", "bar#2|m2", "bar#3|m3"]).await;
        b.say("9", "2").await;
        b.nothing_more().await;
        drop(b);
        let query = format!("{BOB}&qos=1");
        let mut b = servers.client(tcp, &query).await;
        b.open().await;
        b.expect(&[], &["bar#1|m3"]).await;
        b.say("9", "1").await;
        b.nothing_more().await;
        drop(b);
        let mut b = servers.client(tcp, &query).await;
        b.open().await;
        b.nothing_more().await;
        b.expect(&[("3", "")], &["3|"]).await;
    }
}

#[tokio::test]
async fn no_more_than_1024_messages_are_owed() {
    let servers = Servers::start().await;
    for tcp in [true, false] {
        let mut a = servers.client(tcp, "").await;
        let mut b = servers.client(tcp, &format!("{BOB}&qos=1&cs=1")).await;
        b.open().await;
        a.open().await;
        for n in 1..=1_026 {
            let n = n.to_string();
            a.expect(&[("bar", &n)], &[&format!("bar|{n}")]).await;
        }
        for n in 1..=1_024 {
            b.expect(&[], &[&format!("bar#{n}|{n}")]).await;
        }
        b.nothing_more().await;
        b.expect(&[("9", "1")], &["bar#1025|1025"]).await;
        b.nothing_more().await;
        b.expect(&[("9", "1025")], &["bar#1026|1026"]).await;
        a.expect(&[("bar", "live")], &["bar|live"]).await;
        b.expect(&[("9", "1026")], &["bar#1027|live"]).await;
        b.expect(&[("3", "")], &["3|"]).await;
    }
}

#[tokio::test]
async fn acknowledgements_of_nothing_end_the_connection() {
    let servers = Servers::start().await;
    for tcp in [true, false] {
        for wrong in ["1", "-1", "0", "x", "1.5", "99999999999999999999999"] {
            let mut a = servers.client(tcp, "qos=1").await;
            a.open().await;
            a.say("9", wrong).await;
            a.ends().await;
        }
    }
}

#[tokio::test]
async fn a_publication_is_kept_for_those_who_had_subscribed() {
    let servers = Servers::start().await;
    for (tcp, subscribed) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut a = servers.client(tcp, "").await;
        a.open().await;
        let mut b = servers.client(tcp, &format!("{BOB}&cs=1")).await;
        b.open().await;
        if subscribed {
            b.say("5", "news").await;
        }
        b.expect(&[("3", "")], &["3|"]).await;
        a.say("keepNews", "now").await;
        a.nothing_more().await;
        b.open().await;
        if subscribed {
            b.expect(&[], &["news|now"]).await;
        }
        b.nothing_more().await;
        b.expect(&[("3", "")], &["3|"]).await;
    }
}

#[tokio::test]
async fn storage_is_there_after_coming_back_unless_the_start_is_clean() {
    let servers = Servers::start().await;
    for tcp in [true, false] {
        let mut b = servers.client(tcp, BOB).await;
        b.open().await;
        b.expect(&[("s1", "k,v"), ("s2", "k")], &["s2:k|v"]).await;
        drop(b);
        let mut b = servers.client(!tcp, BOB).await;
        b.open().await;
        b.expect(&[("s2", "k")], &["s2:k|v"]).await;
        drop(b);
        let mut b = servers.client(tcp, &format!("{BOB}&cs=1")).await;
        b.open().await;
        b.expect(&[("s2", "k")], &["s2:k|"]).await;
    }
}

#[tokio::test]
async fn the_sub_protocol_wants_an_origin_and_takes_blobs_and_bad_frames() {
    use futures_util::SinkExt;
    use tokio_tungstenite::tungstenite::Message;

    let servers = Servers::start().await;
    let name = ("Sec-WebSocket-Protocol", "XSocketsNET");
    for headers in [&[name][..], &[name, ("Origin", "http://evil.example")]] {
        for path in ["/", "/signalr/foo"] {
            let refused = servers.http.upgrade(path, headers).await.err();
            assert_eq!(refused.unwrap().0, 403, "{path}");
        }
    }
    let mut a = servers.client(false, "").await;
    a.open().await;
    let Wire::Ws(socket) = &mut a else { panic!() };
    let json = r#"{"C":"foo","T":"add","D":"[1]"}"#;
    for frame in [
        Message::text("x"),
        Message::text("{}"),
        Message::binary(vec![1, 2]),
        Message::binary([&(-1_i64).to_le_bytes()[..], json.as_bytes()].concat()),
        Message::binary([&i64::MAX.to_le_bytes()[..], json.as_bytes()].concat()),
    ] {
        socket.stream().send(frame).await.unwrap();
        let error: Value = serde_json::from_str(&socket.text().await).unwrap();
        assert_eq!(error["T"], "4");
    }
    // One argument more, as base64: no number.
    let length = json.len() as u64;
    let frame = [&length.to_le_bytes()[..], json.as_bytes(), b"\x05"].concat();
    socket.stream().send(Message::binary(frame)).await.unwrap();
    assert!(a.hear().await.starts_with("4|"));
    a.nothing_more().await;
}
