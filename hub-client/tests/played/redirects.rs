//! Negotiate answers that lead elsewhere or refuse, as an application recorded them (`classic-signalr.md` 3.2).

use hub_client::{ConnectError, HubClient};

use crate::conversation::Verb;
use crate::reading::{events, extra};
use crate::request::Sent;
use crate::server::{Request, Server, soon};

const TEXT: &str = include_str!("../../../examples/conformance/transcripts/redirects.jsonl");

/// A path, and what the application's query string is.
type Asked = (String, Vec<(String, String)>);

fn asked(path: &str, query: &[(&str, &str)]) -> Asked {
    (path.to_owned(), extra(query))
}

/// What the application answered to negotiate, by path and query string.
fn answers(host: &str) -> Vec<(Asked, u16, String)> {
    let events = events(TEXT);
    let pairs = events.chunks_exact(2).map(|pair| {
        let [request, response] = pair else {
            unreachable!()
        };
        let query = request.pairs("query").unwrap();
        let status = u16::try_from(response.value["status"].as_u64().unwrap()).unwrap();
        let body = response.text("body").replace("<host>", host);
        // Our client writes no second slash.
        let path = request.text("path").replace("//", "/");
        (asked(&path, &query), status, body)
    });
    pairs.collect()
}

/// Connects to a mount and answers as recorded, and everything but negotiate with 418; gives the paths and query strings
/// asked, and the error.
async fn follow(mount: &str) -> (Vec<Asked>, ConnectError) {
    let mut server = Server::start().await;
    let answers = answers(&server.host());
    let url = format!("http://{}{mount}", server.host());
    let mut connecting = tokio::spawn(HubClient::builder(url).connect());
    let mut all = Vec::new();
    loop {
        let mut request: Request = tokio::select! {
            request = server.request() => request,
            outcome = &mut connecting => return (all, outcome.unwrap().unwrap_err()),
        };
        let first = all.is_empty();
        let authorization = request.header("authorization").map(ToOwned::to_owned);
        let expected = (!first).then_some("Bearer TestToken");
        assert_eq!(authorization.as_deref(), expected, "{mount}");
        let negotiates = Sent::verb(&request) == Some(Verb::Negotiate);
        let sent = Sent::read(&mut request).await;
        if !negotiates {
            soon(request.answer(418, "")).await;
            continue;
        }
        let pairs: Vec<(&str, &str)> = sent
            .query
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| *name != "tags")
            .collect();
        assert!(pairs.contains(&("clientProtocol", "2.1")), "{mount}");
        let asked = asked(&sent.path, &pairs);
        let is = |known: &&(Asked, u16, String)| known.0 == asked;
        let end = |known: &&(Asked, u16, String)| known.0.0 == asked.0 && known.2.contains("Token");
        let known = answers
            .iter()
            .find(is)
            .or_else(|| answers.iter().find(end))
            .unwrap_or_else(|| panic!("{mount}: {asked:?} was not recorded"));
        request.answer(known.1, &known.2).await;
        all.push(asked);
    }
}

fn is_accepted(error: &ConnectError) -> bool {
    let ConnectError::NoTransport(tried) = error else {
        return false;
    };
    tried.len() == 3
        && tried
            .iter()
            .all(|(_, error)| matches!(error, ConnectError::Refused { status: 418, .. }))
}

#[tokio::test]
async fn redirects_are_followed_with_their_token() {
    let (all, error) = follow("/redirect").await;
    let paths: Vec<&str> = all.iter().map(|(path, _)| &**path).collect();
    let expected = [
        "/redirect/negotiate",
        "/redirect2/negotiate",
        "/redirect3/negotiate",
        "/redirect4/negotiate",
        "/signalr/negotiate",
    ];
    assert_eq!(paths, expected);
    assert!(is_accepted(&error), "{error:?}");
    let (all, error) = follow("/redirect-new-proto").await;
    assert_eq!(all.len(), 2);
    assert!(is_accepted(&error), "{error:?}");
}

#[tokio::test]
async fn the_query_string_of_a_redirect_replaces_that_before() {
    let (all, error) = follow("/redirect-query-string").await;
    let last = [
        ("name1", "newValue"),
        ("name3", "value3"),
        ("origName1", "value1"),
    ];
    let expected = [
        asked("/redirect-query-string/negotiate", &[]),
        asked(
            "/redirect-query-string2/negotiate",
            &[("name1", "value1"), ("name2", "value2")],
        ),
        asked("/signalr/negotiate", &last),
    ];
    assert_eq!(all, expected);
    assert!(is_accepted(&error), "{error:?}");
    let (all, error) = follow("/redirect-query-string-clear").await;
    let expected = [
        asked("/redirect-query-string-clear/negotiate", &[]),
        asked(
            "/redirect-query-string-clear2/negotiate",
            &[("clearedName", "clearedValue")],
        ),
        asked("/signalr/negotiate", &[]),
    ];
    assert_eq!(all, expected);
    assert!(is_accepted(&error), "{error:?}");
    let (all, error) = follow("/redirect-query-string-invalid").await;
    let odd = [("redirect", "invalid"), ("/?", "/")];
    assert_eq!(all[1], asked("/signalr/negotiate", &odd));
    assert!(is_accepted(&error), "{error:?}");
}

#[tokio::test]
async fn a_loop_ends_and_refusals_are_told() {
    let (all, error) = follow("/redirect-loop").await;
    assert!(matches!(error, ConnectError::TooManyRedirects), "{error:?}");
    assert_eq!(all.len(), 101);
    // Older servers can't redirect, and this one has no token.
    let (_, error) = follow("/redirect-old-proto").await;
    let wrong = matches!(
        error,
        ConnectError::Answer {
            request: "negotiate",
            ..
        }
    );
    assert!(wrong, "{error:?}");
    let (_, error) = follow("/redirect-future-proto").await;
    assert!(
        matches!(&error, ConnectError::Version { server, .. } if server == "2.2"),
        "{error:?}"
    );
    let (_, error) = follow("/aspnetcore-signalr").await;
    assert!(matches!(error, ConnectError::CoreServer), "{error:?}");
    let (_, error) = follow("/negotiate-error").await;
    assert!(
        matches!(&error, ConnectError::Server(text) if text == "Server-provided negotiate error message!"),
        "{error:?}"
    );
}
