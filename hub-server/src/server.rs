//! [`HubServer`]: what a [`Builder`] made, on its way to serving.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::task::{AbortHandle, JoinSet};

use crate::builder::Builder;
use crate::config::Mount;
use crate::connection::link::End;
use crate::connection::{heartbeat, pump};
use crate::http::auth::Authenticate;
use crate::http::service::HubService;
use crate::http::token::Tokens;
use crate::hubs::handle::HubHandle;
use crate::node::Node;

/// A hub server, ready to serve.
///
/// `HubServer::builder().hub(Chat).build()?.serve("127.0.0.1:8080").await` is the short way;
/// [`into_service`](Self::into_service) mounts it in axum or hyper.
pub struct HubServer {
    pub(crate) node: Arc<Node>,
    pub(crate) mount: Mount,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) authenticate: Arc<dyn Authenticate>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<tokio_rustls::rustls::ServerConfig>>,
}

/// A server with its background tasks, which end with it.
pub(crate) struct Running {
    pub(crate) node: Arc<Node>,
    pub(crate) mount: Mount,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) authenticate: Arc<dyn Authenticate>,
    tasks: [AbortHandle; 2],
}

impl HubServer {
    /// A server with the original's settings: keep-alive 10 s, disconnect timeout 30 s, `/signalr`.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A hub for sending from outside of it, by its name ignoring case; `None` if there is no such hub.
    #[must_use]
    pub fn handle(&self, hub: &str) -> Option<HubHandle> {
        let name = self.node.hubs.find(hub)?.name.clone();
        Some(HubHandle::new(self.node.clone(), name))
    }

    /// The server as a tower service, for axum, hyper and layers. Call it inside a tokio runtime: its background tasks
    /// start here and end with the last clone of the service.
    #[must_use]
    pub fn into_service(self) -> HubService {
        let tasks = [
            tokio::spawn(pump::run(self.node.clone())).abort_handle(),
            tokio::spawn(heartbeat::run(self.node.clone())).abort_handle(),
        ];
        let Self {
            node,
            mount,
            tokens,
            authenticate,
            ..
        } = self;
        HubService {
            running: Arc::new(Running {
                node,
                mount,
                tokens,
                authenticate,
                tasks,
            }),
        }
    }

    /// Listens, without serving yet: port 0 takes a free one, which [`Bound::local_addr`] tells.
    ///
    /// # Errors
    /// When the address can't be listened on.
    pub async fn bind(self, addr: impl ToSocketAddrs) -> io::Result<Bound> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        #[cfg(feature = "tls")]
        let tls = self.tls.clone().map(tokio_rustls::TlsAcceptor::from);
        let service = self.into_service();
        Ok(Bound {
            listener,
            addr,
            service,
            #[cfg(feature = "tls")]
            tls,
        })
    }

    /// Listens and serves, until the future is dropped.
    ///
    /// # Errors
    /// When the address can't be listened on.
    pub async fn serve(self, addr: impl ToSocketAddrs) -> io::Result<()> {
        self.bind(addr).await?.serve().await
    }
}

impl std::fmt::Debug for HubServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hubs: Vec<_> = self.node.hubs.iter().map(|hub| hub.spec.name).collect();
        f.debug_struct("HubServer")
            .field("hubs", &hubs)
            .field("mount", &self.mount)
            .finish_non_exhaustive()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.node.tide.end();
        for connection in self.node.registry.connections() {
            // A server that goes tells no hub: its clients come back, to it or to another (`classic-signalr.md` 13.8).
            connection.ended.store(true, Ordering::Release);
            connection.link().finish(End::Over);
            self.node.registry.remove(&connection);
        }
    }
}

/// A server that listens.
pub struct Bound {
    listener: TcpListener,
    addr: SocketAddr,
    service: HubService,
    #[cfg(feature = "tls")]
    tls: Option<tokio_rustls::TlsAcceptor>,
}

impl Bound {
    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until the future is dropped.
    ///
    /// # Errors
    /// None today: a failing accept (too many open files, say) is logged and tried again.
    pub async fn serve(self) -> io::Result<()> {
        // Ends with this future: a connection that waits for its next request must not keep the server alive.
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let socket = match self.listener.accept().await {
                Ok((socket, _)) => socket,
                Err(error) => {
                    tracing::warn!(%error, "accept failed; trying again in 100 ms");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let service = self.service.clone();
            prepare(&socket, service.running.node.config.disconnect_timeout);
            #[cfg(feature = "tls")]
            if let Some(tls) = self.tls.clone() {
                connections.spawn(async move {
                    match tokio::time::timeout(HEAD_TIMEOUT, tls.accept(socket)).await {
                        Ok(Ok(socket)) => serve_connection(socket, service).await,
                        Ok(Err(_)) | Err(_) => tracing::debug!("a TLS handshake failed"),
                    }
                });
                continue;
            }
            connections.spawn(serve_connection(socket, service));
        }
    }
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound")
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}

/// How long a client may take for a TLS handshake, and for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Sets what TCP should do for a hub.
fn prepare(socket: &TcpStream, silence: Duration) {
    // Without it a network holds small answers back for tens of milliseconds.
    let _ = socket.set_nodelay(true);
    // A peer that vanishes without a word acknowledges nothing any more. The kernel would send again for a quarter of an
    // hour before it said so.
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(socket).set_tcp_user_timeout(Some(silence));
    #[cfg(not(target_os = "linux"))]
    let _ = silence;
}

async fn serve_connection<S>(socket: S, service: HubService)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let serve = hyper::service::service_fn(move |request| {
        let mut service = service.clone();
        tower_service::Service::call(&mut service, request)
    });
    let http = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(socket), serve)
        .with_upgrades();
    if http.await.is_err() {
        tracing::debug!("an HTTP connection ended early");
    }
}
