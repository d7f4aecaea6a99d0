//! A server that stops lets its clients go (`classic-signalr.md` 10.4, 13.8).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::hubs::builder;
use common::receive::{Ended, POLL, SSE};
use common::{Server, within};
use serde_json::{Value, json};

#[tokio::test]
async fn item_70_polls_get_t_sockets_close_streams_end_and_no_hub_is_told() {
    let (builder, events) = builder();
    let (server, stop, stopped) = Server::until(builder).await;
    let mut socket = server.client(&["conformance"]).await;
    let polls = server.over(POLL, &["conformance"]).await;
    let mut streams = server.over(SSE, &["conformance"]).await;
    let mut poll = polls.come("/poll").await;
    // All of it works: what is told to stop is alive.
    socket.result("conformance", "add", json!([1, 2])).await;

    stop.send(()).unwrap();
    let body: Value = serde_json::from_str(&poll.body().await).unwrap();
    assert_eq!((&body["T"], &body["M"]), (&json!(1), &json!([])));
    assert_eq!(body["C"].as_str(), polls.cursor.as_deref());
    assert_eq!(poll.ended, Some(Ended::Complete));
    assert_eq!(socket.socket.end().await, Some(3001));
    let stream = streams.stream.as_mut().unwrap();
    while stream.unit().await.is_some() {}
    assert_eq!(stream.ended, Some(Ended::Complete));
    within(stopped).await.unwrap();
    for id in [&socket.id, &polls.id, &streams.id] {
        assert_eq!(events.of(id), ["connected"]);
    }
}

#[tokio::test]
async fn item_70_a_poll_that_begins_meanwhile_gets_t_and_no_s() {
    let (builder, _) = builder();
    let server = Server::memory(builder);
    let client = server.negotiated_over(POLL, &["conformance"], None).await;
    server.shutdown();
    for verb in ["/connect", "/poll"] {
        let body: Value = serde_json::from_str(&client.open(verb, &[]).await.body().await).unwrap();
        assert_eq!(
            (&body["T"], &body["S"]),
            (&json!(1), &Value::Null),
            "{verb}"
        );
    }
}
