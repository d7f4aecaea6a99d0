//! Events whose senders want to know who has them (`delivery.md` b.1).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::client::Client;
use common::hubs::builder;
use common::receive::POLL;
use common::{Response, Server, until, within};
use futures_util::StreamExt;
use hub_server::{AckError, AckOptions, Acked, Acks, Audience, HubHandle, OnDisconnect, Payload};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);

async fn server() -> (Server, HubHandle) {
    let server = builder().0.build().unwrap();
    let hub = server.handle("conformance").unwrap();
    (Server::tcp_of(server).await, hub)
}

/// A client that asks for tags.
async fn tagged(server: &Server) -> Client<'_> {
    let mut client = server.negotiated(&["conformance"], None).await;
    client.more.push(("tags".into(), "1".into()));
    client.socket = client.open("/connect", &[]).await.unwrap();
    assert_eq!(client.socket.frame().await["S"], 1);
    assert_eq!(client.get("/start").await.status, 200);
    client
}

fn ask(to: Audience, how: AckOptions) -> tokio::task::JoinHandle<Acks> {
    tokio::spawn(async move { to.send_with_ack("price", (1,), how).await.unwrap() })
}

async fn answers(asked: tokio::task::JoinHandle<Acks>) -> Acks {
    let mut acks = within(asked).await.unwrap();
    acks.sort_by(|(a, _), (b, _)| a.cmp(b));
    acks
}

/// The next event, which asks.
async fn event_that_asks(client: &mut Client<'_>) -> Value {
    while client.socket.events.is_empty() {
        client.socket.frame().await;
    }
    let event = client.socket.events.pop_front().unwrap();
    assert_eq!(event["M"], json!("price"));
    event
}

/// What an answer to the next event names.
async fn asked(client: &mut Client<'_>) -> String {
    let event = event_that_asks(client).await;
    event["K"].as_str().unwrap().to_owned()
}

fn answer_to(tag: &str, more: Value) -> Value {
    let mut answer = more;
    answer["K"] = tag.into();
    answer
}

async fn answer(client: &mut Client<'_>, tag: &str, more: Value) {
    client.socket.send(&answer_to(tag, more)).await;
}

/// Answers by a request of its own.
async fn send(client: &Client<'_>, tag: &str, more: Value) -> Response {
    let mut query = client.query(&[]);
    query[0] = ("transport", "serverSentEvents");
    let target = client.server.target("/send", &query);
    let data = form_urlencoded::Serializer::new(String::new())
        .append_pair("data", &answer_to(tag, more).to_string())
        .finish();
    let form = [("Content-Type", common::receive::FORM)];
    client.server.post(&target, &form, data.as_bytes()).await
}

fn value(acked: &Result<Acked, AckError>) -> Option<Value> {
    let value = acked.as_ref().unwrap().value.as_ref();
    value.map(|value: &Payload| value.read().unwrap())
}

#[tokio::test]
async fn each_answers_for_itself_and_who_does_not_is_told() {
    let (server, hub) = server().await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = tagged(&server).await;
        client.result("conformance", "Join", json!(["g"])).await;
        clients.push(client);
    }
    clients.sort_by(|a, b| a.id.cmp(&b.id));
    let how = AckOptions::within(Duration::from_millis(500));
    let acks = ask(hub.clients().group("g"), how);
    let says = [json!({}), json!({"R": {"a": [1]}}), json!({"E": "no"})];
    for (client, says) in clients.iter_mut().zip(says) {
        let tag = asked(client).await;
        answer(client, &tag, says).await;
        // A second answer does not count.
        answer(client, &tag, json!({"R": 2})).await;
    }
    asked(&mut clients[3]).await;
    let acks = answers(acks).await;
    let ids: Vec<&str> = acks.iter().map(|(id, _)| id.as_str()).collect();
    let expected: Vec<&str> = clients.iter().map(|client| &*client.id).collect();
    assert_eq!(ids, expected);
    assert_eq!(value(&acks[0].1), None);
    assert_eq!(value(&acks[1].1), Some(json!({"a": [1]})));
    assert_eq!(acks[2].1, Err(AckError::Failed("no".into())));
    assert_eq!(acks[3].1, Err(AckError::TimedOut));
    assert!(acks[1].1.as_ref().unwrap().rtt < Duration::from_secs(10));
}

#[tokio::test]
async fn who_can_not_answer_has_it_when_it_has_left_and_sees_no_tags() {
    let (server, hub) = server().await;
    let mut client = server.client(&["conformance"]).await;
    let to = hub.clients().client(&*client.id);
    let acks = answers(ask(to, AckOptions::within(LONG))).await;
    assert_eq!(value(&acks[0].1), None);
    assert_eq!(
        client.socket.frame().await["M"],
        json!([{"H": "conformance", "M": "price", "A": [1]}])
    );
    for transport in ["serverSentEvents", "foreverFrame"] {
        let mut client = server.over(transport, &["conformance"]).await;
        let to = hub.clients().client(&*client.id);
        let acks = answers(ask(to, AckOptions::within(LONG))).await;
        assert_eq!(value(&acks[0].1), None, "{transport}");
        assert_eq!(client.event().await, json!(["price", 1]));
    }
}

#[tokio::test]
async fn who_polls_has_it_when_it_asks_for_more() {
    let (server, hub) = server().await;
    let mut client = server.over(POLL, &["conformance"]).await;
    let short = AckOptions::within(Duration::from_millis(200));
    let acks = ask(hub.clients().client(&*client.id), short);
    assert_eq!(client.event().await, json!(["price", 1]));
    // It may not have read the answer to its poll.
    assert_eq!(answers(acks).await[0].1, Err(AckError::TimedOut));
    let acks = ask(hub.clients().client(&*client.id), AckOptions::within(LONG));
    assert_eq!(client.event().await, json!(["price", 1]));
    let next = client.come("/poll").await;
    assert_eq!(value(&answers(acks).await[0].1), None);
    drop(next);
}

#[tokio::test]
async fn who_comes_back_gets_what_it_had_not_had_and_may_answer_then() {
    let (server, hub) = server().await;
    let mut client = tagged(&server).await;
    let id = client.id.clone();
    let cursor = client.socket.cursor.clone();
    client.cut();
    let acks = ask(hub.clients().client(&*id), AckOptions::within(LONG));
    client.reconnect_from(cursor, None).await;
    let tag = asked(&mut client).await;
    // Cut again, after it had the event and before its answer.
    client.reconnect().await;
    answer(&mut client, &tag, json!({"R": 7})).await;
    assert_eq!(value(&answers(acks).await[0].1), Some(json!(7)));
    client.no_event().await;
}

#[tokio::test]
async fn a_lost_link_may_count_as_the_end() {
    let (server, hub) = server().await;
    let mut client = tagged(&server).await;
    let how = AckOptions::within(LONG).on_disconnect(OnDisconnect::Fail);
    let acks = ask(hub.clients().client(&*client.id), how);
    asked(&mut client).await;
    client.cut();
    assert_eq!(answers(acks).await[0].1, Err(AckError::Gone));
}

#[tokio::test]
async fn who_is_gone_does_not_answer() {
    let (server, hub) = server().await;
    let mut client = tagged(&server).await;
    let acks = ask(hub.clients().client(&*client.id), AckOptions::within(LONG));
    asked(&mut client).await;
    client.abort().await;
    assert_eq!(answers(acks).await[0].1, Err(AckError::Gone));
    let nobody = ["nobody", "no one"];
    let acks = answers(ask(hub.clients().clients(nobody), AckOptions::within(LONG))).await;
    let gone = Err(AckError::Gone);
    assert_eq!(acks[0], ("no one".into(), gone.clone()));
    assert_eq!(acks[1], ("nobody".into(), gone));
    let acks = answers(ask(hub.clients().group("empty"), AckOptions::within(LONG))).await;
    assert!(acks.is_empty());
}

#[tokio::test]
async fn who_owes_too_many_answers_is_not_asked_for_more() {
    let (server, hub) = server().await;
    let mut client = tagged(&server).await;
    let me = || hub.clients().client(&*client.id);
    let mut open = Vec::new();
    for _ in 0..1_024 {
        open.push(ask(me(), AckOptions::within(LONG)));
    }
    let all = until(async || {
        let short = AckOptions::within(Duration::from_millis(1));
        let acks = me().send_with_ack("price", (1,), short).await.unwrap();
        (acks[0].1 == Err(AckError::Overflow)).then_some(())
    });
    all.await;
    // It gets them all the same, and answers.
    for _ in 0..1_024 {
        let tag = asked(&mut client).await;
        answer(&mut client, &tag, json!({})).await;
    }
    let mut done = 0;
    for asked in open {
        done += usize::from(answers(asked).await[0].1.is_ok());
    }
    // One that was told to give up early may stand among the first 1,024 in the place of one of these.
    assert!(done >= 1_000, "{done}");
}

#[tokio::test]
async fn answers_that_nobody_waits_for_change_nothing() {
    let (server, _hub) = server().await;
    let mut client = tagged(&server).await;
    for tag in [
        "",
        "0",
        "-1",
        "zz",
        "FFFFFFFFFFFFFFFF",
        "10000000000000000",
        "1.5",
    ] {
        answer(&mut client, tag, json!({})).await;
        answer(&mut client, tag, json!({"R": 1})).await;
    }
    for odd in [
        json!({"K": null}),
        json!({"K": 7}),
        json!({"K": [1]}),
        json!({"K": {}}),
    ] {
        client.socket.send(&odd).await;
    }
    client.no_event().await;
    // Who does not ask for tags has no answers to give: it is a call without a hub.
    let mut plain = server.client(&["conformance"]).await;
    plain.socket.send(&json!({"K": "1"})).await;
    plain.no_event().await;
}

#[tokio::test]
async fn an_answer_from_before_a_restart_answers_nothing() {
    let start = || async {
        let server = builder().0.key([7; 32]).build().unwrap();
        let hub = server.handle("conformance").unwrap();
        (Server::tcp_of(server).await, hub)
    };
    let (old, hub) = start().await;
    let mut client = tagged(&old).await;
    let lost = ask(hub.clients().client(&*client.id), AckOptions::within(LONG));
    let before = event_that_asks(&mut client).await;
    let cursor = client.socket.cursor.clone();
    lost.abort();
    // It is as good as gone: nobody goes there any more.
    let (new, hub) = start().await;
    let mut client = client.moved(&new);
    client.reconnect_from(cursor, None).await;
    let acks = ask(hub.clients().client(&*client.id), AckOptions::within(LONG));
    let after = event_that_asks(&mut client).await;
    assert_eq!(before["O"], after["O"], "they stand in the same place");
    for stale in [&before["K"], &before["O"]] {
        let stale = stale.as_str().unwrap();
        for says in [json!({}), json!({"R": "old"}), json!({"E": "old"})] {
            answer(&mut client, stale, says.clone()).await;
            let sent = send(&client, stale, says).await;
            assert_eq!((sent.status, &*sent.body), (200, "{}"));
        }
    }
    // It stays, and nobody was told anything.
    client.no_event().await;
    assert!(!acks.is_finished());
    let tag = after["K"].as_str().unwrap();
    answer(&mut client, tag, json!({"R": "new"})).await;
    assert_eq!(value(&answers(acks).await[0].1), Some(json!("new")));
}

#[tokio::test]
async fn nobody_answers_for_another() {
    let (server, hub) = server().await;
    let (mut meant, mut other) = (tagged(&server).await, tagged(&server).await);
    let acks = ask(hub.clients().client(&*meant.id), AckOptions::within(LONG));
    let tag = asked(&mut meant).await;
    answer(&mut other, &tag, json!({"R": "other"})).await;
    other.no_event().await;
    answer(&mut meant, &tag, json!({"R": "meant"})).await;
    let acks = answers(acks).await;
    assert_eq!((acks.len(), acks[0].0.as_str()), (1, &*meant.id));
    assert_eq!(value(&acks[0].1), Some(json!("meant")));
}

#[tokio::test]
async fn answers_come_over_http_too() {
    let (server, hub) = server().await;
    let mut client = server.negotiated(&["conformance"], None).await;
    client.more.push(("tags".into(), "1".into()));
    let mut query = client.query(&[]);
    query[0] = ("transport", "serverSentEvents");
    let connect = server.target("/connect", &query);
    let mut stream = server.ask(&connect, &[], None).await;
    stream.unit().await.unwrap();
    stream.unit().await.unwrap();
    let acks = ask(hub.clients().client(&*client.id), AckOptions::within(LONG));
    let event = common::receive::payload_of(&stream.unit().await.unwrap()).unwrap();
    let tag = event["M"][0]["K"].as_str().unwrap();
    let sent = send(&client, tag, json!({"R": "got it"})).await;
    assert_eq!((sent.status, &*sent.body), (200, "{}"));
    assert_eq!(value(&answers(acks).await[0].1), Some(json!("got it")));
}

#[tokio::test(start_paused = true)]
async fn a_link_whose_answer_is_overdue_has_to_show_that_it_lives() {
    let server = builder().0.build().unwrap();
    let hub = server.handle("conformance").unwrap();
    let server = Server::memory_of(server);
    let mut lives = tagged(&server).await;
    let mut dead = tagged(&server).await;
    let ids = [&*lives.id, &*dead.id];
    let acks = ask(hub.clients().clients(ids), AckOptions::within(LONG * 2));
    let mut quiet = dead.socket.take_stream();
    // It reads, so that its pings are answered; the other one does not.
    let tag = asked(&mut lives).await;
    let reading = tokio::time::timeout(Duration::from_secs(40), async {
        while lives.socket.stream().next().await.unwrap().is_ok() {}
    });
    assert!(reading.await.is_err(), "it is left alone");
    answer(&mut lives, &tag, json!({})).await;
    lives.no_event().await;
    // Its socket was closed meanwhile.
    let end = async { while quiet.next().await.is_some_and(|next| next.is_ok()) {} };
    within(end).await;
    drop(acks);
}

#[tokio::test]
async fn who_is_on_another_node_answers_too() {
    let [a, b] = common::farm::farm().await;
    let mut client = tagged(&b.server).await;
    let acks = ask(
        a.hub.clients().client(&*client.id),
        AckOptions::within(LONG),
    );
    let tag = asked(&mut client).await;
    answer(&mut client, &tag, json!({"R": "there"})).await;
    assert_eq!(value(&answers(acks).await[0].1), Some(json!("there")));
    // Nobody knows how many there are on other nodes: all who answer in time are told.
    client.result("conformance", "Join", json!(["g"])).await;
    let how = AckOptions::within(Duration::from_millis(500));
    let acks = ask(a.hub.clients().group("g"), how);
    let tag = asked(&mut client).await;
    answer(&mut client, &tag, json!({"E": "no"})).await;
    let acks = answers(acks).await;
    assert_eq!(acks.len(), 1);
    assert_eq!(acks[0].1, Err(AckError::Failed("no".into())));
}
