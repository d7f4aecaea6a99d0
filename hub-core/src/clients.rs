//! [`Clients`], [`Groups`]: the fluent surface that hub methods choose through whom they send to.

use std::ops::Deref;
use std::sync::Arc;

use crate::audience::Audience;
use crate::context::Peer;
use crate::error::DeliveryError;
use crate::id::{ConnectionId, GroupName, HubName, QueueName, UserId};
use crate::outlet::Outlet;
use crate::slow::WhenFull;
use crate::state::State;
use crate::target::{Address, Target};

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

    /// Everybody on the hub for whom this holds: `all().matching(..)`, see [`Audience::matching`].
    #[must_use]
    pub fn matching(&self, holds: impl Fn(&Peer) -> bool + Send + Sync + 'static) -> Audience {
        self.all().matching(holds)
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

    /// Those who have subscribed to a topic of the hub ([`Context::subscribe`](crate::Context::subscribe)).
    #[must_use]
    pub fn topic(&self, name: impl AsRef<str>) -> Audience {
        self.to(Target::Group(GroupName::of_topic(name)))
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
            matching: None,
            when_full: WhenFull::Wait,
        };
        Audience::new(self.outlet.clone(), address)
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
        self.clients
            .client(&self.caller)
            .with_state(self.state.clone())
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
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.hub).finish()
            }
        }
    )*};
}
debug_by_hub!(Clients, Groups);
