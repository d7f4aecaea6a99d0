//! Server-sent events (`classic-signalr.md` 6.2, 6.5): the stream down, and a request for each call.

use hub_client::{CallError, ClientEvent, HubClient, LinkError, RetryPolicy, State, Transport};
use serde_json::json;

use crate::server::{Request, STARTED, Server, Stream, Terms, soon};

async fn connected(server: &mut Server) -> (HubClient, Stream) {
    let now = RetryPolicy::every(std::time::Duration::ZERO);
    let builder = server.client().retry(now);
    let client = builder.transports([Transport::ServerSentEvents]).connect();
    let client = tokio::spawn(client);
    server
        .request()
        .await
        .answer(200, &Terms::default().body())
        .await;
    let stream = server.request().await.stream("data: initialized\n\n").await;
    let mut stream = stream;
    stream
        .say("data: {\"C\":\"d-1\",\"S\":1,\"M\":[]}\n\n")
        .await;
    server.request().await.answer(200, STARTED).await;
    (soon(client).await.unwrap().unwrap(), stream)
}

async fn sent(server: &mut Server) -> (Request, String) {
    let mut request = server.request().await;
    let line = "POST /signalr/send?transport=serverSentEvents&clientProtocol=2.1&";
    assert!(request.line().starts_with(line), "{}", request.line());
    let kind = request.header("content-type");
    assert_eq!(
        kind,
        Some("application/x-www-form-urlencoded; charset=UTF-8")
    );
    let form = request.form().await;
    (request, form)
}

fn call(
    client: &HubClient,
    args: serde_json::Value,
) -> tokio::task::JoinHandle<Result<u32, CallError>> {
    let client = client.clone();
    tokio::spawn(async move { client.invoke("chat", "Add", args).await })
}

#[tokio::test]
async fn a_call_is_a_form_and_its_answer_the_result_in_whatever_order() {
    let mut server = Server::start().await;
    let (client, _stream) = connected(&mut server).await;
    let one = call(&client, json!(["+", "ü&="]));
    let (first, form) = sent(&mut server).await;
    assert_eq!(
        form,
        "data=%7B%22H%22%3A%22chat%22%2C%22M%22%3A%22Add%22%2C%22A%22%3A%5B%22%2B%22%2C%22%C3%BC%26%3D%22%5D%2C%22I%22\
         %3A%220%22%7D"
    );
    let two = call(&client, json!([]));
    let (second, _) = sent(&mut server).await;
    second.answer(200, r#"{"R":2,"I":"1"}"#).await;
    assert_eq!(soon(two).await.unwrap().unwrap(), 2);
    first.answer(200, r#"{"I":"0","E":"no","H":true}"#).await;
    assert!(matches!(
        soon(one).await.unwrap(),
        Err(CallError::Hub { message, public: true, .. }) if message == "no"
    ));
}

#[tokio::test]
async fn a_call_that_is_refused_or_answered_with_something_else_fails_alone() {
    let mut server = Server::start().await;
    let (client, mut stream) = connected(&mut server).await;
    for (status, body) in [
        (500, "unknown hub"),
        (200, ""),
        (200, "{}"),
        (200, "<html>"),
        (200, r#"{"R":1,"I":"77"}"#),
    ] {
        let failing = call(&client, json!([]));
        sent(&mut server).await.0.answer(status, body).await;
        let error = soon(failing).await.unwrap().unwrap_err();
        assert!(matches!(error, CallError::Send(_)), "{body}: {error:?}");
    }
    assert_eq!(client.state(), State::Connected);
    stream.say("data: {}\n\n").await;
    let well = call(&client, json!([]));
    sent(&mut server)
        .await
        .0
        .answer(200, r#"{"R":9,"I":"5"}"#)
        .await;
    assert_eq!(soon(well).await.unwrap().unwrap(), 9);
}

#[tokio::test]
async fn a_stream_that_ends_is_opened_again_after_its_cursor_and_calls_go_on_meanwhile() {
    let mut server = Server::start().await;
    let (client, mut stream) = connected(&mut server).await;
    let mut events = client.client_events();
    let open = call(&client, json!([]));
    let (asked, _) = sent(&mut server).await;
    stream
        .say("data: {\"C\":\"d-2\",\"G\":\"t+\",\"M\":[]}\n\n")
        .await;
    stream.end().await;
    assert!(matches!(
        soon(events.next()).await,
        Some(ClientEvent::Lost(LinkError::Closed))
    ));
    let again = server.request().await;
    assert!(
        again
            .line()
            .starts_with("GET /signalr/reconnect?transport=serverSentEvents&")
    );
    assert!(
        again
            .line()
            .ends_with("&tags=1&messageId=d-2&groupsToken=t%2B")
    );
    asked.answer(200, r#"{"R":7,"I":"0"}"#).await;
    assert_eq!(soon(open).await.unwrap().unwrap(), 7);
    assert_eq!(client.state(), State::Reconnecting);
    let _stream = again.stream("data: initialized\n\n").await;
    let mut states = client.states();
    let back = states.wait_for(|state| *state == State::Connected);
    soon(back).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_hangs_goes_again_on_the_next_link() {
    let mut server = Server::start().await;
    let (client, mut stream) = connected(&mut server).await;
    client
        .on_ask("chat", "ask", |_: [u8; 0]| async { Ok(5) })
        .keep();
    let ask = r#"data: {"C":"d-1-2","M":[{"H":"chat","M":"ask","A":[],"O":"1","K":"2F"}]}"#;
    stream.say(&format!("{ask}\n\n")).await;
    // Its connection says nothing any more, and is not closed either.
    let (_hangs, form) = sent(&mut server).await;
    assert_eq!(form, "data=%7B%22K%22%3A%222F%22%2C%22R%22%3A5%7D");
    stream.end().await;
    let again = server.request().await;
    assert!(again.line().starts_with("GET /signalr/reconnect?"));
    let _stream = again.stream("data: initialized\n\n").await;
    let (answered, form) = sent(&mut server).await;
    assert_eq!(form, "data=%7B%22K%22%3A%222F%22%2C%22R%22%3A5%7D");
    answered.answer(200, "").await;
}

#[tokio::test]
async fn an_event_that_is_too_long_breaks_the_link() {
    let mut server = Server::start().await;
    let builder = server.client().max_message_size(100);
    let client = tokio::spawn(builder.transports([Transport::ServerSentEvents]).connect());
    server
        .request()
        .await
        .answer(200, &Terms::default().body())
        .await;
    let request = server.request().await;
    let mut stream = request
        .stream("data: {\"C\":\"d-1\",\"S\":1,\"M\":[]}\n\n")
        .await;
    server.request().await.answer(200, STARTED).await;
    let client = soon(client).await.unwrap().unwrap();
    let mut events = client.client_events();
    stream.say(&format!("data: {}", "x".repeat(200))).await;
    let lost = soon(events.next()).await;
    assert!(matches!(
        lost,
        Some(ClientEvent::Lost(LinkError::Failed(_)))
    ));
    stream.closed().await;
}

#[tokio::test]
async fn calls_that_may_be_on_dead_connections_end_with_the_silence_of_the_link() {
    let mut server = Server::start().await;
    let builder = server
        .client()
        .retry(RetryPolicy::every(std::time::Duration::ZERO))
        .transports([Transport::ServerSentEvents]);
    let client = tokio::spawn(builder.connect());
    let terms = Terms {
        keep_alive: Some(0.5),
        ..Terms::default()
    };
    server.request().await.answer(200, &terms.body()).await;
    let request = server.request().await;
    let _silent = request
        .stream("data: {\"C\":\"d-1\",\"S\":1,\"M\":[]}\n\n")
        .await;
    server.request().await.answer(200, STARTED).await;
    let client = soon(client).await.unwrap().unwrap();
    // As many as may go at once, and one more.
    let calls: Vec<_> = (0..33).map(|_| call(&client, json!([]))).collect();
    let mut hanging = Vec::new();
    for _ in 0..32 {
        hanging.push(sent(&mut server).await.0);
    }
    let mut made = 0;
    for call in calls {
        match soon(call).await.unwrap() {
            Err(CallError::Reconnecting) => made += 1,
            other => assert!(matches!(other, Err(CallError::NotConnected)), "{other:?}"),
        }
    }
    assert_eq!(made, 32);
    for request in hanging {
        request.abandoned().await;
    }
}
