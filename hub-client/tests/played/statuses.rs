//! Answers that are no success in the middle of a connection, as an application recorded them: a redirection of HTTP's, and
//! a status. They are answers to each of the protocol's requests; our client has no ping.

use std::time::Duration;

use hub_client::{
    CallError, ClientEvent, ConnectError, HubClient, LinkError, RetryPolicy, State, Transport,
};
use serde_json::Value;

use crate::conversation::Verb;
use crate::reading::events;
use crate::request::Sent;
use crate::server::{Request, STARTED, Server, Terms, soon};

const TEXT: &str =
    include_str!("../../../examples/conformance/transcripts/redirection-and-status.jsonl");

/// The request that the application answered so, and how.
fn recorded() -> Vec<(Verb, u16, String)> {
    let mut all = Vec::new();
    let events = events(TEXT);
    for request in events.iter().filter(|event| event.dir() == "request") {
        let query = request.pairs("query").unwrap_or_default();
        let is = |(name, _): &&(&str, &str)| matches!(*name, "redirectWhen" | "alterWhen");
        let Some((_, when)) = query.iter().find(is) else {
            continue;
        };
        let verb = Verb::ALL.into_iter().find(|verb| verb.name() == *when);
        let answers = |event: &&crate::event::Event| {
            event.dir() == "response" && event.channel() == request.channel()
        };
        if let (Some(verb), Some(answer)) = (verb, events.iter().find(answers)) {
            let status = u16::try_from(answer.value["status"].as_u64().unwrap()).unwrap();
            all.push((verb, status, answer.text("body").to_owned()));
        }
    }
    all
}

/// The next request, which has to be this one.
async fn next(server: &mut Server, verb: Verb) -> Request {
    let request = asked(server).await;
    assert_eq!(Sent::verb(&request), Some(verb), "{}", request.line());
    request
}

/// The next request, all of it read: a socket that is closed over unread bytes takes its answer back.
async fn asked(server: &mut Server) -> Request {
    let mut request = server.request().await;
    Sent::read(&mut request).await;
    request
}

const FIRST: &str = r#"{"C":"d-1-B,0","S":1,"M":[]}"#;

/// A client whose requests are answered well up to this one, and what it asked that is not answered: its first poll, and its
/// start before that if it is the one.
async fn up_to(
    server: &mut Server,
    on: Transport,
    verb: Verb,
) -> (
    tokio::task::JoinHandle<Result<HubClient, ConnectError>>,
    Vec<Request>,
) {
    let at_once = RetryPolicy::every(Duration::ZERO);
    let client = server.client().transports([on]).retry(at_once).connect();
    let client = tokio::spawn(client);
    if verb == Verb::Negotiate {
        return (client, Vec::new());
    }
    let negotiate = next(server, Verb::Negotiate).await;
    negotiate.answer(200, &Terms::default().body()).await;
    if verb == Verb::Connect {
        return (client, Vec::new());
    }
    next(server, Verb::Connect).await.answer(200, FIRST).await;
    let (mut poll, mut start) = (asked(server).await, asked(server).await);
    if Sent::verb(&poll) == Some(Verb::Start) {
        std::mem::swap(&mut poll, &mut start);
    }
    if verb == Verb::Start {
        return (client, vec![poll, start]);
    }
    start.answer(200, STARTED).await;
    (client, vec![poll])
}

async fn refused(verb: Verb, status: u16, body: &str) {
    let mut server = Server::start().await;
    let (client, mut asked) = up_to(&mut server, Transport::LongPolling, verb).await;
    let request = match asked.pop() {
        Some(request) => request,
        None => next(&mut server, verb).await,
    };
    request.answer(status, body).await;
    if verb != Verb::Negotiate {
        next(&mut server, Verb::Abort).await.answer(200, "").await;
    }
    let error = soon(client).await.unwrap().unwrap_err();
    let ConnectError::Refused {
        request,
        status: got,
        body: told,
    } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(
        (request, got, &*told),
        (verb.name(), status, body.trim()),
        "the application's text is told"
    );
}

async fn failed_call(status: u16, body: &str) {
    let mut server = Server::start().await;
    let (client, poll) = up_to(&mut server, Transport::LongPolling, Verb::Send).await;
    let client = soon(client).await.unwrap().unwrap();
    let call = {
        let client = client.clone();
        tokio::spawn(async move { client.invoke::<Value>("chat", "Say", ("x",)).await })
    };
    next(&mut server, Verb::Send)
        .await
        .answer(status, body)
        .await;
    let outcome = soon(call).await.unwrap();
    assert!(matches!(outcome, Err(CallError::Send(_))), "{outcome:?}");
    assert_eq!(client.state(), State::Connected);
    drop(poll);
}

/// A poll or a reconnect that is refused is tried again.
async fn tried_again(verb: Verb, status: u16, body: &str) {
    let mut server = Server::start().await;
    let (client, mut poll) = up_to(&mut server, Transport::LongPolling, Verb::Poll).await;
    let client = soon(client).await.unwrap().unwrap();
    let mut events = client.client_events();
    if verb == Verb::Poll {
        poll.remove(0).answer(status, body).await;
    } else {
        drop(poll);
    }
    let lost = soon(events.next()).await;
    assert!(
        matches!(lost, Some(ClientEvent::Lost(LinkError::Failed(_)))),
        "{lost:?}"
    );
    let mut states = client.states();
    if verb == Verb::Reconnect {
        next(&mut server, verb).await.answer(status, body).await;
    }
    let again = next(&mut server, Verb::Reconnect).await;
    assert_eq!(client.state(), State::Reconnecting);
    again.answer(200, r#"{"C":"d-1-B,1","M":[]}"#).await;
    let back = states.wait_for(|state| *state == State::Connected);
    soon(back).await.unwrap();
}

async fn goodbye(status: u16, body: &str) {
    let mut server = Server::start().await;
    let (client, _poll) = up_to(&mut server, Transport::LongPolling, Verb::Poll).await;
    let client = soon(client).await.unwrap().unwrap();
    let closing = {
        let client = client.clone();
        tokio::spawn(async move { client.close().await })
    };
    next(&mut server, Verb::Abort)
        .await
        .answer(status, body)
        .await;
    soon(closing).await.unwrap();
    assert_eq!(client.state(), State::Disconnected);
    assert!(server.is_idle(), "it said so once");
}

#[tokio::test]
async fn each_request_copes_with_answers_that_are_no_success() {
    let all = recorded();
    // Both kinds of answers to negotiate, connect, start, send, poll, abort and reconnect, and one more 302 to connect.
    assert_eq!(all.len(), 15);
    for (verb, status, body) in all {
        match verb {
            Verb::Negotiate | Verb::Connect | Verb::Start => refused(verb, status, &body).await,
            Verb::Send => failed_call(status, &body).await,
            Verb::Poll | Verb::Reconnect => tried_again(verb, status, &body).await,
            Verb::Abort => goodbye(status, &body).await,
        }
    }
}

#[tokio::test]
async fn a_server_that_is_going_when_a_client_connects_is_left_alone() {
    let text = include_str!("../../../examples/conformance/transcripts/shutdown.jsonl");
    let events = events(text);
    let is_going =
        |event: &&crate::event::Event| event.channel() == "poll3" && event.dir() == "chunk";
    let going = events.iter().find(is_going).unwrap().text("text");
    let mut server = Server::start().await;
    let (client, _) = up_to(&mut server, Transport::LongPolling, Verb::Connect).await;
    next(&mut server, Verb::Connect)
        .await
        .answer(200, going)
        .await;
    next(&mut server, Verb::Abort).await.answer(200, "").await;
    let error = soon(client).await.unwrap().unwrap_err();
    let leaving = matches!(error, ConnectError::Link(LinkError::Leaving));
    assert!(leaving, "{error:?}");
}
