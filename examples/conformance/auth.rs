//! Basic authentication: everybody is who they say they are.

use axum::http::request::Parts;
use hub_server::{Credentials, Identity, Unauthenticated};

/// Any name, any password.
pub(crate) fn basic(head: &Parts) -> Result<Identity, Unauthenticated> {
    match Credentials::of(head).basic() {
        Some((name, _password)) => Ok(Identity::named(name)),
        None => Err(Unauthenticated::challenge("Basic")),
    }
}
