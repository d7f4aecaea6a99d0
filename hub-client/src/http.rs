//! Plain requests beside the link (negotiate, start, abort), and the sockets under both.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::address::Address;
use crate::error::ConnectError;

/// The largest answer that is read. Negotiate answers have some hundred bytes.
const MAX_ANSWER: usize = 256 * 1024;

/// The longest text of a refusal that is kept.
const MAX_TEXT: usize = 500;

/// A stream of bytes to the server.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Whom TLS connections trust.
#[derive(Clone, Default)]
pub(crate) struct Trust {
    /// `None` is Mozilla's list of authorities.
    #[cfg(feature = "tls")]
    pub(crate) config: Option<std::sync::Arc<tokio_rustls::rustls::ClientConfig>>,
}

/// Connects to the server.
#[cfg_attr(
    not(feature = "tls"),
    expect(unused_variables, reason = "nobody is trusted")
)]
pub(crate) async fn dial(address: &Address, trust: &Trust) -> Result<Box<dyn Io>, ConnectError> {
    if address.secure && cfg!(not(feature = "tls")) {
        return Err(ConnectError::Tls);
    }
    let reach = async {
        let tcp = TcpStream::connect(address.socket()).await?;
        // Calls are small and somebody waits for each.
        tcp.set_nodelay(true)?;
        #[cfg(feature = "tls")]
        if address.secure {
            return Ok(Box::new(tls::wrap(address, trust, tcp).await?) as Box<dyn Io>);
        }
        Ok(Box::new(tcp) as Box<dyn Io>)
    };
    reach
        .await
        .map_err(|error: std::io::Error| unreachable(address, error))
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

/// One request on a connection of its own.
pub(crate) struct Fetch<'a> {
    /// How errors name it.
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    pub(crate) address: &'a Address,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) trust: &'a Trust,
    pub(crate) allowed: Duration,
}

impl Fetch<'_> {
    /// Sends it and reads the answer; any status but success is an error.
    pub(crate) async fn send(self) -> Result<Bytes, ConnectError> {
        let (name, allowed) = (self.name, self.allowed);
        let (status, body) = tokio::time::timeout(allowed, self.exchange())
            .await
            .map_err(|_| ConnectError::TimedOut {
                request: name,
                allowed,
            })??;
        if status.is_success() {
            Ok(body)
        } else {
            Err(refused(name, status, &body))
        }
    }

    async fn exchange(self) -> Result<(StatusCode, Bytes), ConnectError> {
        let (address, trust) = (self.address, self.trust);
        let request = self.request()?;
        let stream = TokioIo::new(dial(address, trust).await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream)
            .await
            .map_err(|error| unreachable(address, error))?;
        let mut answer = pin!(async move {
            let response = sender
                .send_request(request)
                .await
                .map_err(|error| unreachable(address, error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER);
            let body = body
                .collect()
                .await
                .map_err(|error| unreachable(address, error))?;
            Ok((status, body.to_bytes()))
        });
        // The connection has to be driven beside the request, and may end before the answer was read.
        tokio::select! {
            answer = &mut answer => answer,
            _ = connection => answer.await,
        }
    }

    fn request(self) -> Result<Request<String>, ConnectError> {
        let host = HeaderValue::from_str(&self.address.authority);
        let request = Request::builder()
            .method(self.method)
            .uri(&self.target)
            .body(String::new());
        let (Ok(host), Ok(mut request)) = (host, request) else {
            return Err(ConnectError::Url {
                url: self.target,
                problem: "it is no request target",
            });
        };
        request.headers_mut().insert(header::HOST, host);
        if request.method() == Method::POST {
            // hyper leaves it out for an empty body, and servers that insist on it answer 411.
            let none = HeaderValue::from_static("0");
            request.headers_mut().insert(header::CONTENT_LENGTH, none);
        }
        request.headers_mut().extend(self.headers.clone());
        Ok(request)
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

#[cfg(feature = "tls")]
mod tls {
    use std::io;
    use std::sync::{Arc, LazyLock};

    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::{ClientConfig, Error, RootCertStore};

    use super::Trust;
    use crate::address::Address;

    // The provider is named, so that it doesn't matter which ones other crates of the program have installed.
    static CONFIG: LazyLock<Result<Arc<ClientConfig>, Error>> = LazyLock::new(|| {
        let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        Ok(Arc::new(
            ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_no_client_auth(),
        ))
    });

    pub(super) async fn wrap(
        address: &Address,
        trust: &Trust,
        tcp: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let config = match &trust.config {
            Some(config) => Arc::clone(config),
            None => CONFIG.clone().map_err(io::Error::other)?,
        };
        let name = ServerName::try_from(address.host()).map_err(io::Error::other)?;
        TlsConnector::from(config).connect(name, tcp).await
    }
}
