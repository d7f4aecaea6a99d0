//! What an application can ask of a client: patience, order, time.

use std::time::Duration;

use futures_util::StreamExt;
use hub_client::{CallError, ClientEvent, ConnectError, HubClient, RetryPolicy, State};
use serde_json::json;

use crate::server::{INIT, STARTED, Server, Terms, soon};

const SOON: RetryPolicy = RetryPolicy::every(Duration::from_millis(1));

async fn becomes(client: &HubClient, wanted: State) {
    let mut states = client.states();
    soon(states.wait_for(|state| *state == wanted))
        .await
        .unwrap();
}

type Calling = tokio::task::JoinHandle<Result<u32, CallError>>;

/// Calls one after the other: the first to say so is the first to be written.
async fn call(client: &HubClient, n: u32) -> Calling {
    let client = client.clone();
    let call = tokio::spawn(async move { client.invoke("chat", "Add", (n,)).await });
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    call
}

#[tokio::test]
async fn calls_wait_for_the_next_link_up_to_a_bound_and_in_order() {
    let mut server = Server::start().await;
    let builder = server.client().retry(SOON).queue_while_reconnecting(2);
    let (client, mut socket) = server.connect(builder, Terms::default()).await;
    let open = call(&client, 0).await;
    socket.hear().await;
    socket.cut();
    let again = server.request().await;
    becomes(&client, State::Reconnecting).await;
    assert!(matches!(
        soon(open).await.unwrap(),
        Err(CallError::Reconnecting)
    ));
    let given_up = call(&client, 1).await;
    let (first, second) = (call(&client, 2).await, call(&client, 3));
    // Who gave up makes room for another.
    given_up.abort();
    let _ = given_up.await;
    let second = second.await;
    let refused = soon(call(&client, 4).await).await.unwrap();
    assert!(matches!(refused, Err(CallError::NotConnected)));
    let mut socket = again.accept().await;
    for (id, n) in [("1", 2), ("2", 3)] {
        let frame = json!({"H": "chat", "M": "Add", "A": [n], "I": id});
        let heard: serde_json::Value = serde_json::from_str(&socket.hear().await).unwrap();
        assert_eq!(heard, frame);
        socket.say(&json!({"I": id, "R": n}).to_string()).await;
    }
    assert_eq!(soon(first).await.unwrap().unwrap(), 2);
    assert_eq!(soon(second).await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn calls_that_wait_when_the_client_closes_are_refused() {
    let mut server = Server::start().await;
    let builder = server
        .client()
        .retry(RetryPolicy::every(Duration::from_secs(20)));
    let builder = builder.queue_while_reconnecting(9);
    let (client, socket) = server.connect(builder, Terms::default()).await;
    socket.cut();
    becomes(&client, State::Reconnecting).await;
    let waiting = call(&client, 1).await;
    let closing = tokio::spawn(async move { client.close().await });
    server.request().await.answer(200, "").await;
    soon(closing).await.unwrap();
    assert!(matches!(
        soon(waiting).await.unwrap(),
        Err(CallError::NotConnected)
    ));
}

#[tokio::test]
async fn a_call_without_a_result_ends_in_time_and_its_late_result_is_nobodys() {
    let mut server = Server::start().await;
    let allowed = Duration::from_millis(100);
    let builder = server.client().call_timeout(allowed);
    let (client, mut socket) = server.connect(builder, Terms::default()).await;
    let late = call(&client, 1).await;
    socket.hear().await;
    let error = soon(late).await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::TimedOut(time) if time == allowed));
    assert_eq!(error.to_string(), "the call took longer than 100 ms");
    socket.say(r#"{"I":"0","R":1}"#).await;
    let next = call(&client, 2).await;
    socket.hear().await;
    socket.say(r#"{"I":"1","R":2}"#).await;
    assert_eq!(soon(next).await.unwrap().unwrap(), 2);
}

#[tokio::test]
async fn a_first_link_is_tried_again_if_that_may_help() {
    let mut server = Server::start().await;
    let builder = server.client().retry(SOON).retry_start();
    let mut events = builder.client_events();
    let client = tokio::spawn(builder.connect());
    for _ in 0..3 {
        server.request().await.answer(503, "not yet").await;
    }
    let (_socket, start) = server.starting(Terms::default()).await;
    start.answer(200, STARTED).await;
    soon(client).await.unwrap().unwrap();
    assert!(matches!(
        soon(events.next()).await,
        Some(ClientEvent::Starting)
    ));
    assert!(matches!(
        soon(events.next()).await,
        Some(ClientEvent::StateChanged {
            from: State::Connecting,
            to: State::Connected
        })
    ));

    let builder = server.client().retry(SOON).retry_start();
    let client = tokio::spawn(builder.connect());
    // That of the client that was dropped.
    assert!(server.request().await.line().contains("/abort?"));
    server.request().await.answer(404, "nothing here").await;
    let error = soon(client).await.unwrap().unwrap_err();
    assert!(matches!(error, ConnectError::Refused { status: 404, .. }));
}

#[tokio::test]
async fn a_first_link_that_is_wanted_no_more_is_tried_no_more() {
    let mut server = Server::start().await;
    let builder = server.client().retry(SOON).retry_start();
    let mut events = builder.client_events();
    let client = tokio::spawn(builder.connect());
    server.request().await.answer(503, "not yet").await;
    let next = server.request().await;
    client.abort();
    let _ = client.await;
    next.abandoned().await;
    while soon(events.next()).await.is_some() {}
    assert!(server.is_idle());
}

#[tokio::test]
async fn events_of_a_hub_are_a_stream_beside_its_callbacks() {
    let mut server = Server::start().await;
    let (seen, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let builder = server.client().on("chat", "said", move |(n,): (u32,)| {
        let seen = seen.clone();
        async move { seen.send(n).unwrap() }
    });
    let (builder, mut all) = builder.hub_events("Chat");
    let client = tokio::spawn(builder.connect());
    server
        .request()
        .await
        .answer(200, &Terms::default().body())
        .await;
    let mut socket = server.request().await.accept().await;
    socket.say(INIT).await;
    let first =
        r#"{"C":"d-2","M":[{"H":"Chat","M":"Said","A":[1]},{"H":"Other","M":"said","A":[0]}]}"#;
    socket.say(first).await;
    server.request().await.answer(200, STARTED).await;
    let client = soon(client).await.unwrap().unwrap();
    let mut later = client.hub_events("chat");
    socket
        .say(r#"{"C":"d-3","M":[{"H":"Chat","M":"left","A":["x",2]}]}"#)
        .await;
    let event = soon(all.next()).await.unwrap();
    assert_eq!(
        (event.hub.as_str(), event.method.as_str()),
        ("Chat", "Said")
    );
    assert_eq!(event.read::<(u32,)>().unwrap(), (1,));
    for events in [&mut all, &mut later] {
        let event = soon(StreamExt::next(events)).await.unwrap();
        assert_eq!(event.method, "left");
        assert!(event.read::<(u32,)>().is_err());
        assert_eq!(event.read::<(String, u32)>().unwrap(), ("x".to_owned(), 2));
    }
    assert_eq!(soon(heard.recv()).await, Some(1));
    // A stream that is dropped holds up nobody.
    drop(later);
    for n in 0..200 {
        let event = json!({"C": "d-4", "M": [{"H": "chat", "M": "said", "A": [n]}]});
        socket.say(&event.to_string()).await;
        assert_eq!(
            soon(all.next()).await.unwrap().read::<(u32,)>().unwrap(),
            (n,)
        );
        assert_eq!(soon(heard.recv()).await, Some(n));
    }
}

#[tokio::test]
async fn requests_name_the_client_unless_it_has_another_name() {
    let mut server = Server::start().await;
    for (builder, name) in [
        (
            server.client(),
            concat!("hub-client/", env!("CARGO_PKG_VERSION")),
        ),
        (server.client().header("user-agent", "desk/7"), "desk/7"),
    ] {
        let _client = tokio::spawn(builder.connect());
        let negotiate = server.request().await;
        assert_eq!(negotiate.header("user-agent"), Some(name));
        negotiate.answer(200, &Terms::default().body()).await;
        let socket = server.request().await;
        assert_eq!(socket.header("user-agent"), Some(name));
        socket.answer(403, "").await;
        for _ in ["events", "polling", "abort"] {
            server.request().await.answer(403, "").await;
        }
    }
}

#[tokio::test]
async fn the_state_of_a_hub_goes_with_calls_and_comes_back_changed() {
    let mut server = Server::start().await;
    let builder = server.client();
    builder.hub_state("Chat").set("name", &"ann").unwrap();
    let (client, mut socket) = server.connect(builder, Terms::default()).await;
    let state = client.hub_state("chat");
    let heard = async |socket: &mut crate::server::Socket| {
        let heard: serde_json::Value = serde_json::from_str(&socket.hear().await).unwrap();
        heard["S"].clone()
    };
    let first = call(&client, 1).await;
    assert_eq!(heard(&mut socket).await, json!({"name": "ann"}));
    socket.say(r#"{"I":"0","R":1,"S":{"n":7}}"#).await;
    soon(first).await.unwrap().unwrap();
    assert_eq!(state.get::<u32>("n"), Some(7));
    // The server may also change it with an event, before its callbacks run.
    let (seen, mut names) = tokio::sync::mpsc::unbounded_channel();
    let own = state.clone();
    client
        .on("chat", "renamed", move |_: Vec<u8>| {
            let name: String = own.get("name").unwrap();
            let seen = seen.clone();
            async move { seen.send(name).unwrap() }
        })
        .keep();
    socket
        .say(r#"{"C":"d-2","M":[{"H":"Chat","M":"renamed","A":[],"S":{"name":"bob"}}]}"#)
        .await;
    assert_eq!(soon(names.recv()).await.unwrap(), "bob");
    let _second = call(&client, 2).await;
    assert_eq!(heard(&mut socket).await, json!({"name": "bob", "n": 7}));
}

#[cfg(feature = "cookies")]
#[tokio::test]
async fn cookies_come_back_with_every_request_that_they_are_meant_for() {
    let mut server = Server::start().await;
    let builder = server.client().cookies().header("cookie", "own=1");
    let client = tokio::spawn(builder.connect());
    let negotiate = server.request().await;
    assert_eq!(negotiate.header("cookie"), Some("own=1"));
    let set = [
        "node=a; Path=/; HttpOnly",
        "else=b; Path=/elsewhere",
        "foreign=d; Domain=example.com",
        "gone=e; Max-Age=0",
    ];
    let set: String = set.map(|it| format!("Set-Cookie: {it}\r\n")).concat();
    let with = format!("200 OK\r\n{}X: y", set);
    negotiate.answer_as(&with, &Terms::default().body()).await;
    let mut expected = "own=1; node=a";
    let socket = server.request().await;
    assert_eq!(socket.header("cookie"), Some(expected));
    socket
        .answer_as("403 No\r\nSet-Cookie: node=z; Path=/\r\nX: y", "")
        .await;
    expected = "own=1; node=z";
    let stream = server.request().await;
    assert_eq!(stream.header("cookie"), Some(expected));
    let _stream = stream
        .stream("data: {\"C\":\"d-1\",\"S\":1,\"M\":[]}\n\n")
        .await;
    let start = server.request().await;
    assert_eq!(start.header("cookie"), Some(expected));
    start.answer(200, STARTED).await;
    let client = soon(client).await.unwrap().unwrap();
    let _call = call(&client, 1).await;
    assert_eq!(server.request().await.header("cookie"), Some(expected));
}
