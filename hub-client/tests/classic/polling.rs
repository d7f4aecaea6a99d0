//! Long polling (`classic-signalr.md` 6.4): a turn for each frame.

use std::time::{Duration, Instant};

use hub_client::{ClientEvent, HubClient, LinkError, RetryPolicy, State, Transport};

use crate::server::{Request, STARTED, Server, Terms, soon};

/// A connected client, and its first poll.
async fn connected(server: &mut Server) -> (HubClient, Request) {
    let now = RetryPolicy::every(Duration::ZERO);
    let builder = server.client().retry(now);
    let client = tokio::spawn(builder.transports([Transport::LongPolling]).connect());
    server
        .request()
        .await
        .answer(200, &Terms::default().body())
        .await;
    let mut connect = server.request().await;
    assert!(
        connect
            .line()
            .starts_with("POST /signalr/connect?transport=longPolling&")
    );
    assert_eq!(connect.form().await, "");
    connect.answer(200, r#"{"C":"d-1","S":1,"M":[]}"#).await;
    let (mut poll, mut start) = (server.request().await, server.request().await);
    if poll.line().contains("/start?") {
        std::mem::swap(&mut poll, &mut start);
    }
    start.answer(200, STARTED).await;
    (soon(client).await.unwrap().unwrap(), poll)
}

async fn after(request: &mut Request, verb: &str, place: &str) {
    let line = format!("POST /signalr/{verb}?transport=longPolling&");
    assert!(request.line().starts_with(&line), "{}", request.line());
    assert_eq!(request.form().await, place);
}

#[tokio::test]
async fn each_turn_goes_on_after_the_one_before_with_its_groups() {
    let mut server = Server::start().await;
    let (seen, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let (client, mut poll) = connected(&mut server).await;
    client
        .on("chat", "said", move |(text,): (String,)| {
            let seen = seen.clone();
            async move { seen.send(text).unwrap() }
        })
        .keep();
    after(&mut poll, "poll", "messageId=d-1").await;
    // Spaces keep the link warm, before the answer.
    let mut stream = poll.stream(" ").await;
    stream.say(" ").await;
    let event = r#"{"C":"d-2","G":"t+/","M":[{"H":"chat","M":"said","A":["x"]}]}"#;
    stream.say(event).await;
    stream.end().await;
    assert_eq!(soon(heard.recv()).await.unwrap(), "x");
    let mut poll = server.request().await;
    after(&mut poll, "poll", "messageId=d-2&groupsToken=t%2B%2F").await;
    // One without a word.
    poll.answer(200, " ").await;
    let mut poll = server.request().await;
    after(&mut poll, "poll", "messageId=d-2&groupsToken=t%2B%2F").await;
    poll.answer(200, r#"{"C":"d-3","M":[]}"#).await;
    let mut poll = server.request().await;
    after(&mut poll, "poll", "messageId=d-3&groupsToken=t%2B%2F").await;
    assert_eq!(client.state(), State::Connected);
}

#[tokio::test]
async fn a_pause_that_the_server_asks_for_is_made() {
    let mut server = Server::start().await;
    let (_client, poll) = connected(&mut server).await;
    let asked = Instant::now();
    poll.answer(200, r#"{"C":"d-2","L":300.0,"M":[]}"#).await;
    server.request().await;
    assert!(asked.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_turn_that_fails_is_made_again_as_a_reconnect() {
    let mut server = Server::start().await;
    let (client, poll) = connected(&mut server).await;
    let mut events = client.client_events();
    poll.answer(500, "").await;
    assert!(matches!(
        soon(events.next()).await,
        Some(ClientEvent::Lost(LinkError::Failed(_)))
    ));
    let mut again = server.request().await;
    after(&mut again, "reconnect", "messageId=d-1").await;
    let mut states = client.states();
    let connected = |state: &State| *state == State::Connected;
    // The head of the answer is enough.
    let stream = again.stream("").await;
    soon(states.wait_for(connected)).await.unwrap();
    stream.end().await;
    after(&mut server.request().await, "poll", "messageId=d-1").await;
}

#[tokio::test]
async fn a_head_that_is_held_back_on_the_way_does_not_hold_the_client() {
    let mut server = Server::start().await;
    let (client, poll) = connected(&mut server).await;
    poll.answer(500, "").await;
    let _held = server.request().await;
    let mut states = client.states();
    let connected = |state: &State| *state == State::Connected;
    soon(states.wait_for(connected)).await.unwrap();
}
