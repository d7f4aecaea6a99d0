//! Negotiate, connect, start, and all the ways in which they fail.

use std::time::Duration;

use hub_client::{Builder, ConnectError, HubClient, LinkError, State, Transport};
use serde_json::json;

use crate::server::{COMMON, DATA, INIT, STARTED, Server, Terms, soon};

type Connecting = tokio::task::JoinHandle<Result<HubClient, ConnectError>>;

fn connect(builder: Builder) -> Connecting {
    tokio::spawn(builder.connect())
}

async fn error(connecting: Connecting) -> ConnectError {
    soon(connecting).await.unwrap().unwrap_err()
}

#[tokio::test]
async fn the_start_is_as_the_originals_clients_do_it() {
    let mut server = Server::start().await;
    let connecting = connect(server.client());
    let negotiate = server
        .expect(&format!("GET /signalr/negotiate?clientProtocol=2.1&{DATA}"))
        .await;
    assert_eq!(negotiate.header("host"), Some(&*server.host()));
    negotiate.answer_in_chunks(&Terms::default().body()).await;
    let connect = server
        .expect(&format!("GET /signalr/connect?{COMMON}"))
        .await;
    assert_eq!(connect.header("host"), Some(&*server.host()));
    assert_eq!(connect.header("sec-websocket-protocol"), None);
    let mut socket = connect.accept().await;
    socket.say(INIT).await;
    let start = server.expect(&format!("GET /signalr/start?{COMMON}")).await;
    assert!(!connecting.is_finished());
    start.answer_in_chunks(STARTED).await;
    let client = soon(connecting).await.unwrap().unwrap();
    assert_eq!(client.state(), State::Connected);
    assert_eq!(
        client.connection_id(),
        "6a246327-fd16-4a90-8a76-e87ef5d14642"
    );
    assert!(server.is_idle());
}

#[tokio::test]
async fn query_and_headers_of_the_application_go_with_every_request() {
    let mut server = Server::start().await;
    let builder = HubClient::builder(server.url() + "/")
        .query("room", "x y")
        .query("ü", "&=")
        .header("authorization", "Bearer secret");
    let extra = "room=x%20y&%C3%BC=%26%3D";
    let (client, mut socket) = {
        let connecting = connect(builder);
        let request = server.request().await;
        assert_eq!(
            request.line(),
            format!(
                "GET /signalr/negotiate?clientProtocol=2.1&connectionData=%5B%5D&tags=1&{extra}"
            )
        );
        assert_eq!(request.header("authorization"), Some("Bearer secret"));
        request.answer(200, &Terms::default().body()).await;
        let request = server.request().await;
        assert!(
            request
                .line()
                .starts_with("GET /signalr/connect?transport=webSockets&")
        );
        assert!(request.line().ends_with(extra));
        assert_eq!(request.header("authorization"), Some("Bearer secret"));
        let mut socket = request.accept().await;
        socket.say(INIT).await;
        let request = server.request().await;
        assert!(request.line().ends_with(extra));
        assert_eq!(request.header("authorization"), Some("Bearer secret"));
        request.answer(200, STARTED).await;
        (soon(connecting).await.unwrap().unwrap(), socket)
    };
    let closing = tokio::spawn(async move { client.close().await });
    socket.closed().await;
    let request = server.request().await;
    assert!(request.line().starts_with("POST /signalr/abort?"));
    assert!(request.line().ends_with(extra));
    assert_eq!(request.header("authorization"), Some("Bearer secret"));
    request.answer(200, "").await;
    soon(closing).await.unwrap();
}

#[tokio::test]
async fn item_75_refusals_at_negotiate_say_what_the_original_says() {
    for (body, text) in [
        (
            r#"{"ProtocolVersion":"1.3"}"#,
            "You are using a version of the client that isn't compatible with the server. Client version 2.1, server \
             version 1.3.",
        ),
        (
            r#"{"ProtocolVersion":"2.0","Error":"no room"}"#,
            "Error message received from the server: 'no room'.",
        ),
        (
            r#"{"connectionId":"x","availableTransports":[{"transport":"WebSockets"}]}"#,
            "Detected a connection attempt to an ASP.NET Core SignalR Server. This client only supports connecting to \
             an ASP.NET SignalR Server. See https://aka.ms/signalr-core-differences for details.",
        ),
        (
            "<html>",
            "the answer to 'negotiate' is not that of a SignalR server",
        ),
    ] {
        let mut server = Server::start().await;
        let connecting = connect(server.client());
        server.request().await.answer(200, body).await;
        assert_eq!(error(connecting).await.to_string(), text);
        assert!(server.is_idle(), "there is nothing to abort");
    }
}

#[tokio::test]
async fn a_refused_negotiate_tells_the_status() {
    let mut server = Server::start().await;
    let connecting = connect(server.client());
    server.request().await.answer(401, " who are you? ").await;
    assert!(matches!(
        error(connecting).await,
        ConnectError::Refused { request: "negotiate", status: 401, body } if body == "who are you?"
    ));
    let connecting = connect(server.client());
    server.request().await.answer(404, "").await;
    let text = "the server refused 'negotiate' with status 404";
    assert_eq!(error(connecting).await.to_string(), text);
}

#[tokio::test]
async fn a_server_without_web_sockets_is_no_server_for_a_client_that_wants_no_others() {
    let mut server = Server::start().await;
    let connecting = connect(server.client().transports([Transport::WebSockets]));
    let body = Terms::default()
        .body()
        .replace("\"TryWebSockets\":true", "\"TryWebSockets\":false");
    server.request().await.answer(200, &body).await;
    assert!(matches!(
        error(connecting).await,
        ConnectError::NoTransport(tried) if tried.is_empty()
    ));
}

#[tokio::test]
async fn item_74_a_redirect_is_followed_with_its_query_and_its_token() {
    let mut server = Server::start().await;
    let mut second = Server::start().await;
    let user = "GET /signalr/negotiate?clientProtocol=2.1&connectionData=%5B%5D&tags=1&u=1";
    let connecting = connect(
        HubClient::builder(server.url())
            .query("u", "1")
            .header("authorization", "Basic old"),
    );
    let redirect = |url: String, token: Option<&str>| {
        json!({"ProtocolVersion": "2.0", "RedirectUrl": url, "AccessToken": token}).to_string()
    };
    let request = server.expect(user).await;
    assert_eq!(request.header("authorization"), Some("Basic old"));
    let there = format!("http://{}/there/?a=1&b=x%20y", second.host());
    request.answer(200, &redirect(there, Some("jwt"))).await;
    // The redirect's query replaces the user's.
    let there = "GET /there/negotiate?clientProtocol=2.1&connectionData=%5B%5D&tags=1&a=1&b=x%20y";
    let request = second.expect(there).await;
    assert_eq!(request.header("authorization"), Some("Bearer jwt"));
    // A redirect without a query brings the user's back, and one without a token keeps the last.
    request.answer(200, &redirect(second.url(), None)).await;
    let request = second.expect(user).await;
    assert_eq!(request.header("authorization"), Some("Bearer jwt"));
    let body = Terms::default()
        .body()
        .replace("\"Url\":\"/signalr\"", "\"Url\":\"/ignored\"");
    request.answer(200, &body).await;
    let request = second.request().await;
    assert!(
        request
            .line()
            .starts_with("GET /signalr/connect?transport=webSockets&")
    );
    assert!(request.line().ends_with("&u=1"));
    assert_eq!(request.header("authorization"), Some("Bearer jwt"));
    let mut socket = request.accept().await;
    socket.say(INIT).await;
    let request = second.request().await;
    assert!(request.line().starts_with("GET /signalr/start?"));
    assert_eq!(request.header("authorization"), Some("Bearer jwt"));
    request.answer(200, STARTED).await;
    soon(connecting).await.unwrap().unwrap();
    assert!(server.is_idle());
}

#[tokio::test]
async fn item_74_a_hundred_redirects_are_followed_and_no_more() {
    let mut server = Server::start().await;
    let connecting = connect(server.client());
    let body = json!({"ProtocolVersion": "2.1", "RedirectUrl": server.url()}).to_string();
    for _ in 0..=100 {
        server.request().await.answer(200, &body).await;
    }
    let error = error(connecting).await;
    assert_eq!(error.to_string(), "Negotiate redirection limit exceeded.");
    assert!(server.is_idle());
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_an_error() {
    let mut server = Server::start().await;
    let connecting = connect(server.client());
    let body = r#"{"ProtocolVersion":"2.0","RedirectUrl":"/elsewhere"}"#;
    server.request().await.answer(200, body).await;
    assert!(matches!(
        error(connecting).await,
        ConnectError::Url { url, .. } if url == "/elsewhere"
    ));
}

#[tokio::test]
async fn item_76_a_transport_that_does_not_say_that_it_works_is_given_up_and_aborted() {
    let mut server = Server::start().await;
    let only = server.client().transports([Transport::WebSockets]);
    let connecting = connect(only.connect_timeout(Duration::from_millis(500)));
    let terms = Terms {
        connect: 0.5,
        ..Terms::default()
    };
    server.request().await.answer(200, &terms.body()).await;
    let mut socket = server.request().await.accept().await;
    socket.say(r#"{"C":"d-1","M":[]}"#).await;
    socket.say("{}").await;
    let abort = server
        .expect(&format!("POST /signalr/abort?{COMMON}"))
        .await;
    abort.answer(200, "").await;
    assert!(matches!(
        error(connecting).await,
        ConnectError::TimedOut { request: "connect", allowed } if allowed.as_millis() == 1000
    ));
    socket.closed().await;
}

#[tokio::test]
async fn a_refused_socket_tells_status_and_text() {
    let mut server = Server::start().await;
    let connecting = connect(server.client().transports([Transport::WebSockets]));
    server
        .request()
        .await
        .answer(200, &Terms::default().body())
        .await;
    let connect = server.request().await;
    connect.answer(400, "Not a valid web socket request.").await;
    server.request().await.answer(200, "").await;
    assert!(matches!(
        error(connecting).await,
        ConnectError::Refused { request: "connect", status: 400, body } if body == "Not a valid web socket request."
    ));
}

#[tokio::test]
async fn item_76_a_start_that_is_not_answered_with_started_fails() {
    for (status, body) in [(200, r#"{"Response":"stopped"}"#), (200, "no"), (500, "")] {
        let mut server = Server::start().await;
        let connecting = connect(server.client().transports([Transport::WebSockets]));
        let (mut socket, start) = server.starting(Terms::default()).await;
        start.answer(status, body).await;
        let abort = server
            .expect(&format!("POST /signalr/abort?{COMMON}"))
            .await;
        abort.answer(200, "").await;
        let error = error(connecting).await;
        assert!(
            matches!(
                (&error, status),
                (
                    ConnectError::Answer {
                        request: "start",
                        ..
                    },
                    200
                ) | (
                    ConnectError::Refused {
                        request: "start",
                        status: 500,
                        ..
                    },
                    500
                )
            ),
            "{error:?}"
        );
        socket.closed().await;
    }
}

#[tokio::test]
async fn a_link_that_dies_during_start_fails_it() {
    let mut server = Server::start().await;
    let connecting = connect(server.client());
    let (socket, start) = server.starting(Terms::default()).await;
    socket.close().await;
    server.request().await.answer(200, "").await;
    assert!(matches!(
        error(connecting).await,
        ConnectError::Link(LinkError::Closed)
    ));
    start.abandoned().await;
}

#[tokio::test]
async fn events_of_the_start_are_delivered_once_it_is_complete() {
    let mut server = Server::start().await;
    let (seen, mut events) = tokio::sync::mpsc::unbounded_channel();
    let builder = server.client().on("CHAT", "Message", move |(n,): (u32,)| {
        let seen = seen.clone();
        async move { seen.send(n).unwrap() }
    });
    let connecting = connect(builder);
    let (mut socket, start) = server.starting(Terms::default()).await;
    for n in 0..3 {
        let event = json!({"C": "d-2", "M": [{"H": "Chat", "M": "message", "A": [n]}]});
        socket.say(&event.to_string()).await;
    }
    // A pong shows that the client has read what came before the ping.
    let ping = tokio_tungstenite::tungstenite::Message::Ping("x".into());
    socket.message(ping).await;
    assert!(socket.pong().await);
    assert!(events.try_recv().is_err());
    start.answer(200, STARTED).await;
    let _client = soon(connecting).await.unwrap().unwrap();
    for n in 0..3 {
        assert_eq!(soon(events.recv()).await, Some(n));
    }
}

#[tokio::test]
async fn giving_the_attempt_up_aborts_what_the_server_began() {
    let mut server = Server::start().await;
    let connecting = connect(server.client());
    let (mut socket, start) = server.starting(Terms::default()).await;
    connecting.abort();
    let abort = server
        .expect(&format!("POST /signalr/abort?{COMMON}"))
        .await;
    abort.answer(200, "").await;
    socket.closed().await;
    start.abandoned().await;
}

#[tokio::test]
async fn mistakes_and_absent_servers_are_told_apart() {
    let wrong = HubClient::builder("ws://h/signalr").connect().await;
    assert!(matches!(wrong, Err(ConnectError::Url { .. })));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let absent = HubClient::builder(format!("http://{address}/signalr"));
    let error = absent.connect().await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::Unreachable { authority, .. } if *authority == address.to_string())
    );
    assert!(std::error::Error::source(&error).is_some());
}

#[cfg(not(feature = "tls"))]
#[tokio::test]
async fn https_needs_the_feature() {
    let error = HubClient::builder("https://127.0.0.1:1/signalr")
        .connect()
        .await;
    assert!(matches!(error, Err(ConnectError::Tls)));
}

#[tokio::test]
async fn a_negotiate_that_takes_too_long_is_given_up() {
    let mut server = Server::start().await;
    let connecting = connect(server.client().http_timeout(Duration::from_millis(500)));
    let request = server.request().await;
    assert!(matches!(
        error(connecting).await,
        ConnectError::TimedOut {
            request: "negotiate",
            ..
        }
    ));
    request.abandoned().await;
}
