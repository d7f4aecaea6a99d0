//! [`Authenticate`]: who a request comes from.

use async_trait::async_trait;
use http::StatusCode;
use http::request::Parts;
use hub_core::Identity;

/// Finds out who a request comes from, before anything else is done with it.
///
/// Called for every request of the mount. Without one, the identity is what a middleware put into the request's
/// extensions as an [`Identity`], and otherwise anonymous.
#[async_trait]
pub trait Authenticate: Send + Sync + 'static {
    /// The identity of whoever sent this head.
    ///
    /// # Errors
    /// A status, usually 401, to answer the request with.
    async fn authenticate(&self, head: &Parts) -> Result<Identity, StatusCode>;
}

/// Trusts what a middleware found out.
#[derive(Debug)]
pub(crate) struct FromExtensions;

#[async_trait]
impl Authenticate for FromExtensions {
    async fn authenticate(&self, head: &Parts) -> Result<Identity, StatusCode> {
        Ok(head
            .extensions
            .get::<Identity>()
            .cloned()
            .unwrap_or_default())
    }
}
