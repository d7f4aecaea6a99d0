//! Which transport a client chooses, and what it says when none works (`classic-signalr.md` 7.3, 14.2).

use std::time::Duration;

use hub_client::{ConnectError, HubClient, Transport};

use crate::server::{COMMON, Request, STARTED, Server, Terms, soon};

type Connecting = tokio::task::JoinHandle<Result<HubClient, ConnectError>>;

/// A client whose negotiate has been answered.
async fn connecting(server: &mut Server, web_sockets: bool) -> Connecting {
    let more = Duration::from_millis(300);
    let client = tokio::spawn(server.client().connect_timeout(more).connect());
    let terms = Terms {
        connect: 0.3,
        ..Terms::default()
    };
    let offered = format!("\"TryWebSockets\":{web_sockets}");
    let body = terms.body().replace("\"TryWebSockets\":true", &offered);
    server.request().await.answer(200, &body).await;
    client
}

async fn expect(server: &mut Server, method: &str, verb: &str, transport: &str) -> Request {
    let common = COMMON.replace("webSockets", transport);
    let line = format!("{method} /signalr/{verb}?{common}");
    server.expect(&line).await
}

#[tokio::test]
async fn item_76_each_transport_is_tried_with_the_same_token_until_one_works() {
    let mut server = Server::start().await;
    let client = connecting(&mut server, true).await;
    // Refused.
    let web_socket = expect(&mut server, "GET", "connect", "webSockets").await;
    web_socket.answer(400, "no sockets here").await;
    // Silent: given up after the time that both sides allow.
    let events = expect(&mut server, "GET", "connect", "serverSentEvents").await;
    assert_eq!(events.header("accept"), Some("text/event-stream"));
    let events = events.stream("data: initialized\n\ndata: {}\n\n").await;
    let poll = expect(&mut server, "POST", "connect", "longPolling").await;
    events.closed().await;
    poll.answer(200, r#"{"C":"d-1","S":1,"M":[]}"#).await;
    let (mut next, start) = (server.request().await, server.request().await);
    let mut start = start;
    if next.line().contains("/start?") {
        std::mem::swap(&mut next, &mut start);
    }
    assert!(
        next.line()
            .starts_with("POST /signalr/poll?transport=longPolling&")
    );
    assert!(
        start
            .line()
            .starts_with("GET /signalr/start?transport=longPolling&")
    );
    start.answer(200, STARTED).await;
    let client = soon(client).await.unwrap().unwrap();
    assert_eq!(client.transport(), Transport::LongPolling);
    let closing = tokio::spawn(async move { client.close().await });
    expect(&mut server, "POST", "abort", "longPolling")
        .await
        .answer(200, "")
        .await;
    soon(closing).await.unwrap();
    next.abandoned().await;
}

#[tokio::test]
async fn web_sockets_that_are_not_offered_are_not_tried() {
    let mut server = Server::start().await;
    let client = connecting(&mut server, false).await;
    let events = expect(&mut server, "GET", "connect", "serverSentEvents").await;
    let _events = events
        .stream("data: {\"C\":\"d-1\",\"S\":1,\"M\":[]}\r\n\r\n")
        .await;
    expect(&mut server, "GET", "start", "serverSentEvents")
        .await
        .answer(200, STARTED)
        .await;
    let client = soon(client).await.unwrap().unwrap();
    assert_eq!(client.transport(), Transport::ServerSentEvents);
}

#[tokio::test]
async fn the_order_is_the_applications() {
    use Transport::{LongPolling, ServerSentEvents, WebSockets};
    let mut server = Server::start().await;
    let order = [LongPolling, WebSockets, ServerSentEvents];
    let client = tokio::spawn(server.client().transports(order).connect());
    let negotiate = server.request().await;
    negotiate.answer(200, &Terms::default().body()).await;
    for (method, transport) in [("POST", LongPolling), ("GET", WebSockets)] {
        let refused = expect(&mut server, method, "connect", transport.name()).await;
        refused.answer(400, "not so").await;
    }
    let events = expect(&mut server, "GET", "connect", "serverSentEvents").await;
    let _events = events
        .stream("data: {\"C\":\"d-1\",\"S\":1,\"M\":[]}\n\n")
        .await;
    expect(&mut server, "GET", "start", "serverSentEvents")
        .await
        .answer(200, STARTED)
        .await;
    let client = soon(client).await.unwrap().unwrap();
    assert_eq!(client.transport(), ServerSentEvents);
    assert!(server.is_idle());
}

#[tokio::test]
async fn item_76_a_failed_start_ends_it_all() {
    let mut server = Server::start().await;
    let client = connecting(&mut server, true).await;
    let mut socket = server.request().await.accept().await;
    socket.say(r#"{"C":"d-1","S":1,"M":[]}"#).await;
    expect(&mut server, "GET", "start", "webSockets")
        .await
        .answer(500, "")
        .await;
    expect(&mut server, "POST", "abort", "webSockets")
        .await
        .answer(200, "")
        .await;
    let error = soon(client).await.unwrap().unwrap_err();
    assert!(matches!(
        error,
        ConnectError::Refused {
            request: "start",
            status: 500,
            ..
        }
    ));
    assert!(server.is_idle());
}

#[tokio::test]
async fn when_none_works_each_says_why() {
    let mut server = Server::start().await;
    let client = connecting(&mut server, true).await;
    for method in ["GET", "GET", "POST"] {
        let request = server.request().await;
        assert!(
            request
                .line()
                .starts_with(&format!("{method} /signalr/connect?"))
        );
        request.answer(403, "not you").await;
    }
    expect(&mut server, "POST", "abort", "longPolling")
        .await
        .answer(200, "")
        .await;
    let error = soon(client).await.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "no transport works: webSockets: the server refused 'connect' with status 403: not you; serverSentEvents: the \
         server refused 'connect' with status 403: not you; longPolling: the server refused 'connect' with status 403: \
         not you"
    );
}

#[tokio::test]
async fn a_token_is_asked_for_again_when_the_server_refuses_it() {
    let mut server = Server::start().await;
    let mut tokens = ["one", "two", "three"].into_iter();
    let tokens = std::sync::Mutex::new(move || tokens.next().ok_or("no more"));
    let builder = server.client().access_token(move || {
        let token = tokens.lock().unwrap()();
        async move { token.map(str::to_owned) }
    });
    let client = tokio::spawn(builder.connect());
    let refuse = async |request: Request, token: &str| {
        assert_eq!(
            request.header("authorization"),
            Some(&*format!("Bearer {token}"))
        );
        request.answer(401, "expired").await;
    };
    refuse(server.request().await, "one").await;
    let negotiate = server.request().await;
    assert_eq!(negotiate.header("authorization"), Some("Bearer two"));
    negotiate.answer(200, &Terms::default().body()).await;
    refuse(server.request().await, "two").await;
    let socket = server.request().await;
    assert_eq!(socket.header("authorization"), Some("Bearer three"));
    let mut socket = socket.accept().await;
    socket.say(r#"{"C":"d-1","S":1,"M":[]}"#).await;
    // There is no other.
    refuse(server.request().await, "three").await;
    refuse(server.request().await, "three").await;
    let error = soon(client).await.unwrap().unwrap_err();
    assert!(matches!(error, ConnectError::Token(source) if source.to_string() == "no more"));
}
