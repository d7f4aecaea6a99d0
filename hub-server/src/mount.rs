//! [`Mount`]: a path at which the hubs are served, with its own settings.

use std::sync::Arc;

use hub_core::{Identity, PersistentConnection, Request};

use crate::http::auth::Authenticate;
use crate::http::negotiate::Negotiated;

/// A path at which a server's hubs are reached, or a [`PersistentConnection`], and how they behave there. All mounts of
/// hubs share the hubs, their connections and groups.
///
/// ```
/// use hub_server::{HubServer, Mount};
///
/// let server = HubServer::builder()
///     .mount(Mount::at("/public").bare_websockets(false))
///     .mount(Mount::at("/internal").detailed_errors(true))
///     .build();
/// # assert!(server.is_ok());
/// ```
#[derive(Clone)]
pub struct Mount {
    pub(crate) path: String,
    pub(crate) detailed_errors: bool,
    pub(crate) javascript_proxies: bool,
    pub(crate) jsonp: bool,
    pub(crate) bare_websockets: bool,
    pub(crate) xsockets: bool,
    pub(crate) require_origin: bool,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) authenticate: Option<Arc<dyn Authenticate>>,
    pub(crate) connection: Option<Arc<dyn PersistentConnection>>,
    pub(crate) on_negotiate: Option<Arc<OnNegotiate>>,
}

type OnNegotiate = dyn Fn(&Request, &Identity) -> Negotiated + Send + Sync;

impl Mount {
    /// A mount at this path, which begins with a slash; whole segments are compared, ignoring case, and clients are told
    /// the casing given here.
    #[must_use]
    pub fn at(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            detailed_errors: false,
            javascript_proxies: true,
            jsonp: false,
            bare_websockets: true,
            xsockets: true,
            require_origin: true,
            allowed_origins: Vec::new(),
            authenticate: None,
            connection: None,
            on_negotiate: None,
        }
    }

    /// A mount without hubs: a persistent connection.
    #[must_use]
    pub fn connection(path: impl Into<String>, connection: impl PersistentConnection) -> Self {
        Self {
            connection: Some(Arc::new(connection)),
            ..Self::at(path)
        }
    }

    /// Whether callers read the texts of internal errors; off by default.
    #[must_use]
    pub fn detailed_errors(mut self, on: bool) -> Self {
        self.detailed_errors = on;
        self
    }

    /// Whether `/hubs` and `/js` give the generated script; on by default.
    #[must_use]
    pub fn javascript_proxies(mut self, on: bool) -> Self {
        self.javascript_proxies = on;
        self
    }

    /// Whether pages of other origins may read answers as scripts (JSONP); off by default.
    #[must_use]
    pub fn jsonp(mut self, on: bool) -> Self {
        self.jsonp = on;
        self
    }

    /// Whether a WebSocket without negotiation is a connection; on by default.
    #[must_use]
    pub fn bare_websockets(mut self, on: bool) -> Self {
        self.bare_websockets = on;
        self
    }

    /// Whether WebSockets may speak XSockets' sub-protocol `XSocketsNET`; on by default. They are opened at the mount's path
    /// and below, and at `/` if no mount is there: that is for the first mount that has them.
    #[must_use]
    pub fn xsockets(mut self, on: bool) -> Self {
        self.xsockets = on;
        self
    }

    /// Whether WebSockets of XSockets' sub-protocol must name an origin, as theirs do; on by default. One that is named has
    /// to be allowed in any case.
    #[must_use]
    pub fn require_origin(mut self, on: bool) -> Self {
        self.require_origin = on;
        self
    }

    /// Lets a page of this origin (`https://example.com`) open WebSockets without negotiation. The server's own origin
    /// always may; CORS does not guard WebSockets, so others are refused.
    #[must_use]
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.allowed_origins.push(origin.into());
        self
    }

    /// How requests of this mount tell who they come from, in place of the server's own way.
    #[must_use]
    pub fn authenticate(mut self, authenticate: impl Authenticate) -> Self {
        self.authenticate = Some(Arc::new(authenticate));
        self
    }

    /// Decides for each negotiate request whether its client connects here, is sent elsewhere, or is told why not. A
    /// client that was sent here with a token brings it: see [`Credentials::bearer`](crate::Credentials::bearer).
    #[must_use]
    pub fn on_negotiate(
        mut self,
        decide: impl Fn(&Request, &Identity) -> Negotiated + Send + Sync + 'static,
    ) -> Self {
        self.on_negotiate = Some(Arc::new(decide));
        self
    }
}

impl Default for Mount {
    fn default() -> Self {
        Self::at("/signalr")
    }
}

impl std::fmt::Debug for Mount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mount")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
