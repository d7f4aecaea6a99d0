//! [`Outlet`]: the only door from hub code to the running server.

use async_trait::async_trait;

use crate::cursor::Body;
use crate::error::DeliveryError;
use crate::id::{ConnectionId, GroupName, HubName};
use crate::message::Item;
use crate::target::Address;

/// What the server does for hub code. Implemented by the server; hub authors use [`Clients`](crate::Clients) and
/// [`Groups`](crate::Groups), tests may implement it to see what a hub sends.
#[async_trait]
pub trait Outlet: Send + Sync + 'static {
    /// Sends an event or a value. Returns when it is in the log and in the outboxes of this node's connections, so that an answer
    /// written afterwards does not overtake it.
    ///
    /// # Errors
    /// When a name is empty or the log did not take it.
    async fn deliver(&self, to: Address, body: Body) -> Result<(), DeliveryError>;

    /// Sends a report of progress to a connection.
    ///
    /// # Errors
    /// When the log did not take it.
    async fn report(&self, to: &ConnectionId, item: Item) -> Result<(), DeliveryError>;

    /// Makes a connection a member of a group. Returns when the connection's receive loop has applied it, so that an
    /// event sent to the group afterwards reaches it.
    ///
    /// # Errors
    /// [`DeliveryError::TimedOut`] when no such connection has acknowledged within 30 s.
    async fn join(
        &self,
        who: &ConnectionId,
        hub: &HubName,
        group: &GroupName,
    ) -> Result<(), DeliveryError>;

    /// Ends a membership; otherwise as [`join`](Self::join).
    ///
    /// # Errors
    /// As for [`join`](Self::join).
    async fn leave(
        &self,
        who: &ConnectionId,
        hub: &HubName,
        group: &GroupName,
    ) -> Result<(), DeliveryError>;

    /// Ends a connection as its client's abort would.
    ///
    /// # Errors
    /// When the log did not take the command.
    async fn abort(&self, who: &ConnectionId) -> Result<(), DeliveryError>;
}
