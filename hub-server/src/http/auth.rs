//! [`Authenticate`]: who a request comes from.

use async_trait::async_trait;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};
use hub_core::Identity;

use super::reply::{ResponseBody, plain};

/// Finds out who a request comes from, before anything else is done with it.
///
/// Called for every request of the mount. Without one, the identity is what a middleware put into the request's
/// extensions as an [`Identity`], and otherwise anonymous. A function does, too:
///
/// ```
/// use hub_server::{Credentials, HubServer, Identity, Unauthenticated};
///
/// let server = HubServer::builder().authenticate(|head: &http::request::Parts| {
///     match Credentials::of(head).basic() {
///         Some((user, password)) if password == "secret" => Ok(Identity::named(user)),
///         _ => Err(Unauthenticated::challenge("Basic realm=\"hub\"")),
///     }
/// });
/// # drop(server);
/// ```
#[async_trait]
pub trait Authenticate: Send + Sync + 'static {
    /// The identity of whoever sent this head.
    ///
    /// # Errors
    /// How the request is answered instead.
    async fn authenticate(&self, head: &Parts) -> Result<Identity, Unauthenticated>;
}

#[async_trait]
impl<F> Authenticate for F
where
    F: Fn(&Parts) -> Result<Identity, Unauthenticated> + Send + Sync + 'static,
{
    async fn authenticate(&self, head: &Parts) -> Result<Identity, Unauthenticated> {
        self(head)
    }
}

/// A request whose sender could not be found out: answered 401, unless told otherwise.
#[derive(Debug, Clone)]
pub struct Unauthenticated {
    status: StatusCode,
    challenge: Option<HeaderValue>,
}

impl Unauthenticated {
    /// 401 with a `WWW-Authenticate` header of this value, which makes browsers ask for a password. A value that is no
    /// header's is left out.
    #[must_use]
    pub fn challenge(challenge: &str) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            challenge: HeaderValue::from_str(challenge).ok(),
        }
    }

    pub(crate) fn answer(self) -> Response<ResponseBody> {
        let mut response = plain(self.status, "");
        if let Some(challenge) = self.challenge {
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<StatusCode> for Unauthenticated {
    fn from(status: StatusCode) -> Self {
        Self {
            status,
            challenge: None,
        }
    }
}

/// Trusts what a middleware found out.
#[derive(Debug)]
pub(crate) struct FromExtensions;

#[async_trait]
impl Authenticate for FromExtensions {
    async fn authenticate(&self, head: &Parts) -> Result<Identity, Unauthenticated> {
        Ok(head
            .extensions
            .get::<Identity>()
            .cloned()
            .unwrap_or_default())
    }
}
