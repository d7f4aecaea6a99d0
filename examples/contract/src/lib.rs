//! The chat's contract. The server implements [`Chat`] and sends through [`ChatClient`]; a Rust client calls through
//! [`ChatProxy`] and implements [`ChatClient`]; JavaScript sees a hub named `chat`.

use hub_core::{Context, HubError, hub, hub_client};

/// What clients call on the server.
#[hub]
pub trait Chat {
    /// Enters a room under a name; gives the names of everybody in it. The others there hear `joined`.
    async fn join(&self, cx: &Context, room: String, user: String)
    -> Result<Vec<String>, HubError>;

    /// Leaves a room. The others there hear `left`.
    async fn leave(&self, cx: &Context, room: String) -> Result<(), HubError>;

    /// Says something in a room that was joined; gives the message's number in that room.
    async fn send(&self, cx: &Context, room: String, text: String) -> Result<u64, HubError>;

    /// Says something to everybody in all rooms.
    async fn announce(&self, cx: &Context, text: String) -> Result<(), HubError>;

    /// Takes another name, in all rooms. All others hear `renamed`.
    async fn rename(&self, cx: &Context, user: String) -> Result<(), HubError>;

    /// The names of everybody in a room.
    async fn people(&self, room: String) -> Result<Vec<String>, HubError>;
}

/// What the server calls on its clients.
#[hub_client]
pub trait ChatClient {
    /// The first thing that a client hears: its connection id, and a greeting.
    async fn welcome(&self, connection_id: String, greeting: String) -> Result<(), HubError>;

    /// Somebody said something in a room, at this time in milliseconds since 1970.
    async fn message(
        &self,
        room: String,
        user: String,
        text: String,
        at: u64,
    ) -> Result<(), HubError>;

    /// Somebody said something to everybody.
    async fn announcement(&self, user: String, text: String) -> Result<(), HubError>;

    /// Somebody came into a room.
    async fn joined(&self, room: String, user: String) -> Result<(), HubError>;

    /// Somebody left a room, or was lost.
    async fn left(&self, room: String, user: String) -> Result<(), HubError>;

    /// Somebody took another name.
    async fn renamed(&self, old: String, new: String) -> Result<(), HubError>;
}
