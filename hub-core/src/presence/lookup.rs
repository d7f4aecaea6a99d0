//! [`Presence`]: who is there, as hub code asks for it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;

use super::{PresencePage, PresenceStats};
use crate::audience::on_one_line;
use crate::error::DeliveryError;
use crate::id::{ConnectionId, GroupName, HubName};
use crate::outlet::Outlet;
use crate::value::Payload;

/// Who is on a hub on this node, or in one of its groups. Got from [`Context::presence`](crate::Context::presence), or
/// outside of a hub from a handle of the server. It is off unless the server's builder was told `presence` for the hub.
///
/// ```
/// use hub_core::{Context, HubError, PresencePage, hub};
///
/// struct Chat;
///
/// #[hub]
/// impl Chat {
///     /// Who is in the room; from now on the caller's `presence` is called with what changes.
///     async fn enter(&self, cx: &Context, room: String) -> Result<PresencePage, HubError> {
///         cx.join(&room).await?;
///         Ok(cx.presence().group(room).watch(cx.connection_id()).await?)
///     }
///
///     /// For a client that has missed something.
///     fn who(&self, cx: &Context, room: String) -> Result<PresencePage, HubError> {
///         Ok(cx.presence().group(room).list()?)
///     }
///
///     async fn set_mood(&self, cx: &Context, mood: String) -> Result<(), HubError> {
///         Ok(cx.presence_update(&mood).await?)
///     }
/// }
/// ```
///
/// A client is there from when its connection listens to the hub, which is shortly before the hub hears of it, until its
/// connection has ended for good: a link that breaks and is resumed is no leave and no join.
#[derive(Clone)]
pub struct Presence {
    outlet: Arc<dyn Outlet>,
    hub: HubName,
    group: Option<GroupName>,
}

/// What a server knows of who is on a hub. Hub authors use [`Presence`].
#[async_trait]
pub trait Roll: Send + Sync + 'static {
    /// Who is on the hub (`None`) or in a group: the first page, or the one after a place.
    fn page(&self, group: &Option<GroupName>, after: Option<u64>) -> PresencePage;

    /// How many are there.
    fn stats(&self, group: &Option<GroupName>) -> PresenceStats;

    /// Sets what is known of a connection; returns when it has been told.
    ///
    /// # Errors
    /// [`DeliveryError::InfoTooLarge`], or [`DeliveryError::Gone`] if the connection is not on the hub.
    async fn update(&self, who: &ConnectionId, info: Payload) -> Result<(), DeliveryError>;
}

impl Presence {
    /// Who is on `hub`, reached through `outlet`.
    pub fn new(outlet: Arc<dyn Outlet>, hub: HubName) -> Self {
        Self {
            outlet,
            hub,
            group: None,
        }
    }

    /// Who is in a group of the hub.
    #[must_use]
    pub fn group(&self, name: impl Into<GroupName>) -> Self {
        Self {
            group: Some(name.into()),
            ..self.clone()
        }
    }

    /// Who is there: the first page, of 1,000 unless that was set otherwise.
    ///
    /// # Errors
    /// [`DeliveryError::NoPresence`] if the hub has none; when the group's name is empty.
    pub fn list(&self) -> Result<PresencePage, DeliveryError> {
        Ok(self.roll()?.page(&self.group, None))
    }

    /// The page after [`PresencePage::next`] of the one before.
    ///
    /// # Errors
    /// As for [`list`](Self::list).
    pub fn page(&self, next: u64) -> Result<PresencePage, DeliveryError> {
        Ok(self.roll()?.page(&self.group, Some(next)))
    }

    /// How many are there.
    ///
    /// # Errors
    /// As for [`list`](Self::list).
    pub fn stats(&self) -> Result<PresenceStats, DeliveryError> {
        Ok(self.roll()?.stats(&self.group))
    }

    /// From now on a connection, which need not be there itself, gets what changes: its callback `presence` is called with a
    /// [`PresenceDiff`](super::PresenceDiff). Gives the list to begin with. A change may come before the answer of the method
    /// that gives the list to the client: it has to wait there, and counts if its version is beyond that of the list.
    ///
    /// This is a membership like that of a group, and stays until it is ended or the connection is: it travels with a client
    /// that comes back, and what was told meanwhile is read from the log.
    ///
    /// # Errors
    /// As for [`list`](Self::list) and [`Groups::add`](crate::Groups::add).
    pub async fn watch(&self, who: &ConnectionId) -> Result<PresencePage, DeliveryError> {
        let roll = self.roll()?;
        let watching = GroupName::of_presence(self.group.as_ref());
        self.outlet.join(who, &self.hub, &watching).await?;
        Ok(roll.page(&self.group, None))
    }

    /// From now on a connection does not get what changes.
    ///
    /// # Errors
    /// As for [`watch`](Self::watch).
    pub async fn unwatch(&self, who: &ConnectionId) -> Result<(), DeliveryError> {
        self.roll()?;
        let watching = GroupName::of_presence(self.group.as_ref());
        self.outlet.leave(who, &self.hub, &watching).await
    }

    /// Sets what is known of a connection on the hub, in all its groups: any value of at most 1 KiB as JSON, unless that was
    /// set otherwise. It is gone with the connection. Returns when those of this node who watch have been told.
    ///
    /// # Errors
    /// [`DeliveryError::InfoTooLarge`]; [`DeliveryError::Gone`] if the connection is not on the hub on this node; otherwise as
    /// for [`list`](Self::list).
    pub async fn update(
        &self,
        who: &ConnectionId,
        info: impl Serialize,
    ) -> Result<(), DeliveryError> {
        let info = Payload::of(&info).map_err(|error| DeliveryError::Arguments(Some(error)))?;
        self.roll()?.update(who, on_one_line(info)).await
    }

    fn roll(&self) -> Result<Arc<dyn Roll>, DeliveryError> {
        if self.group.as_ref().is_some_and(|name| name == "") {
            return Err(DeliveryError::EmptyName("groupName"));
        }
        let roll = self.outlet.clone().presence(&self.hub);
        roll.ok_or(DeliveryError::NoPresence)
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_tuple("Presence");
        debug.field(&self.hub).field(&self.group).finish()
    }
}
