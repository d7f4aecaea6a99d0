//! [`Clients`], [`Groups`], [`Audience`]: the fluent surface that hub methods send through.

use std::ops::Deref;
use std::sync::Arc;

use serde::Serialize;
use smol_str::SmolStr;

use crate::cursor::Body;
use crate::error::DeliveryError;
use crate::id::{ConnectionId, GroupName, HubName, QueueName, UserId};
use crate::message::Event;
use crate::outlet::{Outlet, Queued};
use crate::state::State;
use crate::target::{Address, Target};
use crate::value::Payload;

/// Chooses who is meant (`classic-signalr.md` 11.2). Got from [`Context::clients`](crate::Context::clients), or outside a
/// hub from a handle of the server.
#[derive(Clone)]
pub struct Clients {
    outlet: Arc<dyn Outlet>,
    hub: HubName,
}

impl Clients {
    /// The clients of `hub`, reached through `outlet`.
    pub fn new(outlet: Arc<dyn Outlet>, hub: HubName) -> Self {
        Self { outlet, hub }
    }

    /// Everybody on the hub.
    #[must_use]
    pub fn all(&self) -> Audience {
        self.to(Target::All)
    }

    /// Everybody on the hub but these connections.
    #[must_use]
    pub fn all_except<I: Into<ConnectionId>>(
        &self,
        except: impl IntoIterator<Item = I>,
    ) -> Audience {
        self.all().except(except)
    }

    /// One connection.
    #[must_use]
    pub fn client(&self, id: impl Into<ConnectionId>) -> Audience {
        self.to(Target::Connection(id.into()))
    }

    /// Several connections; none is fine and reaches nobody.
    #[must_use]
    pub fn clients<I: Into<ConnectionId>>(&self, ids: impl IntoIterator<Item = I>) -> Audience {
        self.to(Target::Connections(
            ids.into_iter().map(Into::into).collect(),
        ))
    }

    /// The members of a group.
    #[must_use]
    pub fn group(&self, name: impl Into<GroupName>) -> Audience {
        self.to(Target::Group(name.into()))
    }

    /// The members of a group but these connections.
    #[must_use]
    pub fn group_except<I: Into<ConnectionId>>(
        &self,
        name: impl Into<GroupName>,
        except: impl IntoIterator<Item = I>,
    ) -> Audience {
        self.group(name).except(except)
    }

    /// The members of several groups; who is in two of them gets the event twice.
    #[must_use]
    pub fn groups<G: Into<GroupName>>(&self, names: impl IntoIterator<Item = G>) -> Audience {
        self.to(Target::Groups(names.into_iter().map(Into::into).collect()))
    }

    /// All connections of a user.
    #[must_use]
    pub fn user(&self, id: impl Into<UserId>) -> Audience {
        self.to(Target::User(id.into()))
    }

    /// All connections of several users.
    #[must_use]
    pub fn users<U: Into<UserId>>(&self, ids: impl IntoIterator<Item = U>) -> Audience {
        self.to(Target::Users(ids.into_iter().map(Into::into).collect()))
    }

    /// All connections of a user but these.
    #[must_use]
    pub fn user_except<I: Into<ConnectionId>>(
        &self,
        id: impl Into<UserId>,
        except: impl IntoIterator<Item = I>,
    ) -> Audience {
        self.user(id).except(except)
    }

    /// Those who are away: what is sent is kept in a queue of the hub, for whoever has subscribed to it
    /// ([`Context::offline_subscribe`](crate::Context::offline_subscribe)), until they are back. Nobody who is there gets it.
    #[must_use]
    pub fn queue(&self, name: impl Into<QueueName>) -> Audience {
        self.to(Target::Nobody).and_queue(name)
    }

    fn to(&self, target: Target) -> Audience {
        let address = Address {
            hub: self.hub.clone(),
            target,
            except: Arc::default(),
            queue: None,
        };
        Audience {
            outlet: self.outlet.clone(),
            address,
            state: None,
        }
    }
}

/// [`Clients`] as a hub method sees them: relative to the one who called.
#[derive(Clone, Debug)]
pub struct CallerClients {
    clients: Clients,
    caller: ConnectionId,
    state: Arc<State>,
}

impl CallerClients {
    /// The clients around `caller`.
    pub fn new(clients: Clients, caller: ConnectionId, state: Arc<State>) -> Self {
        Self {
            clients,
            caller,
            state,
        }
    }

    /// The connection that called. Changes of its state travel with the event (`classic-signalr.md` 8.4).
    #[must_use]
    pub fn caller(&self) -> Audience {
        Audience {
            state: Some(self.state.clone()),
            ..self.clients.client(&self.caller)
        }
    }

    /// Everybody on the hub but the caller.
    #[must_use]
    pub fn others(&self) -> Audience {
        self.clients.all_except([&self.caller])
    }

    /// The members of a group but the caller.
    #[must_use]
    pub fn others_in_group(&self, name: impl Into<GroupName>) -> Audience {
        self.clients.group_except(name, [&self.caller])
    }

    /// The members of several groups but the caller.
    #[must_use]
    pub fn others_in_groups<G: Into<GroupName>>(
        &self,
        names: impl IntoIterator<Item = G>,
    ) -> Audience {
        self.clients.groups(names).except([&self.caller])
    }
}

impl Deref for CallerClients {
    type Target = Clients;

    fn deref(&self) -> &Clients {
        &self.clients
    }
}

/// Somebody to send to. A `#[hub_client]` trait is implemented for it, so that callbacks are called like methods:
/// `cx.clients().group("lobby").message(user, text).await?`.
#[derive(Clone)]
pub struct Audience {
    outlet: Arc<dyn Outlet>,
    address: Address,
    state: Option<Arc<State>>,
}

impl Audience {
    /// Leaves these connections out, too.
    #[must_use]
    pub fn except<I: Into<ConnectionId>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        self.address.except = self
            .address
            .except
            .iter()
            .cloned()
            .chain(ids.into_iter().map(Into::into))
            .collect();
        self
    }

    /// Keeps what is sent in a queue, too, in one step: whoever is there gets it now, and whoever is away, when they are
    /// back; nobody gets it twice.
    #[must_use]
    pub fn and_queue(mut self, name: impl Into<QueueName>) -> Self {
        self.address.queue = Some(name.into());
        self
    }

    /// Calls the callback `method` with a tuple of arguments: `send("message", ("ann", 3))`, `send("ping", ())`.
    ///
    /// Returns when the event is in the log and handed to this node's connections, not when anybody has it.
    ///
    /// # Errors
    /// When the arguments do not serialise to an array, a name is empty, or the log did not take the event.
    pub async fn send(&self, method: &str, args: impl Serialize) -> Result<(), DeliveryError> {
        self.send_queued(method, args).await.map(drop)
    }

    /// As [`send`](Self::send), with arguments that are already a JSON array.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub async fn send_payload(&self, method: &str, args: Payload) -> Result<(), DeliveryError> {
        self.deliver(method, args).await.map(drop)
    }

    /// As [`send`](Self::send), and says where the queue keeps it; `None` without a queue. The answer comes when it is kept
    /// as safely as the log can.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub async fn send_queued(
        &self,
        method: &str,
        args: impl Serialize,
    ) -> Result<Option<Queued>, DeliveryError> {
        let args = Payload::of(&args).map_err(|error| DeliveryError::Arguments(Some(error)))?;
        let args = match args.is_null() {
            true => Payload::empty_array(),
            false => args,
        };
        self.deliver(method, args).await
    }

    async fn deliver(&self, method: &str, args: Payload) -> Result<Option<Queued>, DeliveryError> {
        if !args.as_bytes().starts_with(b"[") {
            return Err(DeliveryError::Arguments(None));
        }
        let state = self.state.as_ref().and_then(|state| state.changes());
        let event = Event {
            hub: self.address.hub.clone(),
            method: SmolStr::new(method),
            args,
            state,
        };
        let body = Body::Event(event);
        self.outlet.deliver(self.address.clone(), body).await
    }

    /// Sends a value, for clients of a [`PersistentConnection`](crate::PersistentConnection). Clients of hubs don't know
    /// what to do with it. A value that is JSON already goes as a `serde_json::value::RawValue`.
    ///
    /// # Errors
    /// When the value does not serialise, a name is empty, or the log did not take it.
    pub async fn send_value(&self, value: impl Serialize) -> Result<(), DeliveryError> {
        let value = Payload::of(&value).map_err(|error| DeliveryError::Arguments(Some(error)))?;
        let body = Body::Value(on_one_line(value));
        self.outlet
            .deliver(self.address.clone(), body)
            .await
            .map(drop)
    }
}

/// The same value without line ends, which raw JSON may have between its tokens: serverSentEvents has one line for a
/// message (`classic-signalr.md` 15.23).
fn on_one_line(value: Payload) -> Payload {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    if !value.as_bytes().iter().any(is_end) {
        return value;
    }
    let blank = |byte: &u8| if is_end(byte) { b' ' } else { *byte };
    Payload::parsed(value.as_bytes().iter().map(blank).collect())
}

/// Changes who is in the groups of a hub (`classic-signalr.md` 11.4).
#[derive(Clone)]
pub struct Groups {
    outlet: Arc<dyn Outlet>,
    hub: HubName,
}

impl Groups {
    /// The groups of `hub`, reached through `outlet`.
    pub fn new(outlet: Arc<dyn Outlet>, hub: HubName) -> Self {
        Self { outlet, hub }
    }

    /// Makes a connection a member. When this returns, an event to the group reaches it. Adding twice is harmless.
    ///
    /// # Errors
    /// [`DeliveryError::TimedOut`] after 30 s if there is no such connection.
    pub async fn add(
        &self,
        who: &ConnectionId,
        group: impl Into<GroupName>,
    ) -> Result<(), DeliveryError> {
        self.outlet.join(who, &self.hub, &group.into()).await
    }

    /// Ends a membership. Removing who is no member is harmless.
    ///
    /// # Errors
    /// [`DeliveryError::TimedOut`] after 30 s if there is no such connection.
    pub async fn remove(
        &self,
        who: &ConnectionId,
        group: impl Into<GroupName>,
    ) -> Result<(), DeliveryError> {
        self.outlet.leave(who, &self.hub, &group.into()).await
    }
}

macro_rules! debug_by_hub {
    ($($name:ident: $hub:ident $(. $field:ident)?),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.$hub $(.$field)?).finish()
            }
        }
    )*};
}
debug_by_hub!(Clients: hub, Groups: hub, Audience: address);
