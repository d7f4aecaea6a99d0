//! Answers in the middle of a connection's life: `/redirectionConnection` leads away, `/statusCodeConnection` fails, at the
//! request that the query names. Everything else passes on to the connection.

use axum::extract::Request;
use axum::http::header::{HOST, LOCATION, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

pub(crate) const REDIRECTION: &str = "/redirectionConnection";
pub(crate) const STATUS_CODE: &str = "/statusCodeConnection";

/// These, too, are answers of a hub's route.
const NO_SNIFF: [(HeaderName, &str); 1] = [(X_CONTENT_TYPE_OPTIONS, "nosniff")];

pub(crate) async fn take(request: Request, next: Next) -> Response {
    let uri = request.uri();
    if uri.path().starts_with(REDIRECTION) && asks_for(uri, "redirectWhen") {
        let host = request.headers().get(HOST);
        let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
        let location = [(LOCATION, format!("http://{host}"))];
        return (StatusCode::FOUND, NO_SNIFF, location).into_response();
    }
    if uri.path().starts_with(STATUS_CODE) && asks_for(uri, "alterWhen") {
        let status = query(uri, "statusCode").and_then(|code| code.parse().ok());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return (status, NO_SNIFF, "Hello world\n").into_response();
    }
    next.run(request).await
}

fn asks_for(uri: &Uri, name: &str) -> bool {
    query(uri, name).is_some_and(|verb| uri.path().contains(&format!("/{verb}")))
}

fn query<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let mut pairs = uri
        .query()?
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    pairs.find_map(|(key, value)| (key == name).then_some(value))
}
