//! The end of a connection, whoever wants it.

use hub_client::{CallError, ClientEvent, CloseReason, RetryPolicy, State};
use serde_json::Value;

use crate::server::{COMMON, Server, Terms, soon};

#[tokio::test]
async fn close_ends_socket_calls_and_connection() {
    let mut server = Server::start().await;
    let builder = server.client();
    let (client, mut socket) = server.connect(builder, Terms::default()).await;
    let mut events = client.client_events();
    let pending = {
        let client = client.clone();
        tokio::spawn(async move { client.invoke::<()>("chat", "slow", ()).await })
    };
    socket.hear().await;
    let closing = {
        let client = client.clone();
        tokio::spawn(async move { client.close().await })
    };
    assert!(socket.closed().await.is_some(), "a close frame");
    let abort = server
        .expect(&format!("POST /signalr/abort?{COMMON}"))
        .await;
    assert_eq!(abort.header("content-length"), Some("0"));
    let error = soon(pending).await.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "Connection was disconnected before invocation result was received."
    );
    assert_eq!(client.state(), State::Disconnected);
    assert!(matches!(
        client.invoke::<()>("chat", "late", ()).await,
        Err(CallError::NotConnected)
    ));
    assert!(!closing.is_finished());
    abort.answer(200, "").await;
    soon(closing).await.unwrap();
    // Once more changes nothing.
    soon(client.close()).await;
    assert!(matches!(
        client.invoke::<()>("chat", "later", ()).await,
        Err(CallError::NotConnected)
    ));
    assert!(matches!(
        soon(events.next()).await,
        Some(ClientEvent::StateChanged {
            from: State::Connected,
            to: State::Disconnected
        })
    ));
    assert!(matches!(
        soon(events.next()).await,
        Some(ClientEvent::Closed(CloseReason::Client))
    ));
    assert!(soon(events.next()).await.is_none());
    assert!(server.is_idle());
}

#[tokio::test]
async fn the_last_handle_closes_too() {
    let mut server = Server::start().await;
    let builder = server.client();
    let (client, mut socket) = server.connect(builder, Terms::default()).await;
    let clone = client.clone();
    let mut states = client.states();
    drop(client);
    let call = tokio::spawn(async move { clone.invoke::<()>("chat", "x", ()).await });
    socket.hear().await;
    socket.say(r#"{"I":"0"}"#).await;
    soon(call).await.unwrap().unwrap();
    // That was the last.
    socket.closed().await;
    server
        .expect(&format!("POST /signalr/abort?{COMMON}"))
        .await
        .answer(200, "")
        .await;
    soon(states.wait_for(|state| *state == State::Disconnected))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_callback_may_close_the_connection_and_no_further_one_runs() {
    let mut server = Server::start().await;
    let builder = server.client();
    let (client, mut socket) = server.connect(builder, Terms::default()).await;
    let (seen, mut closed) = tokio::sync::mpsc::unbounded_channel();
    let within = client.clone();
    client
        .on("chat", "message", move |_: Vec<Value>| {
            let (client, seen) = (within.clone(), seen.clone());
            async move {
                client.close().await;
                seen.send(()).unwrap();
            }
        })
        .keep();
    let event = r#"{"H":"chat","M":"message","A":[]}"#;
    socket
        .say(&format!(r#"{{"C":"d","M":[{event},{event}]}}"#))
        .await;
    server
        .expect(&format!("POST /signalr/abort?{COMMON}"))
        .await
        .answer(200, "")
        .await;
    soon(closed.recv()).await.unwrap();
    let mut events = client.client_events();
    assert!(soon(events.next()).await.is_none(), "both tasks have ended");
    assert!(closed.try_recv().is_err());
}

#[tokio::test]
async fn close_works_while_reconnecting() {
    let mut server = Server::start().await;
    let builder = server
        .client()
        .retry(RetryPolicy::every(std::time::Duration::from_secs(3600)));
    let (client, socket) = server.connect(builder, Terms::default()).await;
    socket.cut();
    let mut states = client.states();
    soon(states.wait_for(|state| *state == State::Reconnecting))
        .await
        .unwrap();
    let closing = tokio::spawn(async move { client.close().await });
    server
        .expect(&format!("POST /signalr/abort?{COMMON}"))
        .await
        .answer(200, "")
        .await;
    soon(closing).await.unwrap();
    soon(states.wait_for(|state| *state == State::Disconnected))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_terminal_error_of_the_server_disconnects_without_an_abort() {
    let mut server = Server::start().await;
    let builder = server.client();
    let (client, mut socket) = server.connect(builder, Terms::default()).await;
    let mut events = client.client_events();
    socket.say(r#"{"E":"no more"}"#).await;
    socket.closed().await;
    assert!(matches!(
        soon(events.next()).await,
        Some(ClientEvent::StateChanged {
            to: State::Disconnected,
            ..
        })
    ));
    assert!(matches!(
        soon(events.next()).await,
        Some(ClientEvent::Closed(CloseReason::Server(text))) if text == "no more"
    ));
    assert!(soon(events.next()).await.is_none());
    assert!(server.is_idle());
}

#[tokio::test]
async fn nonsense_ends_the_connection_with_an_abort() {
    let mut server = Server::start().await;
    let builder = server.client();
    let (client, mut socket) = server.connect(builder, Terms::default()).await;
    let mut events = client.client_events();
    socket.say("<html>").await;
    server
        .expect(&format!("POST /signalr/abort?{COMMON}"))
        .await
        .answer(200, "")
        .await;
    soon(events.next()).await.unwrap();
    assert!(matches!(
        soon(events.next()).await,
        Some(ClientEvent::Closed(CloseReason::Protocol(_)))
    ));
}
