//! [`Asked`]: a request past the checks that all have in common.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use http_body_util::{BodyExt, Limited};
use hub_core::{
    BoxFuture, Classic, ConnectionId, Identity, Items, Peer, PersistentId, Protocol, Request,
    Tagged,
};
use hyper::upgrade::OnUpgrade;
use tokio::time::timeout;

use crate::hubs::raw::Receiver;
use crate::mount::Mount;
use crate::node::Node;
use crate::server::{Running, Served};

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The body of a request, read only if somebody asks for it.
pub(crate) type Unread = BoxFuture<'static, Result<Bytes, StatusCode>>;

pub(crate) struct Asked {
    pub(crate) running: Arc<Running>,
    pub(crate) served: Arc<Served>,
    pub(crate) head: Parts,
    pub(crate) request: Arc<Request>,
    pub(crate) identity: Identity,
    /// How the client is known again as another connection.
    pub(crate) persistent_id: Option<PersistentId>,
    /// Indexes of the hubs it listed, `None` without a list.
    pub(crate) hubs: Option<Vec<usize>>,
    pub(crate) upgrade: Option<OnUpgrade>,
    /// The JSONP function that wants the answer (`classic-signalr.md` 2.6).
    pub(crate) callback: Option<String>,
    /// Fields of the body, once it was read.
    pub(crate) form: Vec<(String, String)>,
}

impl Asked {
    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.running.node
    }

    pub(crate) fn mount(&self) -> &Mount {
        &self.served.mount
    }

    /// What takes messages in place of the hubs, if the mount has that.
    pub(crate) fn receiver(&self) -> Option<Receiver> {
        let connection = self.mount().connection.clone()?;
        let name = self.node().hubs.get(self.served.connection?)?.name.clone();
        Some(Receiver { connection, name })
    }

    pub(crate) fn listed(&self) -> Vec<usize> {
        self.hubs.clone().unwrap_or_default()
    }

    /// The items of a connection that this node knows.
    pub(crate) fn items(&self, id: &ConnectionId) -> Arc<Items> {
        let known = self.node().registry.find(id);
        known
            .map(|connection| connection.items.clone())
            .unwrap_or_default()
    }

    /// The caller of `on_connected` and of everything that comes on this request.
    pub(crate) fn peer(&self, id: ConnectionId, items: Arc<Items>) -> Arc<Peer> {
        let outlet = self.node().clone();
        Arc::new(Peer {
            id,
            identity: self.identity.clone(),
            request: self.request.clone(),
            persistent_id: self.persistent_id.clone(),
            items,
            outlet,
        })
    }

    /// What the client speaks: classic SignalR, with tags where it asks for them.
    pub(crate) fn speaks(&self) -> &'static dyn Protocol {
        match self.request.query("tags").as_deref() {
            Some("1") => &Tagged,
            _ => &Classic,
        }
    }

    /// Takes the body for a form, whatever its content type says (`classic-signalr.md` 6.5).
    pub(crate) fn with_form(mut self, body: &[u8]) -> Self {
        self.form = form_urlencoded::parse(body).into_owned().collect();
        self
    }

    /// A field of the body.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.form.iter();
        fields
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| &**value)
    }

    /// A query value, or the body's field where the query has none.
    pub(crate) fn param(&self, name: &str) -> Option<String> {
        self.request
            .query(name)
            .or_else(|| self.field(name).map(ToOwned::to_owned))
    }
}

/// Wraps a body to be read later: not beyond `limit` bytes, and not for ever.
pub(crate) fn unread<B>(body: B, limit: usize) -> Unread
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Box::pin(async move {
        let read = timeout(BODY_TIMEOUT, Limited::new(body, limit).collect()).await;
        match read.map_err(|_| StatusCode::REQUEST_TIMEOUT)? {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                Err(StatusCode::PAYLOAD_TOO_LARGE)
            }
            Err(_) => Err(StatusCode::BAD_REQUEST),
        }
    })
}
