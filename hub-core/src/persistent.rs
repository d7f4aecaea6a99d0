//! [`PersistentConnection`]: messages without hubs (`classic-signalr.md` 13.1).

use async_trait::async_trait;

use crate::context::{Context, Identity, Request};
use crate::error::HubError;
use crate::hub::Resumed;
use crate::id::GroupName;

/// A connection without hubs: what clients send is text, what they get is any JSON value, sent with
/// [`Audience::send_value`](crate::Audience::send_value) to everybody, to one, or to a group of this connection.
///
/// One value serves all clients of its mount. The messages of one WebSocket *start* in the order in which they arrived
/// and then interleave; over HTTP they are requests of their own. A method that fails is logged; over HTTP the sender's
/// request fails, too.
#[async_trait]
pub trait PersistentConnection: Send + Sync + 'static {
    /// Whether a request may pass, asked for each one. A refused one is answered 401, or 403 if it has a user.
    async fn authorize(&self, request: &Request, identity: &Identity) -> bool {
        let _ = (request, identity);
        true
    }

    /// A client has started.
    ///
    /// # Errors
    /// An error fails the client's start.
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        let _ = cx;
        Ok(())
    }

    /// A client sent something; `None` if its request had no data.
    ///
    /// # Errors
    /// An error fails the request that brought it; on a WebSocket it is only logged.
    async fn on_received(&self, cx: &Context, data: Option<String>) -> Result<(), HubError>;

    /// A client came back.
    ///
    /// # Errors
    /// An error ends the request, and the client comes back once more.
    async fn on_reconnected(&self, cx: &Context, resumed: Resumed) -> Result<(), HubError> {
        let _ = (cx, resumed);
        Ok(())
    }

    /// Which of the groups that a client brings back it is still in; all of them by default.
    async fn on_rejoining_groups(&self, cx: &Context, groups: Vec<GroupName>) -> Vec<GroupName> {
        let _ = cx;
        groups
    }

    /// A client has gone: `stopped` by itself, or lost.
    ///
    /// # Errors
    /// An error is logged.
    async fn on_disconnected(&self, cx: &Context, stopped: bool) -> Result<(), HubError> {
        let _ = (cx, stopped);
        Ok(())
    }
}
