//! Servers that let in only who brings their token, and servers that send their clients to them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use hub_client::{
    ClientEvent, ClientEvents, ConnectError, HubClient, RetryPolicy, State, Transport,
};
use hub_server::{Credentials, Identity, Negotiated, Unauthenticated};
use tokio::sync::mpsc;

use crate::each::over_each_transport;
use crate::hub::{DeskProxy, Server, To, Was, client_at, soon};
use crate::proxy::Proxy;

over_each_transport!(
    a_token_that_was_replaced_is_asked_for_again,
    a_redirect_leads_to_another_server_for_good,
);

/// The token of the day, which only this server's friends know.
#[derive(Clone, Default)]
struct Word {
    now: Arc<Mutex<u32>>,
    asked: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
}

impl Word {
    fn now(&self) -> String {
        format!("word{}", self.now.lock().unwrap())
    }

    fn change(&self) {
        *self.now.lock().unwrap() += 1;
    }

    /// A server that wants it of every request, and of the query string that there be this in it.
    async fn guards(&self, query: &'static str) -> Server {
        let word = self.clone();
        let guard = move |head: &http::request::Parts| {
            let knows = Credentials::of(head).bearer() == Some(word.now());
            if !knows || !head.uri.query().unwrap_or_default().contains(query) {
                word.refused.fetch_add(1, Ordering::AcqRel);
                return Err(Unauthenticated::from(StatusCode::UNAUTHORIZED));
            }
            Ok(Identity::named("ann"))
        };
        Server::of(|builder| builder.authenticate(guard)).await
    }

    fn counts(&self) -> (usize, usize) {
        let of = |count: &AtomicUsize| count.load(Ordering::Acquire);
        (of(&self.asked), of(&self.refused))
    }
}

/// A client of the server behind this proxy, and the numbers that it hears.
async fn connect(
    builder: hub_client::Builder,
    transport: Transport,
) -> (HubClient, mpsc::UnboundedReceiver<u64>) {
    let (seen, noted) = mpsc::unbounded_channel();
    let client = builder
        .transports([transport])
        .retry(RetryPolicy::every(Duration::from_millis(5)))
        .on("desk", "noted", move |(_, number): (String, u64)| {
            let seen = seen.clone();
            async move { seen.send(number).unwrap() }
        })
        .connect();
    (soon(client).await.unwrap(), noted)
}

/// It is lost, and comes back.
async fn comes_back(proxy: &Proxy, events: &mut ClientEvents, server: &mut Server) {
    loop {
        proxy.cut();
        match tokio::time::timeout(Duration::from_millis(200), events.next()).await {
            Ok(Some(ClientEvent::Lost(_))) => break,
            Ok(event) => assert!(matches!(event, Some(ClientEvent::StateChanged { .. }))),
            // Between two polls there is nothing to lose.
            Err(_) => {}
        }
    }
    for to in [State::Reconnecting, State::Connected] {
        let event = soon(events.next()).await;
        assert!(
            matches!(event, Some(ClientEvent::StateChanged { to: it, .. }) if it == to),
            "{event:?}"
        );
    }
    assert_eq!(server.next().await.1, Was::Reconnected(0));
}

/// It has gone, and said so.
async fn has_gone(server: &mut Server) {
    loop {
        match server.next().await.1 {
            // A cut that came late.
            Was::Reconnected(0) => {}
            was => return assert_eq!(was, Was::Disconnected { stopped: true }),
        }
    }
}

async fn a_token_that_was_replaced_is_asked_for_again(transport: Transport) {
    let word = Word::default();
    let mut server = word.guards("").await;
    let proxy = Proxy::start(server.addr).await;
    let source = word.clone();
    let builder = client_at(proxy.addr).access_token(move || {
        source.asked.fetch_add(1, Ordering::AcqRel);
        let now = source.now();
        async move { Ok::<_, std::convert::Infallible>(now) }
    });
    let (client, mut noted) = connect(builder, transport).await;
    let mut events = client.client_events();
    let desk: DeskProxy = client.hub();
    assert_eq!(server.next().await.1, Was::Connected);
    assert_eq!(word.counts(), (1, 0), "one does for the whole start");
    let mut number = 0;
    let mut hears = async || {
        number += 1;
        let note = desk.note(To::User("ann".into()), "me".into(), number);
        soon(note).await.unwrap();
        assert_eq!(soon(noted.recv()).await, Some(number));
    };
    for _ in 0..3 {
        hears().await;
        word.change();
        // Calls with the old one are refused, and made again: nobody notices.
        hears().await;
        comes_back(&proxy, &mut events, &mut server).await;
        hears().await;
    }
    let (asked, refused) = word.counts();
    assert_eq!(asked, 4, "once for each that was replaced");
    // Requests that go side by side are refused side by side.
    assert!((3..=9).contains(&refused), "{refused}");
    word.change();
    soon(client.close()).await;
    has_gone(&mut server).await;
}

async fn a_redirect_leads_to_another_server_for_good(transport: Transport) {
    let word = Word::default();
    let mut there = word.guards("tenant=7").await;
    let proxy = Proxy::start(there.addr).await;
    let (token, url) = (
        word.now(),
        format!("http://{}/signalr?tenant=7", proxy.addr),
    );
    let mut here = Server::of(|builder| {
        builder.on_negotiate(move |_, _| Negotiated::Redirect {
            url: url.clone(),
            access_token: Some(token.clone()),
        })
    })
    .await;
    let builder = here
        .client()
        .query("tenant", "1")
        .header("x-user", "bob")
        // Good for where it leads from.
        .access_token(|| async { Ok::<_, std::fmt::Error>("another".into()) });
    let (client, mut noted) = connect(builder, transport).await;
    let mut events = client.client_events();
    assert_eq!(there.next().await.1, Was::Connected);
    let desk: DeskProxy = client.hub();
    for number in 0..3 {
        let note = desk.note(To::User("ann".into()), "me".into(), number);
        soon(note).await.unwrap();
        assert_eq!(soon(noted.recv()).await, Some(number));
        comes_back(&proxy, &mut events, &mut there).await;
    }
    soon(client.close()).await;
    has_gone(&mut there).await;
    assert_eq!(word.counts().1, 0, "each request brings token and query");
    assert_eq!(here.rest(), []);
}

#[tokio::test]
async fn what_a_server_says_instead_is_told() {
    let full = Server::of(|builder| {
        builder.on_negotiate(|_, _| Negotiated::Error("no place here".into()))
    })
    .await;
    let error = soon(full.client().connect()).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Server(_)), "{error:?}");
    assert_eq!(
        error.to_string(),
        "Error message received from the server: 'no place here'."
    );
    let round = Server::of(|builder| {
        builder.on_negotiate(|request, _| {
            let host = request.header("host").unwrap_or_default();
            Negotiated::redirect(format!("http://{host}/signalr"))
        })
    })
    .await;
    let error = soon(round.client().connect()).await.unwrap_err();
    assert!(matches!(error, ConnectError::TooManyRedirects), "{error:?}");
    // Nobody knows a word that is let in.
    let closed = Word::default().guards("").await;
    let client = closed
        .client()
        .access_token(|| async { Ok::<_, std::fmt::Error>("no".into()) });
    let error = soon(client.connect()).await.unwrap_err();
    assert!(
        matches!(
            error,
            ConnectError::Refused {
                request: "negotiate",
                status: 401,
                ..
            }
        ),
        "{error:?}"
    );
}
