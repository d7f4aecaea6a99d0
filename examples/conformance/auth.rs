//! Basic authentication: everybody is who they say they are.

use async_trait::async_trait;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hub_server::{Authenticate, Identity};

/// Any name, any password.
#[derive(Clone)]
pub(crate) struct Basic;

#[async_trait]
impl Authenticate for Basic {
    async fn authenticate(&self, head: &Parts) -> Result<Identity, StatusCode> {
        user(head)
            .map(Identity::named)
            .ok_or(StatusCode::UNAUTHORIZED)
    }
}

fn user(head: &Parts) -> Option<String> {
    let header = head.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (name, _password) = text.split_once(':')?;
    Some(name.to_owned())
}
