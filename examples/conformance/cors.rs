//! Cross-origin requests: every origin may read every answer, credentials included. A test server can afford that.
//!
//! By hand, because the usual layers take every `OPTIONS` for a preflight, while classic clients may ask with any method.

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
    ORIGIN, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Answers preflights, and allows what is asked for.
pub(crate) async fn allow(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let Some(origin) = headers.get(ORIGIN).cloned() else {
        return next.run(request).await;
    };
    let method = headers.get(ACCESS_CONTROL_REQUEST_METHOD).cloned();
    let preflight = method.filter(|_| request.method() == Method::OPTIONS);
    let mut response = match preflight {
        Some(method) => {
            let mut response = StatusCode::NO_CONTENT.into_response();
            let allowed = response.headers_mut();
            allowed.insert(ACCESS_CONTROL_ALLOW_METHODS, method);
            if let Some(names) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
                allowed.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
            }
            response
        }
        None => next.run(request).await,
    };
    let allowed = response.headers_mut();
    allowed.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let yes = HeaderValue::from_static("true");
    allowed.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
    allowed.append(VARY, HeaderValue::from_static("Origin"));
    response
}
