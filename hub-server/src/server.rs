//! [`HubServer`]: what a [`Builder`] made, on its way to serving.

use std::any::TypeId;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hub_core::{Hub, Interest, Topic};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use crate::builder::Builder;
use crate::connection::link::End;
use crate::connection::{heartbeat, presence, pump};
use crate::door::{self, Door};
use crate::guest::Guest;
use crate::http::auth::Authenticate;
use crate::http::service::HubService;
use crate::http::token::Tokens;
use crate::hubs::handle::HubHandle;
use crate::mount::Mount;
use crate::node::Node;
use crate::readiness::Readiness;
use crate::serve::Serve;
use crate::shutdown::{self, ShutdownOptions, ShutdownReport};

/// A hub server, ready to serve.
///
/// `HubServer::builder().hub(Chat).build()?.serve("127.0.0.1:8080").await` is the short way;
/// [`into_service`](Self::into_service) mounts it in axum or hyper.
pub struct HubServer {
    pub(crate) node: Arc<Node>,
    pub(crate) mounts: Vec<Arc<Served>>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) authenticate: Arc<dyn Authenticate>,
    pub(crate) shares_port: bool,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<tokio_rustls::rustls::ServerConfig>>,
}

/// A mount of a server.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) mount: Mount,
    /// The index of its persistent connection, if it has one in place of the hubs.
    pub(crate) connection: Option<usize>,
}

/// A server with its background tasks, which end with it.
pub(crate) struct Running {
    pub(crate) node: Arc<Node>,
    pub(crate) mounts: Vec<Arc<Served>>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) authenticate: Arc<dyn Authenticate>,
    tasks: [AbortHandle; 3],
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

    /// A hub for sending from outside of it, by its type; `None` if it is not served. With several of one type it is the
    /// first.
    #[must_use]
    pub fn handle_of<H: Hub>(&self) -> Option<HubHandle> {
        let name = self.node.hubs.of_type(TypeId::of::<H>())?.name.clone();
        Some(HubHandle::new(self.node.clone(), name))
    }

    /// A persistent connection for sending from outside of it, by the path of its mount.
    #[must_use]
    pub fn connection(&self, path: &str) -> Option<HubHandle> {
        let name = self.node.hubs.at(path)?.name.clone();
        Some(HubHandle::new(self.node.clone(), name))
    }

    /// The server as a tower service, for axum, hyper and layers. Call it inside a tokio runtime: its background tasks
    /// start here and end with the last clone of the service.
    #[must_use]
    pub fn into_service(self) -> HubService {
        if self.node.log.is_shared() {
            // Acknowledgements of other nodes.
            let own = Topic::Node(self.node.id);
            self.node.log.watch(&own, Interest::Listen);
        } else {
            tracing::info!("the log is this server's alone: other nodes do not see its messages");
        }
        let _ = self.node.runtime.set(Handle::current());
        let tasks = [
            tokio::spawn(pump::run(self.node.clone())).abort_handle(),
            tokio::spawn(heartbeat::run(self.node.clone())).abort_handle(),
            tokio::spawn(presence::run(self.node.clone())).abort_handle(),
        ];
        let Self {
            node,
            mounts,
            tokens,
            authenticate,
            ..
        } = self;
        HubService {
            running: Arc::new(Running {
                node,
                mounts,
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
        let listener = door::listen(addr).await?;
        let addr = listener.local_addr()?;
        #[cfg(feature = "tls")]
        let tls = self.tls.clone().map(tokio_rustls::TlsAcceptor::from);
        let shared = self.shares_port;
        let service = self.into_service();
        Ok(Bound {
            listener,
            addr,
            service,
            others: JoinSet::new(),
            shared,
            #[cfg(feature = "tls")]
            tls,
        })
    }

    /// Listens and serves, until the future is dropped, or [until it is told to stop](Serve::with_graceful_shutdown). Awaited,
    /// it gives an error when the address can't be listened on.
    ///
    /// ```no_run
    /// # async fn run(
    /// #     server: hub_server::HubServer,
    /// #     stop: impl Future<Output = ()>, // tokio::signal::ctrl_c(), say
    /// # ) -> std::io::Result<()> {
    /// use hub_server::ShutdownOptions;
    ///
    /// let serve = server.serve("127.0.0.1:8080");
    /// let report = serve.with_graceful_shutdown(stop, ShutdownOptions::default()).await?;
    /// println!("{report}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn serve<'a>(self, addr: impl ToSocketAddrs + Send + 'a) -> Serve<'a> {
        Serve {
            bound: Box::pin(self.bind(addr)),
        }
    }

    /// Whether the server takes on clients, for a load balancer that asks.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        Readiness::of(&self.node)
    }
}

impl std::fmt::Debug for HubServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hubs: Vec<_> = self.node.hubs.iter().map(|hub| hub.spec.name).collect();
        f.debug_struct("HubServer")
            .field("hubs", &hubs)
            .field("mounts", &self.mounts)
            .finish_non_exhaustive()
    }
}

impl Running {
    /// Tells every client to go; new requests are told, too. No hub hears of it: clients come back, to this server or to
    /// another (`classic-signalr.md` 13.8).
    pub(crate) fn leave(&self) {
        self.node.leaving.store(true, Ordering::Release);
        for connection in self.node.registry.connections() {
            connection.ended.store(true, Ordering::Release);
            connection.link().finish(End::Over);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.node.tide.end();
        self.leave();
        for connection in self.node.registry.connections() {
            self.node.registry.remove(&connection);
        }
        // They hold the node, and with it the log, which somebody may want to open again.
        self.node.owners.clear();
        if self.node.log.is_shared() {
            let own = Topic::Node(self.node.id);
            self.node.log.watch(&own, Interest::Leave);
        }
    }
}

/// A server that listens.
pub struct Bound {
    listener: TcpListener,
    addr: SocketAddr,
    pub(crate) service: HubService,
    /// Other ports.
    pub(crate) others: JoinSet<()>,
    /// Whether the text protocol is spoken here, too.
    shared: bool,
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
        self.serve_until(std::future::pending()).await
    }

    /// Serves until `stop` is ready, then lets go of everybody at once, and is done in 5 s at most:
    /// [`with_graceful_shutdown`](Self::with_graceful_shutdown) without spreading.
    ///
    /// # Errors
    /// As for [`serve`](Self::serve).
    pub async fn serve_until(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let at_once = ShutdownOptions::from(STOP_TIMEOUT).spread(Duration::ZERO);
        self.with_graceful_shutdown(stop, at_once).await.map(drop)
    }

    /// Serves until `stop` is ready, then lets go of its clients one by one, by a deadline, and says how that went.
    ///
    /// From the signal on the server is not [ready](HubServer::readiness), and takes on nobody new: negotiation and new
    /// connections are answered 503 with `Retry-After`. Who is connected goes on until its own moment comes, at random within
    /// [`spread`](ShutdownOptions::spread): then what was sent to it before is written, calls that run are waited for and
    /// answered, and it is told to come back, in the way of its transport: a WebSocket is closed with 3001, a poll is
    /// answered with `T:1`, streams end, and so do sockets of the text protocol. A call that comes between that moment and
    /// the end is not run. At the deadline the rest is cut. The address is listened on until all have been told.
    ///
    /// No hub hears of it ([`on_disconnected`](hub_core::Hub::disconnected) is not for this): clients come back, to this
    /// address or to another node. What those with a persistent id have had is written down, so that nothing is lost to
    /// them and nothing comes twice where the log outlives the process.
    ///
    /// # Errors
    /// As for [`serve`](Self::serve).
    pub async fn with_graceful_shutdown(
        self,
        stop: impl Future<Output = ()>,
        options: ShutdownOptions,
    ) -> io::Result<ShutdownReport> {
        let Self {
            listener,
            service,
            mut others,
            ..
        } = self;
        let mut door = Door::new(listener, &service.running.node.config);
        let (leaving, stays) = watch::channel(false);
        let node = service.running.node.clone();
        let mut stopping = pin!(async {
            stop.await;
            (Instant::now(), shutdown::run(&node, &options).await)
        });
        // Ends with this future: a connection that waits for its next request must not keep the server alive.
        let mut connections = JoinSet::new();
        let (begun, mut report) = loop {
            while connections.try_join_next().is_some() {}
            let (socket, ticket) = tokio::select! {
                entered = door.next() => entered,
                stopped = &mut stopping => break stopped,
            };
            let guest = Guest {
                service: service.clone(),
                stays: stays.clone(),
                shared: self.shared,
                ticket,
            };
            #[cfg(feature = "tls")]
            if let Some(tls) = self.tls.clone() {
                connections.spawn(guest.secured(socket, tls));
                continue;
            }
            connections.spawn(guest.serve(socket));
        };
        drop(door);
        service.running.leave();
        others.abort_all();
        let _ = leaving.send(true);
        let ended = async { while connections.join_next().await.is_some() {} };
        let last = (begun + options.deadline).max(Instant::now() + LAST_ANSWERS);
        let _ = tokio::time::timeout_at(last, ended).await;
        report.took = begun.elapsed();
        Ok(report)
    }
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound")
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}

/// How long a server that stops at once waits for what still runs.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How long answers over HTTP have to leave, also at the deadline.
const LAST_ANSWERS: Duration = Duration::from_millis(250);

/// So many bytes the kernel takes for a client beyond what is on its way to it.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 16 * 1024;

/// Sets what TCP should do for a hub.
pub(crate) fn prepare(socket: &TcpStream, silence: Duration) {
    // Without it a network holds small answers back for tens of milliseconds.
    let _ = socket.set_nodelay(true);
    // A slow reader is to wait in its outbox, which is bounded and seen. On a fast network the kernel would take megabytes for it
    // first, which nobody counts and a cursor does not wait for.
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(socket).set_tcp_notsent_lowat(UNSENT);
    // A peer that vanishes without a word acknowledges nothing any more. The kernel would send again for a quarter of an
    // hour before it said so.
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(socket).set_tcp_user_timeout(Some(silence));
    #[cfg(not(target_os = "linux"))]
    let _ = silence;
}
