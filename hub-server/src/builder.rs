//! [`Builder`]: hubs and settings, checked once.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use hub_core::scheduler::KeyedScheduler;
use hub_core::{Authorize, Filter, Hub, HubRegistration, Identity, Log, NodeId, Request};

use crate::build_error::BuildError;
use crate::config::{Config, Transport};
use crate::connection::expiry::Expiring;
use crate::connection::indexes::Indexes;
use crate::connection::owners::Owners;
use crate::connection::persistent::PersistentIds;
use crate::connection::pump::Tide;
use crate::connection::registry::Registry;
use crate::http::auth::{Authenticate, FromExtensions};
use crate::http::negotiate::Negotiated;
use crate::http::token::{Tokens, random_key};
use crate::hubs::asks::Asks;
use crate::hubs::live::Tried;
use crate::hubs::table::{HubNameError, HubTable};
use crate::load::Load;
use crate::mount::Mount;
use crate::node::{Acks, Node};
use crate::scheduler::OnTokio;
use crate::server::{HubServer, Served};

#[cfg(feature = "dashboard")]
mod dashboard;
mod declared;
mod kept;
mod limits;
mod presence;
mod ready;
mod times;

use declared::Declarations;
use kept::Kept;

/// Sets up a [`HubServer`]. Setters may be called in any order, except where the original forbids it; what is wrong is
/// told by [`build`](Self::build).
pub struct Builder {
    hubs: Vec<Arc<dyn Hub>>,
    filters: Vec<Arc<dyn Filter>>,
    require: Vec<Authorize>,
    config: Config,
    /// The first mount, if no other is given.
    mount: Mount,
    mounts: Vec<Mount>,
    key: Option<[u8; 32]>,
    log: Option<Arc<dyn Log>>,
    kept: Kept,
    declared: Declarations,
    authenticate: Arc<dyn Authenticate>,
    persistent_ids: PersistentIds,
    shares_port: bool,
    keep_alive_was_set: bool,
    wrong: Option<&'static str>,
    #[cfg(feature = "dashboard")]
    board: Option<Arc<crate::dashboard::Board>>,
    #[cfg(feature = "tls")]
    tls: Option<Arc<tokio_rustls::rustls::ServerConfig>>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            hubs: Vec::new(),
            filters: Vec::new(),
            require: Vec::new(),
            config: Config::default(),
            mount: Mount::default(),
            mounts: Vec::new(),
            key: None,
            log: None,
            kept: Kept::default(),
            declared: Declarations::default(),
            authenticate: Arc::new(FromExtensions),
            persistent_ids: PersistentIds::bound(),
            shares_port: false,
            keep_alive_was_set: false,
            wrong: None,
            #[cfg(feature = "dashboard")]
            board: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl Builder {
    /// Adds a hub.
    #[must_use]
    pub fn hub(mut self, hub: impl Hub) -> Self {
        self.hubs.push(Arc::new(hub));
        self
    }

    /// Adds every hub that is marked `#[hub(discover)]` in the crates that are linked. A crate that nothing refers to is
    /// not linked: name it (`use my_hubs as _;`). What was found is logged.
    #[must_use]
    pub fn discover(mut self) -> Self {
        for registration in inventory::iter::<HubRegistration> {
            tracing::info!(hub = registration.spec.name, "found a hub");
            self.hubs.push((registration.make)());
        }
        self
    }

    /// Adds a filter around all hubs; the first one is the outermost.
    #[must_use]
    pub fn filter(mut self, filter: impl Filter) -> Self {
        self.filters.push(Arc::new(filter));
        self
    }

    /// Asks this of whoever wants to reach any hub, beside what the hub itself asks for:
    /// `.authorize(Authorize::AUTHENTICATED)` lets nobody in who has no name.
    #[must_use]
    pub fn authorize(mut self, require: Authorize) -> Self {
        self.require.push(require);
        self
    }

    /// Where the hubs are, `/signalr` by default.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.mount.path = path.into();
        self
    }

    /// Serves the hubs at one more path, with settings of its own. As soon as one is added, the builder's own
    /// [`path`](Self::path) and its settings no longer count; the first mount that matches a request serves it.
    #[must_use]
    pub fn mount(mut self, mount: Mount) -> Self {
        self.mounts.push(mount);
        self
    }

    /// Removes a transport: it is not offered, and requests for it are answered 400.
    #[must_use]
    pub fn without_transport(mut self, transport: Transport) -> Self {
        self.config.transports.retain(|known| *known != transport);
        self
    }

    /// Whether pages of other origins may read answers as scripts (JSONP); off by default.
    #[must_use]
    pub fn jsonp(mut self, on: bool) -> Self {
        self.mount = self.mount.jsonp(on);
        self
    }

    /// How much each topic keeps for those who come back: 1,000 entries and 1 MiB by default. Only for the log in memory
    /// that the server makes itself.
    #[must_use]
    pub fn retain(mut self, entries: usize, bytes: usize) -> Self {
        self.config.retained_entries = entries;
        self.config.retained_bytes = bytes;
        self
    }

    /// Whether callers read the texts of internal errors; off by default.
    #[must_use]
    pub fn detailed_errors(mut self, on: bool) -> Self {
        self.mount = self.mount.detailed_errors(on);
        self
    }

    /// Whether `/hubs` and `/js` give the generated script; on by default.
    #[must_use]
    pub fn javascript_proxies(mut self, on: bool) -> Self {
        self.mount = self.mount.javascript_proxies(on);
        self
    }

    /// Whether a WebSocket without negotiation is a connection; on by default.
    #[must_use]
    pub fn bare_websockets(mut self, on: bool) -> Self {
        self.mount = self.mount.bare_websockets(on);
        self
    }

    /// Lets a page of this origin (`https://example.com`) open WebSockets without negotiation. The server's own origin
    /// always may; CORS does not guard WebSockets, so others are refused.
    #[must_use]
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.mount = self.mount.allow_origin(origin);
        self
    }

    /// Decides where clients connect: see [`Mount::on_negotiate`].
    #[must_use]
    pub fn on_negotiate(
        mut self,
        decide: impl Fn(&Request, &Identity) -> Negotiated + Send + Sync + 'static,
    ) -> Self {
        self.mount = self.mount.on_negotiate(decide);
        self
    }

    /// The secret that tokens are sealed with, 32 random bytes. Servers that share it accept each other's connections,
    /// and a server that keeps it accepts its connections after a restart. Without one a key is made at start.
    ///
    /// The key alone makes no farm: with a log in memory each server delivers its own messages to its own clients, and one
    /// that comes from another server has a gap, and is gone for the server that it left. For more they must share a [`log`](Self::log), too.
    #[must_use]
    pub fn key(mut self, key: [u8; 32]) -> Self {
        self.key = Some(key);
        self
    }

    /// The log to run on; by default one in memory that the server makes, whose messages other servers do not see. Servers that share a log and
    /// a [`key`](Self::key) are one: any request of a connection may come to any of them.
    #[must_use]
    pub fn log(mut self, log: Arc<dyn Log>) -> Self {
        self.log = Some(log);
        self
    }

    /// How requests tell who they come from; see [`Authenticate`].
    #[must_use]
    pub fn authenticate(mut self, authenticate: impl Authenticate) -> Self {
        self.authenticate = Arc::new(authenticate);
        self
    }

    /// Which persistent ids are taken, and from whom: by default any GUID, from the first user who brings it.
    #[must_use]
    pub fn persistent_ids(mut self, ids: PersistentIds) -> Self {
        self.persistent_ids = ids;
        self
    }

    /// Whether the text protocol of XSockets is spoken on the port of HTTP, too; off by default. The first bytes of a client
    /// choose, and who says nothing of either is told so and shown out. With TLS all of it is inside of TLS.
    /// Counts in [`HubServer::bind`] and [`HubServer::serve`]; a host that serves HTTP itself has
    /// [`HubService::share`](crate::HubService::share). What holds for the text protocol is said at
    /// [`HubService::serve_text`](crate::HubService::serve_text).
    #[must_use]
    pub fn shared_port(mut self, on: bool) -> Self {
        self.shares_port = on;
        self
    }

    /// Serves TLS in [`HubServer::bind`] and [`HubServer::serve`].
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, config: tokio_rustls::rustls::ServerConfig) -> Self {
        self.tls = Some(Arc::new(config));
        self
    }

    /// Checks everything and makes the server.
    ///
    /// # Errors
    /// What is wrong with the settings, the first thing found.
    pub fn build(self) -> Result<HubServer, BuildError> {
        if let Some(wrong) = self.wrong {
            return Err(BuildError::Setting(wrong));
        }
        self.config.check().map_err(BuildError::Setting)?;
        let persistent_ids = self.persistent_ids;
        persistent_ids.check().map_err(BuildError::Setting)?;
        let mounts = if self.mounts.is_empty() {
            vec![self.mount]
        } else {
            self.mounts
        };
        if let Some(wrong) = mounts.iter().find(|mount| !mount.path.starts_with('/')) {
            return Err(BuildError::Path(wrong.path.clone()));
        }
        let mut hubs =
            HubTable::new(self.hubs, self.filters, &self.require).map_err(|error| match error {
                HubNameError::Shared(name) => BuildError::SharedName(name),
                HubNameError::Invalid(name) => BuildError::InvalidName(name),
            })?;
        #[cfg(feature = "dashboard")]
        dashboard::place(self.board.as_ref(), &mounts, &mut hubs)?;
        let served = |mount: Mount| {
            let connection = mount.connection.clone();
            let connection = connection.map(|connection| hubs.add(&mount.path, connection));
            Arc::new(Served { mount, connection })
        };
        let mounts = mounts.into_iter().map(served).collect();
        let config = self.config;
        let log = self.kept.log(self.log, &config)?;
        let key = match self.key {
            Some(key) => key,
            None => random_key().map_err(|_| BuildError::NoRandomness)?,
        };
        let id = NodeId(uuid::Uuid::new_v4().as_u64_pair().0);
        let indexes = Indexes::new(self.declared.indexes).map_err(BuildError::Setting)?;
        let outbox = (config.outbox_frames, config.outbox_bytes);
        let presences = self.declared.presence.made(&hubs, &config, &*log, id)?;
        let registry = Registry::new(id, log.clone(), outbox, indexes.clone(), presences.clone());
        // How many connections have calls is not for it to bound: each has its share, as of calls that run at once.
        let turns = KeyedScheduler::builder()
            .per_queue(config.max_open_calls)
            .max_queues(usize::MAX)
            .total(usize::MAX)
            .build(OnTokio::current());
        // What a log kept from an earlier server has been handed on.
        let end = log.end();
        let load = Load::new(&config);
        let node = Node {
            id,
            load,
            epoch: log.epoch(),
            config,
            log,
            hubs,
            registry,
            tide: Tide::at(end),
            acks: Acks::default(),
            asks: Asks::default(),
            owners: Owners::default(),
            persistent_ids,
            expiring: Expiring::default(),
            turns,
            indexes,
            properties: self.declared.properties,
            tried: Tried::default(),
            presences,
            leaving: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            runtime: OnceLock::new(),
            #[cfg(feature = "dashboard")]
            board: self.board,
        };
        let node = Arc::new(node);
        #[cfg(feature = "dashboard")]
        dashboard::settle(&node);
        Ok(HubServer {
            node,
            mounts,
            tokens: Arc::new(Tokens::new(&key)),
            authenticate: self.authenticate,
            shares_port: self.shares_port,
            #[cfg(feature = "tls")]
            tls: self.tls,
        })
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("config", &self.config)
            .field("mounts", &self.mounts)
            .finish_non_exhaustive()
    }
}
