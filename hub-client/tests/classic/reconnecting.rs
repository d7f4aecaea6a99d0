//! Lost links: what fails, what is asked for, and when the client gives up.

use std::time::Duration;

use hub_client::{
    CallError, ClientEvent, ClientEvents, CloseReason, LinkError, RetryPolicy, State,
};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use crate::server::{COMMON, Server, Terms, soon};

fn quickly() -> RetryPolicy {
    RetryPolicy::every(Duration::from_millis(10))
}

async fn changed(events: &mut ClientEvents, expected: (State, State)) {
    match soon(events.next()).await {
        Some(ClientEvent::StateChanged { from, to }) => assert_eq!((from, to), expected),
        other => panic!("no change of state: {other:?}"),
    }
}

async fn lost(events: &mut ClientEvents) -> LinkError {
    match soon(events.next()).await {
        Some(ClientEvent::Lost(error)) => {
            changed(events, (State::Connected, State::Reconnecting)).await;
            error
        }
        other => panic!("not lost: {other:?}"),
    }
}

#[tokio::test]
async fn item_78_a_cut_link_is_resumed_with_cursor_and_groups() {
    let mut server = Server::start().await;
    let (seen, mut messages) = mpsc::unbounded_channel();
    let builder =
        server
            .client()
            .retry(quickly())
            .on("chat", "message", move |args: Vec<Value>| {
                let seen = seen.clone();
                async move { drop(seen.send(args)) }
            });
    let (client, mut socket) = server.connect(builder, Terms::default()).await;
    let mut events = client.client_events();
    socket
        .say(r#"{"C":"d-1-B,0|E,0","G":"groups+/=","M":[]}"#)
        .await;
    socket
        .say(r#"{"C":"d-1-B,1|E,0","M":[{"H":"chat","M":"message","A":["seen"]}]}"#)
        .await;
    assert_eq!(soon(messages.recv()).await.unwrap(), ["seen"]);
    let pending = {
        let client = client.clone();
        tokio::spawn(async move { client.invoke::<()>("chat", "slow", ()).await })
    };
    socket.hear().await;
    socket.cut();
    assert!(matches!(lost(&mut events).await, LinkError::Closed));
    let error = soon(pending).await.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "Connection started reconnecting before invocation result was received."
    );
    let reconnect = server
        .expect(&format!(
            "GET /signalr/reconnect?{COMMON}&messageId=d-1-B%2C1%7CE%2C0&groupsToken=groups%2B%2F%3D"
        ))
        .await;
    // There is no link, so the call is not sent.
    assert_eq!(client.state(), State::Reconnecting);
    assert!(matches!(
        client.invoke::<()>("chat", "now", ()).await,
        Err(CallError::NotConnected)
    ));
    let mut socket = reconnect.accept().await;
    changed(&mut events, (State::Reconnecting, State::Connected)).await;
    assert_eq!(client.state(), State::Connected);
    socket
        .say(r#"{"C":"d-1-B,2|E,0","M":[{"H":"chat","M":"message","A":["missed"]}]}"#)
        .await;
    assert_eq!(soon(messages.recv()).await.unwrap(), ["missed"]);
    // Results of the old link are nobody's, and ids go on.
    let call = {
        let client = client.clone();
        tokio::spawn(async move { client.invoke::<u8>("chat", "again", ()).await })
    };
    assert_eq!(
        socket.hear().await,
        r#"{"H":"chat","M":"again","A":[],"I":"1"}"#
    );
    socket.say(r#"{"R":9,"I":"0"}"#).await;
    socket.say(r#"{"R":1,"I":"1"}"#).await;
    assert_eq!(soon(call).await.unwrap().unwrap(), 1);
    assert!(server.is_idle(), "a reconnect needs no start");
}

#[tokio::test]
async fn without_groups_no_groups_token_is_sent_and_a_close_frame_is_a_lost_link_too() {
    let mut server = Server::start().await;
    let builder = server.client().retry(quickly()).query("u", "1");
    let (client, socket) = server.connect(builder, Terms::default()).await;
    let mut events = client.client_events();
    socket.close().await;
    assert!(matches!(lost(&mut events).await, LinkError::Closed));
    let reconnect = server
        .expect(&format!(
            "GET /signalr/reconnect?{COMMON}&messageId=d-1-B%2C0%7CC%2C0%7CD%2C1&u=1"
        ))
        .await;
    let _socket = reconnect.accept().await;
    changed(&mut events, (State::Reconnecting, State::Connected)).await;
}

#[tokio::test]
async fn a_leaving_server_is_left_with_what_it_said_last() {
    let mut server = Server::start().await;
    let builder = server.client().retry(quickly());
    let (client, mut socket) = server.connect(builder, Terms::default()).await;
    let mut events = client.client_events();
    socket.say(r#"{"C":"d-9","T":1,"M":[]}"#).await;
    assert!(matches!(lost(&mut events).await, LinkError::Leaving));
    socket.closed().await;
    server
        .expect(&format!("GET /signalr/reconnect?{COMMON}&messageId=d-9"))
        .await
        .accept()
        .await
        // The init of a reconnect is ignored.
        .say(r#"{"C":"d-1","S":1,"M":[]}"#)
        .await;
    changed(&mut events, (State::Reconnecting, State::Connected)).await;
}

#[tokio::test]
async fn item_77_a_silent_server_is_lost_on_every_link() {
    let mut server = Server::start().await;
    let builder = server.client().retry(quickly());
    let terms = Terms {
        keep_alive: Some(0.3),
        ..Terms::default()
    };
    let (client, mut socket) = server.connect(builder, terms).await;
    let mut events = client.client_events();
    for _ in 0..3 {
        // How it is slow before is a matter of time, and tested where the clock stands still.
        loop {
            match soon(events.next()).await {
                Some(ClientEvent::Lost(LinkError::Silent(allowed))) => {
                    break assert_eq!(allowed.as_millis(), 300);
                }
                Some(ClientEvent::Slow) => {}
                Some(ClientEvent::StateChanged { to, .. }) => assert_eq!(to, State::Connected),
                other => panic!("not silent: {other:?}"),
            }
        }
        changed(&mut events, (State::Connected, State::Reconnecting)).await;
        socket.closed().await;
        socket = server.request().await.accept().await;
    }
}

#[tokio::test]
async fn item_77_a_client_that_can_not_come_back_gives_up_in_time_and_does_not_abort() {
    let mut server = Server::start().await;
    let builder = server.client().retry(quickly());
    let terms = Terms {
        disconnect: 1.0,
        ..Terms::default()
    };
    let (client, socket) = server.connect(builder, terms).await;
    let mut events = client.client_events();
    socket.cut();
    lost(&mut events).await;
    let mut attempts = 0;
    let mut states = client.states();
    let mut gone = std::pin::pin!(states.wait_for(|state| *state == State::Disconnected));
    loop {
        tokio::select! {
            gone = &mut gone => { gone.unwrap(); break; }
            request = server.request() => {
                assert!(request.line().starts_with("GET /signalr/reconnect?"), "{}", request.line());
                attempts += 1;
                request.answer(503, "later").await;
            }
        }
    }
    assert!(attempts > 1, "{attempts} attempts");
    changed(&mut events, (State::Reconnecting, State::Disconnected)).await;
    let Some(ClientEvent::Closed(reason)) = soon(events.next()).await else {
        panic!("not closed");
    };
    assert_eq!(
        reason.to_string(),
        "Couldn't reconnect within the configured timeout of 1000 ms, disconnecting."
    );
    assert!(matches!(reason, CloseReason::GaveUp { last: Some(_), .. }));
    assert!(matches!(
        client.invoke::<()>("chat", "late", ()).await,
        Err(CallError::NotConnected)
    ));
    soon(client.close()).await;
    assert!(soon(events.next()).await.is_none());
    assert!(client.client_events().next().await.is_none());
    // A last attempt may have come to nothing, but there is nothing to abort.
    for line in server.rest() {
        assert!(line.starts_with("GET /signalr/reconnect?"), "{line}");
    }
}

#[tokio::test]
async fn a_reconnect_that_hangs_is_given_up_and_tried_again() {
    let mut server = Server::start().await;
    let builder = server.client().retry(quickly());
    let terms = Terms {
        connect: 1.0,
        ..Terms::default()
    };
    let (client, socket) = server.connect(builder, terms).await;
    let mut events = client.client_events();
    socket.cut();
    lost(&mut events).await;
    let hanging = server.request().await;
    let again = server.request().await;
    hanging.abandoned().await;
    let _socket = again.accept().await;
    changed(&mut events, (State::Reconnecting, State::Connected)).await;
}

#[tokio::test]
async fn a_binary_message_breaks_the_link() {
    let mut server = Server::start().await;
    let builder = server.client().retry(quickly());
    let (client, mut socket) = server.connect(builder, Terms::default()).await;
    let mut events = client.client_events();
    socket.message(Message::Binary("{}".into())).await;
    assert!(matches!(lost(&mut events).await, LinkError::Failed(_)));
    let _socket = server.request().await.accept().await;
    changed(&mut events, (State::Reconnecting, State::Connected)).await;
}

#[tokio::test]
async fn a_message_that_is_too_large_breaks_the_link() {
    let mut server = Server::start().await;
    let builder = server.client().retry(quickly()).max_message_size(1000);
    let (client, mut socket) = server.connect(builder, Terms::default()).await;
    let mut events = client.client_events();
    socket
        .say(&format!(r#"{{"C":"{}","M":[]}}"#, "x".repeat(1000)))
        .await;
    assert!(matches!(lost(&mut events).await, LinkError::Failed(_)));
    let reconnect = server.request().await;
    assert!(
        reconnect
            .line()
            .ends_with("&messageId=d-1-B%2C0%7CC%2C0%7CD%2C1")
    );
}
