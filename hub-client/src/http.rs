//! Requests beside a link, or instead of one: over connections that are kept for the next request.

#[cfg(feature = "cookies")]
mod cookies;
mod dial;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::address::Address;
use crate::error::ConnectError;
#[cfg(feature = "cookies")]
pub(crate) use cookies::Cookies;
use dial::Dialer;
pub(crate) use dial::{Io, Trust};

/// The largest answer that is read to a request of the protocol's own. Negotiate answers have some hundred bytes.
pub(crate) const SMALL: usize = 256 * 1024;

/// The longest text of a refusal that is kept.
const MAX_TEXT: usize = 500;

/// Servers close what is idle for longer, most of them after much longer. A call on a connection that ends at the same
/// moment fails, and nobody knows whether it ran.
const IDLE: Duration = Duration::from_secs(20);

/// Sends requests, and dials for those who need a socket of their own. Clones share the connections.
#[derive(Clone)]
pub(crate) struct Agent {
    pool: Arc<Mutex<Pool>>,
    dialer: Dialer,
    /// If the application wants them.
    #[cfg(feature = "cookies")]
    pub(crate) cookies: Option<Cookies>,
}

type Pool = Client<Dialer, Full<Bytes>>;

/// One request.
pub(crate) struct Ask<'a> {
    /// How errors name it.
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    pub(crate) address: &'a Address,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    /// A form.
    pub(crate) form: Option<Bytes>,
    /// For the head of the answer, and for the rest of it if that is read here.
    pub(crate) allowed: Option<Duration>,
}

impl Agent {
    pub(crate) fn new(trust: Trust) -> Self {
        let dialer = Dialer::new(trust);
        Self {
            pool: Arc::new(Mutex::new(pool(&dialer))),
            dialer,
            #[cfg(feature = "cookies")]
            cookies: None,
        }
    }

    /// Takes new connections from now on: the link is gone, and those that wait may be as well.
    pub(crate) fn renew(&self) {
        *self.pool() = pool(&self.dialer);
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A socket to the server.
    pub(crate) async fn dial(&self, address: &Address) -> Result<Box<dyn Io>, ConnectError> {
        let server = uri(address, "")?;
        let io = self.dialer.through(server).await;
        io.map_err(|error| unreachable(address, error))
    }

    /// Sends a request and reads the answer, of `limit` bytes at most; any status but success is an error.
    pub(crate) async fn fetch(&self, ask: Ask<'_>, limit: usize) -> Result<Bytes, ConnectError> {
        let address = ask.address;
        let (name, allowed) = (ask.name, ask.allowed);
        let exchange = async {
            let (head, body) = self.send(ask).await?.into_parts();
            let body = whole(body, limit)
                .await
                .map_err(|error| unreachable(address, error))?;
            Ok((head.status, body))
        };
        let (status, body) = within(name, allowed, exchange).await?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(refused(name, status, &body))
        }
    }

    /// Sends a request whose answer goes on and on; any status but success is an error.
    pub(crate) async fn stream(&self, ask: Ask<'_>) -> Result<Incoming, ConnectError> {
        let address = ask.address;
        let (name, allowed) = (ask.name, ask.allowed);
        let begin = async {
            let answer = self.send(ask).await?;
            let status = answer.status();
            if status.is_success() {
                return Ok(answer.into_body());
            }
            let body = whole(answer.into_body(), SMALL)
                .await
                .map_err(|error| unreachable(address, error))?;
            Err(refused(name, status, &body))
        };
        within(name, allowed, begin).await
    }

    async fn send(&self, ask: Ask<'_>) -> Result<Response<Incoming>, ConnectError> {
        let address = ask.address;
        let request = self.request(ask)?;
        let url = request.uri().to_string();
        let sent = self.pool().request(request);
        let answer = sent.await.map_err(|error| unreachable(address, error))?;
        self.heard(&url, answer.headers());
        Ok(answer)
    }

    /// Adds to a request's headers what every request to this URL carries.
    #[cfg_attr(
        not(feature = "cookies"),
        expect(unused_variables, clippy::unused_self, reason = "there are no cookies")
    )]
    pub(crate) fn equip(&self, url: &str, headers: &mut HeaderMap) {
        #[cfg(feature = "cookies")]
        if let Some(cookies) = &self.cookies {
            cookies.add_to(url, headers);
        }
    }

    /// Looks at the headers of an answer.
    #[cfg_attr(
        not(feature = "cookies"),
        expect(unused_variables, clippy::unused_self, reason = "there are no cookies")
    )]
    pub(crate) fn heard(&self, url: &str, headers: &HeaderMap) {
        #[cfg(feature = "cookies")]
        if let Some(cookies) = &self.cookies {
            cookies.take(url, headers);
        }
    }

    fn request(&self, ask: Ask<'_>) -> Result<Request<Full<Bytes>>, ConnectError> {
        let uri = uri(ask.address, &ask.target)?;
        let proxy = self.dialer.credentials(&uri);
        let form = ask.form.is_some();
        // hyper leaves it out for an empty body, and servers that insist on it answer 411.
        let empty = ask.form.as_ref().is_none_or(Bytes::is_empty);
        let says_empty = ask.method == Method::POST && empty;
        let mut request = Request::new(Full::new(ask.form.unwrap_or_default()));
        *request.method_mut() = ask.method;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        if form {
            let form = "application/x-www-form-urlencoded; charset=UTF-8";
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form));
        }
        if says_empty {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        if let Some(proxy) = proxy {
            headers.insert(header::PROXY_AUTHORIZATION, proxy);
        }
        headers.extend(ask.headers);
        let url = request.uri().to_string();
        self.equip(&url, request.headers_mut());
        Ok(request)
    }
}

fn pool(dialer: &Dialer) -> Pool {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(dialer.clone())
}

fn uri(address: &Address, target: &str) -> Result<Uri, ConnectError> {
    if address.secure && cfg!(not(feature = "tls")) {
        return Err(ConnectError::Tls);
    }
    let url = address.url(target);
    url.parse().map_err(|_| ConnectError::Url {
        url,
        problem: "it is no request target",
    })
}

/// Does `work` in the time that is allowed for this request.
pub(crate) async fn within<T>(
    request: &'static str,
    allowed: Option<Duration>,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let Some(allowed) = allowed else {
        return work.await;
    };
    tokio::time::timeout(allowed, work)
        .await
        .unwrap_or(Err(ConnectError::TimedOut { request, allowed }))
}

/// All of a body, which has `limit` bytes at most.
pub(crate) async fn whole(
    body: Incoming,
    limit: usize,
) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    Ok(Limited::new(body, limit).collect().await?.to_bytes())
}

pub(crate) fn unreachable(
    address: &Address,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ConnectError {
    ConnectError::Unreachable {
        authority: address.authority.clone(),
        source: error.into(),
    }
}

/// The error for a refusal.
pub(crate) fn refused(request: &'static str, status: StatusCode, body: &[u8]) -> ConnectError {
    let text = String::from_utf8_lossy(body);
    ConnectError::Refused {
        request,
        status: status.as_u16(),
        body: text.trim().chars().take(MAX_TEXT).collect(),
    }
}
