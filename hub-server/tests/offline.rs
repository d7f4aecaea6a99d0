//! What is kept for clients that are away (`delivery.md` a).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::hubs::Events;
use common::{Client, Server, Socket};
use hub_server::{Builder, Context, HubError, HubServer, Resumed, hub};
use serde_json::{Value, json};

/// The hub of the offline messages, as the conformance application has it.
struct Foo {
    events: Events,
}

#[hub(name = "foo")]
impl Foo {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        self.come(cx).await
    }

    async fn on_reconnected(&self, cx: &Context, _: Resumed) -> Result<(), HubError> {
        self.come(cx).await
    }

    async fn on_disconnected(&self, cx: &Context, stopped: bool) -> Result<(), HubError> {
        self.events.add(cx, format!("disconnected:{stopped}"));
        Ok(())
    }

    async fn bar(&self, cx: &Context, m: String) -> Result<(), HubError> {
        Ok(cx
            .clients()
            .all()
            .and_queue("bar")
            .send("bar", (m,))
            .await?)
    }

    async fn keep(&self, cx: &Context, topic: String, m: String) -> Result<String, HubError> {
        let kept = cx.queue(&topic).send_queued(&topic, (m,)).await?;
        Ok(kept.map(|kept| kept.to_string()).unwrap_or_default())
    }

    async fn others(&self, cx: &Context, m: String) -> Result<(), HubError> {
        Ok(cx
            .clients()
            .others()
            .and_queue("bar")
            .send("bar", (m,))
            .await?)
    }

    async fn forget(&self, cx: &Context) -> Result<(), HubError> {
        Ok(cx.offline_unsubscribe(["bar", "baz"]).await?)
    }

    fn nothing(&self) {}
}

impl Foo {
    async fn come(&self, cx: &Context) -> Result<(), HubError> {
        if cx.persistent_id().is_some() {
            let replay = cx.online_publish().await?;
            cx.offline_subscribe(["bar", "baz"], Duration::from_secs(60))
                .await?;
            let how = if replay.reopened {
                "reopened"
            } else {
                "opened"
            };
            self.events.add(cx, how);
        }
        Ok(())
    }
}

fn builder() -> (Builder, Events) {
    let events = Events::default();
    let hub = Foo {
        events: events.clone(),
    };
    let builder = HubServer::builder()
        .hub(hub)
        .authenticate(common::hubs::ByHeader);
    (builder, events)
}

const ANN: &str = "00000000-0000-0000-0000-00000000000a";
const BOB: &str = "00000000-0000-0000-0000-00000000000b";

/// A client on the bare WebSocket that is known again.
async fn bare(server: &Server, more: &[(&str, &str)]) -> Socket {
    let mut query = vec![("connectionData", r#"[{"name":"foo"}]"#)];
    query.extend_from_slice(more);
    let mut socket = server
        .upgrade(&server.target("", &query), &[])
        .await
        .unwrap();
    let init = socket.frame().await;
    assert_eq!(init["S"], 1);
    socket
}

async fn call(socket: &mut Socket, method: &str, args: Value) -> Value {
    socket
        .send(&json!({"H": "foo", "M": method, "A": args, "I": 1}))
        .await;
    socket.answer("1").await
}

/// All events that come before the answer to a call, so all that is on its way.
async fn heard(socket: &mut Socket) -> Vec<Value> {
    call(socket, "nothing", json!([])).await;
    socket
        .events
        .drain(..)
        .map(|event| json!([event["M"], event["A"][0]]))
        .collect()
}

#[tokio::test]
async fn who_was_away_gets_what_was_queued_oldest_first_and_then_live_messages() {
    let (builder, events) = builder();
    let server = Server::tcp(builder).await;
    let mut ann = bare(&server, &[("persistentId", ANN)]).await;
    let mut bob = bare(&server, &[("persistentId", BOB)]).await;
    call(&mut ann, "bar", json!(["both"])).await;
    assert_eq!(heard(&mut ann).await, [json!(["bar", "both"])]);
    assert_eq!(heard(&mut bob).await, [json!(["bar", "both"])]);
    bob.close().await;
    events.come("disconnected", 1).await;
    for n in 0..200 {
        call(&mut ann, "bar", json!([format!("{n}")])).await;
    }
    let kept = call(&mut ann, "keep", json!(["Baz", "kept"])).await;
    let (epoch, offset) = kept["R"].as_str().unwrap().split_once(':').unwrap();
    assert!(
        u64::from_str_radix(epoch, 16).is_ok() && offset == "1",
        "{kept}"
    );
    heard(&mut ann).await;
    let mut bob = bare(&server, &[("persistentId", BOB)]).await;
    call(&mut ann, "bar", json!(["live"])).await;
    let mut expected: Vec<Value> = (0..200).map(|n| json!(["bar", n.to_string()])).collect();
    expected.push(json!(["Baz", "kept"]));
    expected.push(json!(["bar", "live"]));
    let mut got = Vec::new();
    while got.len() < expected.len() {
        let event = bob.event().await;
        got.push(json!([event[0], event[1]]));
    }
    assert_eq!(got, expected);
    assert!(heard(&mut bob).await.is_empty());
    // Who was there was not sent what was kept for others.
    assert_eq!(heard(&mut ann).await, [json!(["bar", "live"])]);
}

#[tokio::test]
async fn nothing_comes_twice_and_nothing_that_came_already() {
    let (builder, events) = builder();
    let server = Server::tcp(builder).await;
    let mut ann = bare(&server, &[("persistentId", ANN)]).await;
    for round in 1..5 {
        let mut bob = bare(&server, &[("persistentId", BOB)]).await;
        if round > 1 {
            assert_eq!(
                bob.event().await,
                json!(["bar", format!("away {}", round - 1)])
            );
        }
        call(&mut ann, "bar", json!(["there"])).await;
        call(&mut ann, "keep", json!(["bar", "for others"])).await;
        assert_eq!(bob.event().await, json!(["bar", "there"]));
        assert!(heard(&mut bob).await.is_empty());
        bob.close().await;
        events.come("disconnected", round).await;
        call(&mut ann, "bar", json!([format!("away {round}")])).await;
    }
}

#[tokio::test]
async fn the_sender_of_a_message_to_others_is_not_owed_it() {
    let (builder, events) = builder();
    let server = Server::tcp(builder).await;
    let mut ann = bare(&server, &[("persistentId", ANN)]).await;
    let mut bob = bare(&server, &[("persistentId", BOB)]).await;
    call(&mut ann, "others", json!(["x"])).await;
    assert_eq!(bob.event().await, json!(["bar", "x"]));
    ann.close().await;
    events.come("disconnected", 1).await;
    let mut ann = bare(&server, &[("persistentId", ANN)]).await;
    assert!(heard(&mut ann).await.is_empty());
    assert_eq!(events.count("reopened"), 1);
}

#[tokio::test]
async fn a_classic_client_that_stops_and_starts_again_gets_what_was_kept() {
    let (builder, events) = builder();
    let server = Server::tcp(builder).await;
    let mut ann = bare(&server, &[("persistentId", ANN)]).await;
    let mut bob = started(&server, BOB).await;
    call(&mut ann, "bar", json!(["one"])).await;
    assert_eq!(bob.event().await, json!(["bar", "one"]));
    bob.abort().await;
    events.come("disconnected", 1).await;
    call(&mut ann, "bar", json!(["two"])).await;
    call(&mut ann, "keep", json!(["baz", "three"])).await;
    let mut bob = started(&server, BOB).await;
    assert_eq!(bob.event().await, json!(["bar", "two"]));
    assert_eq!(bob.event().await, json!(["baz", "three"]));
}

#[tokio::test]
async fn a_client_that_brings_its_cursor_gets_nothing_twice_and_loses_nothing() {
    // Only the last cursor says that the messages came; the one of the first frame of that connection does not.
    for (which, again) in [(0, true), (1, true), (2, false)] {
        let (builder, events) = builder();
        let server = Server::tcp(builder).await;
        let mut ann = bare(&server, &[("persistentId", ANN)]).await;
        let bob = bare(&server, &[("persistentId", BOB)]).await;
        let mut cursors = vec![bob.cursor.clone().unwrap()];
        drop(bob);
        events.come("disconnected", 1).await;
        for n in 0..3 {
            call(&mut ann, "bar", json!([n.to_string()])).await;
        }
        // It is lost again before the server knows that anything reached it.
        let mut bob = bare(&server, &[("persistentId", BOB)]).await;
        cursors.push(bob.cursor.clone().unwrap());
        for n in 0..3 {
            assert_eq!(bob.event().await, json!(["bar", n.to_string()]));
        }
        cursors.push(bob.cursor.clone().unwrap());
        drop(bob);
        events.come("disconnected", 2).await;
        let query = [("persistentId", BOB), ("messageId", &*cursors[which])];
        let mut bob = bare(&server, &query).await;
        for n in 0..if again { 3 } else { 0 } {
            assert_eq!(bob.event().await, json!(["bar", n.to_string()]), "{which}");
        }
        assert!(heard(&mut bob).await.is_empty());
    }
}

/// A negotiated client with a persistent id, started.
async fn started<'a>(server: &'a Server, id: &str) -> Client<'a> {
    let mut client = server.negotiated(&["foo"], None).await;
    client.more = vec![("persistentId".into(), id.into())];
    client.socket = client.open("/connect", &[]).await.unwrap();
    client.socket.frame().await;
    assert_eq!(client.get("/start").await.status, 200);
    client
}

#[tokio::test]
async fn a_reconnect_gets_what_was_kept_meanwhile_in_its_place_among_the_rest() {
    let (builder, _) = builder();
    let server = Server::tcp(builder).await;
    let mut ann = bare(&server, &[("persistentId", ANN)]).await;
    let mut bob = started(&server, BOB).await;
    call(&mut ann, "bar", json!(["0"])).await;
    assert_eq!(bob.event().await, json!(["bar", "0"]));
    bob.cut();
    for (n, method) in ["bar", "keep", "bar", "keep"].into_iter().enumerate() {
        let args = match method {
            "bar" => json!([n.to_string()]),
            _ => json!(["baz", n.to_string()]),
        };
        call(&mut ann, method, args).await;
    }
    bob.reconnect().await;
    for (method, n) in [("bar", "0"), ("baz", "1"), ("bar", "2"), ("baz", "3")] {
        assert_eq!(bob.event().await, json!([method, n]));
    }
    // And no more of what is only kept: the client is there.
    call(&mut ann, "keep", json!(["baz", "x"])).await;
    call(&mut ann, "bar", json!(["last"])).await;
    assert_eq!(bob.event().await, json!(["bar", "last"]));
}

#[tokio::test]
async fn a_replay_that_is_cut_goes_on_where_it_was_without_a_loss_or_a_repeat() {
    let (builder, events) = builder();
    let server = Server::tcp(builder).await;
    let mut ann = bare(&server, &[("persistentId", ANN)]).await;
    let bob = started(&server, BOB).await;
    bob.abort().await;
    events.come("disconnected", 1).await;
    for n in 0..1_000 {
        call(&mut ann, "bar", json!([n.to_string()])).await;
    }
    let mut bob = started(&server, BOB).await;
    let (mut next, mut cuts) = (0, 0);
    while next < 1_000 {
        assert_eq!(
            bob.event().await,
            json!(["bar", next.to_string()]),
            "{cuts} cuts"
        );
        next += 1;
        if bob.socket.events.is_empty() && cuts < 10 {
            bob.cut();
            bob.reconnect().await;
            cuts += 1;
        }
    }
    assert!(cuts > 5, "{cuts}");
    call(&mut ann, "bar", json!(["live"])).await;
    assert_eq!(bob.event().await, json!(["bar", "live"]));
}

#[tokio::test]
async fn a_second_connection_takes_over_and_the_first_can_not_take_back() {
    let (builder, events) = builder();
    let server = Server::tcp(builder).await;
    let mut ann = bare(&server, &[("persistentId", ANN)]).await;
    let mut first = started(&server, BOB).await;
    let mut second = started(&server, BOB).await;
    assert_eq!(first.socket.end().await, Some(4001));
    assert_eq!(events.count("disconnected:false"), 1);
    let refused = first.open("/reconnect", &[]).await.err().unwrap();
    assert_eq!(refused.0, 403);
    first.abort().await;
    call(&mut ann, "bar", json!(["x"])).await;
    assert_eq!(second.event().await, json!(["bar", "x"]));
    assert_eq!(events.count("reopened"), 1);
}

#[tokio::test]
async fn who_has_no_persistent_id_is_told_so() {
    let (builder, _) = builder();
    let server = Server::tcp(builder.detailed_errors(true)).await;
    let mut ann = bare(&server, &[]).await;
    let answer = call(&mut ann, "forget", json!([])).await;
    assert!(
        answer["E"].as_str().unwrap().contains("persistentId"),
        "{answer}"
    );
}

#[tokio::test]
async fn who_unsubscribes_is_owed_nothing() {
    let (builder, events) = builder();
    let server = Server::tcp(builder).await;
    let mut ann = bare(&server, &[("persistentId", ANN)]).await;
    let mut bob = bare(&server, &[("persistentId", BOB)]).await;
    call(&mut bob, "forget", json!([])).await;
    bob.close().await;
    events.come("disconnected", 1).await;
    call(&mut ann, "bar", json!(["x"])).await;
    let mut bob = bare(&server, &[("persistentId", BOB)]).await;
    assert!(heard(&mut bob).await.is_empty());
    assert_eq!(events.count("reopened"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lease_lasts_for_its_time_and_no_longer() {
    for (away, kept) in [(59_950, true), (60_050, false)] {
        let (builder, events) = builder();
        let server = Server::memory(builder);
        let mut ann = bare(&server, &[("persistentId", ANN)]).await;
        let bob = bare(&server, &[("persistentId", BOB)]).await;
        bob.close().await;
        events.come("disconnected", 1).await;
        call(&mut ann, "bar", json!(["x"])).await;
        tokio::time::sleep(Duration::from_millis(away)).await;
        let mut bob = bare(&server, &[("persistentId", BOB)]).await;
        let expected = if kept {
            vec![json!(["bar", "x"])]
        } else {
            Vec::new()
        };
        assert_eq!(heard(&mut bob).await, expected, "{away} ms");
    }
}
