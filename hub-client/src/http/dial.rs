//! Sockets to the server: TCP, through the environment's proxy if there is one, and TLS over both.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Uri};
use hub_core::BoxFuture;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower_service::Service;

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

/// Why there is no socket.
pub(super) type DialError = Box<dyn std::error::Error + Send + Sync>;

/// Connects to servers.
#[derive(Clone)]
pub(super) struct Dialer {
    tcp: HttpConnector,
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "nobody is trusted"))]
    trust: Trust,
    /// What the environment says of proxies, as `curl` reads it.
    proxies: Arc<Matcher>,
}

impl Dialer {
    pub(super) fn new(trust: Trust) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        // Calls are small and somebody waits for each.
        tcp.set_nodelay(true);
        Self {
            tcp,
            trust,
            proxies: Arc::new(proxies()),
        }
    }

    /// A stream that ends at the server, whatever is between.
    pub(super) async fn through(&self, server: Uri) -> Result<Box<dyn Io>, DialError> {
        let tcp = match self.proxy(&server) {
            Some(proxy) => {
                speaks_http(&proxy)?;
                tunnel(&proxy, self.tcp.clone(), &server).await?
            }
            None => connect(self.tcp.clone(), server.clone()).await?,
        };
        self.secured(&server, tcp).await
    }

    /// A stream for requests: a proxy takes those that are not encrypted and passes them on.
    async fn for_requests(&self, server: Uri) -> Result<Stream, DialError> {
        let plain = self.proxy(&server).filter(|_| !is_secure(&server));
        let (io, proxied) = match plain {
            Some(proxy) => {
                speaks_http(&proxy)?;
                let tcp = connect(self.tcp.clone(), proxy.uri().clone()).await?;
                (Box::new(tcp) as Box<dyn Io>, true)
            }
            None => (self.through(server).await?, false),
        };
        Ok(Stream { io, proxied })
    }

    /// How requests that a proxy passes on are authorised there.
    pub(super) fn credentials(&self, server: &Uri) -> Option<HeaderValue> {
        let proxy = self.proxy(server).filter(|_| !is_secure(server))?;
        proxy.basic_auth().cloned()
    }

    /// This machine's own servers are reached without one.
    fn proxy(&self, server: &Uri) -> Option<Intercept> {
        let host = server.host()?.trim_matches(['[', ']']);
        let address: Option<std::net::IpAddr> = host.parse().ok();
        let own = host == "localhost" || address.is_some_and(|it| it.is_loopback());
        self.proxies.intercept(server).filter(|_| !own)
    }

    /// Without the feature nobody gets here with an address that needs it.
    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_async, reason = "with TLS it waits")]
    async fn secured(&self, _server: &Uri, tcp: TcpStream) -> Result<Box<dyn Io>, DialError> {
        Ok(Box::new(tcp))
    }

    #[cfg(feature = "tls")]
    async fn secured(&self, server: &Uri, tcp: TcpStream) -> Result<Box<dyn Io>, DialError> {
        if is_secure(server) {
            return Ok(Box::new(tls::wrap(server, &self.trust, tcp).await?));
        }
        Ok(Box::new(tcp))
    }
}

/// What the environment says. A star excepts everything; the matcher takes it for all names, and not for addresses.
fn proxies() -> Matcher {
    let mut except = ["NO_PROXY", "no_proxy"].iter().filter_map(std::env::var_os);
    let except = except.next().unwrap_or_default();
    let mut parts = except.to_str().unwrap_or_default().split(',');
    match parts.any(|part| part.trim() == "*") {
        true => Matcher::builder().build(),
        false => Matcher::from_env(),
    }
}

/// Proxies are spoken to by HTTP, in the clear: to others that would be nonsense.
fn speaks_http(proxy: &Intercept) -> Result<(), DialError> {
    let uri = proxy.uri();
    match uri.scheme_str() {
        Some("http") => Ok(()),
        _ => Err(format!("the environment's proxy {uri} is none of `http://`").into()),
    }
}

fn is_secure(uri: &Uri) -> bool {
    uri.scheme_str() == Some("https")
}

async fn connect(mut tcp: HttpConnector, to: Uri) -> Result<TcpStream, DialError> {
    Ok(tcp.call(to).await?.into_inner())
}

async fn tunnel(proxy: &Intercept, tcp: HttpConnector, to: &Uri) -> Result<TcpStream, DialError> {
    let mut tunnel = Tunnel::new(proxy.uri().clone(), tcp);
    if let Some(credentials) = proxy.basic_auth() {
        tunnel = tunnel.with_auth(credentials.clone());
    }
    Ok(tunnel.call(to.clone()).await?.into_inner())
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<Stream>;
    type Error = DialError;
    type Future = BoxFuture<'static, Result<TokioIo<Stream>, DialError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let dialer = self.clone();
        Box::pin(async move { dialer.for_requests(server).await.map(TokioIo::new) })
    }
}

/// A stream that says whether it ends at a proxy.
pub(super) struct Stream {
    io: Box<dyn Io>,
    proxied: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.proxied)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, into)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(feature = "tls")]
mod tls {
    use std::io;
    use std::sync::{Arc, LazyLock};

    use http::Uri;
    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::{ClientConfig, Error, RootCertStore};

    use super::Trust;

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
        server: &Uri,
        trust: &Trust,
        tcp: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let config = match &trust.config {
            Some(config) => Arc::clone(config),
            None => CONFIG.clone().map_err(io::Error::other)?,
        };
        let host = server.host().unwrap_or_default().trim_matches(['[', ']']);
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(config).connect(name, tcp).await
    }
}
