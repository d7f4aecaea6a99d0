//! [`Context`]: who calls, on what connection; hands out [`Clients`](crate::Clients) and [`Groups`].

mod away;

use std::fmt;
use std::sync::Arc;

use crate::clients::{CallerClients, Clients, Groups};
use crate::cursor::Cursor;
use crate::error::DeliveryError;
use crate::id::{ConnectionId, HubName, InvocationId, PersistentId, UserId};
use crate::items::Items;
use crate::live::Sessions;
use crate::outlet::Outlet;
use crate::presence::Presence;
use crate::progress::Progress;
use crate::state::State;

/// Who somebody is, as the authentication of a request found out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The name, `None` for anonymous. It is bound into the connection token and compared ignoring case.
    pub name: Option<Arc<str>>,
    /// Roles, for authorisation.
    pub roles: Vec<String>,
    /// What [`Clients::user`](crate::Clients::user) takes; the name, unless given.
    pub id: Option<UserId>,
}

impl Identity {
    /// Somebody with a name and no roles.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: Some(name.into()),
            ..Self::default()
        }
    }

    /// With roles.
    #[must_use]
    pub fn with_roles<R: Into<String>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// With a user id of its own (`classic-signalr.md` 11.3).
    #[must_use]
    pub fn with_id(mut self, id: impl Into<UserId>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Whether somebody is known: has a name that is not empty.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.name.as_deref().is_some_and(|name| !name.is_empty())
    }

    /// Where messages to the user go; `None` if there is neither id nor name.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        let by_name = || self.name.clone().map(UserId::new);
        let id = self.id.clone().or_else(by_name);
        id.filter(|id| !id.as_str().is_empty())
    }
}

/// The HTTP request that brought a call or opened the connection, as far as hub code sees it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The path as the client sent it, unescaped.
    pub path: String,
    /// Names and values of the query string, unescaped, in order.
    pub query: Vec<(String, String)>,
    /// The headers.
    pub headers: http::HeaderMap,
}

impl Request {
    /// A query value by name, ignoring case; repeated ones are joined with commas (`classic-signalr.md` 2.3).
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        let mut values = self
            .query
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value);
        let first = values.next()?.clone();
        Some(values.fold(first, |joined, value| joined + "," + value))
    }

    /// A header's value, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What all calls of one connection share.
pub struct Peer {
    /// The connection.
    pub id: ConnectionId,
    /// Who it is.
    pub identity: Identity,
    /// The receive request that carries it (for calls in `on_connected`: the start request).
    pub request: Arc<Request>,
    /// How it is known again when it comes back as another connection.
    pub persistent_id: Option<PersistentId>,
    /// The hub's own values.
    pub items: Arc<Items>,
    /// The way to the server.
    pub outlet: Arc<dyn Outlet>,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// One call of a hub: who calls and on what connection. A hub method takes it as a first parameter that is a reference.
#[derive(Debug, Clone)]
pub struct Context {
    peer: Arc<Peer>,
    hub: HubName,
    call: Option<InvocationId>,
    state: Arc<State>,
}

impl Context {
    /// A call on `hub` by `peer`.
    #[must_use]
    pub fn new(
        peer: Arc<Peer>,
        hub: HubName,
        call: Option<InvocationId>,
        state: Arc<State>,
    ) -> Self {
        Self {
            peer,
            hub,
            call,
            state,
        }
    }

    /// The connection that calls.
    #[must_use]
    pub fn connection_id(&self) -> &ConnectionId {
        &self.peer.id
    }

    /// The caller's user name, empty for anonymous callers.
    #[must_use]
    pub fn user(&self) -> &str {
        self.peer.identity.name.as_deref().unwrap_or_default()
    }

    /// The caller's user id, `None` for anonymous callers: what [`Clients::user`](crate::Clients::user) takes.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        self.peer.identity.user_id()
    }

    /// The caller's identity.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.peer.identity
    }

    /// How the client is known again when it comes back as another connection; `None` if it brought no `persistentId`.
    #[must_use]
    pub fn persistent_id(&self) -> Option<&PersistentId> {
        self.peer.persistent_id.as_ref()
    }

    /// The hub that is called.
    #[must_use]
    pub fn hub(&self) -> &HubName {
        &self.hub
    }

    /// The request that carries the connection.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.peer.request
    }

    /// Values that hubs keep for this connection.
    #[must_use]
    pub fn items(&self) -> &Items {
        &self.peer.items
    }

    /// The caller's state (classic clients only; others have an empty one).
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Who to send to.
    #[must_use]
    pub fn clients(&self) -> CallerClients {
        let clients = Clients::new(self.peer.outlet.clone(), self.hub.clone());
        CallerClients::new(clients, self.peer.id.clone(), self.state.clone())
    }

    /// The hub's groups.
    #[must_use]
    pub fn groups(&self) -> Groups {
        Groups::new(self.peer.outlet.clone(), self.hub.clone())
    }

    /// The clients that are on the hub on this node.
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        Sessions::new(self.peer.outlet.clone(), self.hub.clone())
    }

    /// Who is on the hub on this node, and in its groups.
    #[must_use]
    pub fn presence(&self) -> Presence {
        Presence::new(self.peer.outlet.clone(), self.hub.clone())
    }

    /// Sets what others know of the caller: `presence().update(connection_id(), info)`.
    ///
    /// # Errors
    /// As for [`Presence::update`].
    pub async fn presence_update(&self, info: impl serde::Serialize) -> Result<(), DeliveryError> {
        self.presence().update(&self.peer.id, info).await
    }

    /// Makes the caller a member of a group: `groups().add(connection_id(), group)`.
    ///
    /// # Errors
    /// When the connection is gone: [`DeliveryError::TimedOut`] after 30 s.
    pub async fn join(&self, group: impl Into<crate::GroupName>) -> Result<(), DeliveryError> {
        self.groups().add(&self.peer.id, group).await
    }

    /// Ends the caller's membership: `groups().remove(connection_id(), group)`.
    ///
    /// # Errors
    /// As for [`join`](Self::join).
    pub async fn leave(&self, group: impl Into<crate::GroupName>) -> Result<(), DeliveryError> {
        self.groups().remove(&self.peer.id, group).await
    }

    /// Ends the connection, as if its client had, on whatever node it is. A [`LiveSession`](crate::LiveSession) can be closed
    /// with a word, or drained.
    ///
    /// # Errors
    /// When the log did not take the command.
    pub async fn abort(&self) -> Result<(), DeliveryError> {
        self.peer.outlet.abort(&self.peer.id).await
    }

    /// Where the log stands: everything up to here has been handed to those who listen on this node. A snapshot that bears it
    /// can be merged with what is sent later (`delivery.md` b.1).
    #[must_use]
    pub fn position(&self) -> Cursor {
        self.peer.outlet.position()
    }

    /// The sink for this call's progress; for generated code.
    #[doc(hidden)]
    #[must_use]
    pub fn progress<T>(&self) -> Progress<T> {
        Progress::new(
            self.peer.outlet.clone(),
            self.peer.id.clone(),
            self.call.clone(),
            self.state.clone(),
        )
    }
}
