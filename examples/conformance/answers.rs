//! Negotiate answers without a connection behind them: redirects, errors, and an answer of another protocol.

use axum::Router;
use axum::extract::RawQuery;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;

/// Route, protocol version, where it leads.
const REDIRECTS: [(&str, &str, &str); 10] = [
    ("/redirect", "2.0", "/redirect2"),
    ("/redirect2", "2.0", "/redirect3/"),
    ("/redirect3", "2.0", "/redirect4"),
    ("/redirect4", "2.0", "/signalr/"),
    (
        "/redirect-query-string",
        "2.0",
        "/redirect-query-string2?name1=value1&name2=value2",
    ),
    (
        "/redirect-query-string-clear",
        "2.0",
        "/redirect-query-string-clear2?clearedName=clearedValue",
    ),
    (
        "/redirect-query-string-invalid",
        "2.0",
        "/signalr?redirect=invalid&/?=/&",
    ),
    ("/redirect-loop", "2.0", "/redirect-loop2"),
    ("/redirect-loop2", "2.0", "/redirect-loop"),
    ("/redirect-old-proto", "1.5", "/signalr"),
];

/// Versions that a client of 2.0 does not know.
const NEWER: [(&str, &str); 2] = [
    ("/redirect-new-proto", "2.1"),
    ("/redirect-future-proto", "2.2"),
];

pub(crate) fn routes() -> Router {
    let fixed = REDIRECTS
        .into_iter()
        .chain(NEWER.map(|(route, version)| (route, version, "/signalr")));
    let mut router = Router::new();
    for (route, version, target) in fixed {
        router = below(router, route, move |asked| asked.redirect(version, target));
    }
    router = below(router, "/redirect-query-string2", |asked| {
        let mut target = String::from("/signalr?name1=newValue&name3=value3");
        if let Some(name) = asked.query("name1") {
            target = format!("{target}&origName1={name}");
        }
        asked.redirect("2.0", &target)
    });
    router = below(router, "/redirect-query-string-clear2", |asked| {
        if asked.query("clearedName") == Some("clearedValue") {
            asked.redirect("2.0", "/signalr")
        } else {
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    });
    router = below(router, "/negotiate-error", |_| answer(ERROR.to_owned()));
    below(router, "/aspnetcore-signalr", |_| answer(CORE.to_owned()))
}

const ERROR: &str =
    r#"{"ProtocolVersion":"2.0","Error":"Server-provided negotiate error message!"}"#;

const CORE: &str = r#"{"connectionId":"fakeConnectionId","availableTransports":[]}"#;

/// What such an answer depends on.
struct Asked {
    host: String,
    query: String,
}

impl Asked {
    /// A value as it stands in the query string.
    fn query(&self, name: &str) -> Option<&str> {
        let mut pairs = self
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(key, value)| (key == name).then_some(value))
    }

    fn redirect(&self, version: &str, target: &str) -> Response {
        answer(format!(
            r#"{{"ProtocolVersion":"{version}","RedirectUrl":"http://{}{target}","AccessToken":"TestToken"}}"#,
            self.host
        ))
    }
}

/// One answer to every request at a path or below it.
fn below(
    router: Router,
    path: &str,
    answer: impl Fn(&Asked) -> Response + Clone + Send + Sync + 'static,
) -> Router {
    let handler = move |headers: HeaderMap, RawQuery(query): RawQuery| {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let asked = Asked {
            host: host.unwrap_or_default().to_owned(),
            query: query.unwrap_or_default(),
        };
        std::future::ready(answer(&asked))
    };
    router
        .route(path, any(handler.clone()))
        .route(&format!("{path}/"), any(handler.clone()))
        .route(&format!("{path}/{{*rest}}"), any(handler))
}

fn answer(json: String) -> Response {
    ([(CONTENT_TYPE, "application/json")], json).into_response()
}
