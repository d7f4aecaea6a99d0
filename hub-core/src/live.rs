//! [`LiveSession`]: a client that is on this node, to be spoken to and ended (`delivery.md` c).

mod ending;
mod lookup;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use smol_str::SmolStr;

use crate::audience::array;
use crate::context::Peer;
use crate::error::DeliveryError;
use crate::id::{ConnectionId, GroupName, HubName, PersistentId, UserId};
use crate::message::Event;

pub use ending::{CloseFrame, DrainOptions, DrainReport, InvalidCloseCode};
pub use lookup::{Sessions, Which};

/// What a server does for one connection that is on this node. Hub authors use [`LiveSession`].
#[async_trait]
pub trait Live: Send + Sync + 'static {
    /// Its groups on a hub.
    fn groups(&self, hub: &HubName) -> Vec<GroupName>;

    /// Whether it has not ended and has the hub open.
    fn is_open(&self, hub: &HubName) -> bool;

    /// How many bytes wait in memory to be written to it.
    fn waiting(&self) -> usize {
        0
    }

    /// Sends in the high lane.
    ///
    /// # Errors
    /// When it is being drained or has ended, or the log did not take it.
    async fn send(&self, event: Event) -> Result<Sent, DeliveryError>;

    /// Sends in the normal lane.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    async fn post(&self, event: Event) -> Result<(), DeliveryError>;

    /// Sends in the high lane, and never waits.
    ///
    /// # Errors
    /// As for [`send`](Self::send), and when there is no room.
    fn try_send(&self, event: Event) -> Result<Sent, DeliveryError>;

    /// Sends in the normal lane, and never waits.
    ///
    /// # Errors
    /// As for [`try_send`](Self::try_send).
    fn try_post(&self, event: Event) -> Result<(), DeliveryError>;

    /// Ends it, with a word.
    async fn close(&self, frame: CloseFrame);

    /// Ends it at once.
    fn abort(&self);

    /// Ends it when all that was sent has left.
    async fn drain(&self, options: DrainOptions) -> DrainReport;
}

/// How a message in the high lane went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sent {
    /// It overtook what waits for the client: it is on the link, at most once, and lost if that breaks now.
    Overtook,
    /// It went as a [`post`](LiveSession::post) would: there was nothing to overtake on, or no room. The client gets it in its
    /// turn, also when it has to come back for it.
    Posted,
}

/// A client that is on a hub on this node, as it was found. Cheap to clone; it does not keep the client there.
///
/// Two lanes lead to it. [`post`](Self::post) is the ordinary one: through the log, in order with everything else, and
/// repeated to a client that comes back for it. [`send`](Self::send) overtakes what was posted. Messages of one task keep their
/// order inside a lane; a post may be overtaken by a later send. No message is cut in two by another.
///
/// It can be ended in three ways, with all hubs that its connection has open, of which the stronger one wins if they race: [`abort`](Self::abort), then
/// [`close`](Self::close), then [`drain_and_close`](Self::drain_and_close). Each is harmless to repeat. The hub's
/// `on_disconnected` runs once, after the transport is closed and the calls of the session have ended, or have had 5 s for
/// that, and is told [`Closed::Ended`](crate::Closed::Ended). [`Context::abort`](crate::Context::abort) is another thing: a
/// command in the log that reaches a connection on any node, and ends it as its own client would, with what is known to have
/// left counting as received.
#[derive(Clone)]
pub struct LiveSession {
    peer: Arc<Peer>,
    hub: HubName,
    live: Arc<dyn Live>,
}

impl LiveSession {
    /// The session of `peer` on `hub`; for servers.
    pub fn new(peer: Arc<Peer>, hub: HubName, live: Arc<dyn Live>) -> Self {
        Self { peer, hub, live }
    }

    /// The connection.
    #[must_use]
    pub fn id(&self) -> &ConnectionId {
        &self.peer.id
    }

    /// The user, `None` for an anonymous one.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        self.peer.identity.user_id()
    }

    /// How the client is known again when it comes back as another connection.
    #[must_use]
    pub fn persistent_id(&self) -> Option<&PersistentId> {
        self.peer.persistent_id.as_ref()
    }

    /// Who it is, on what request, with its items.
    #[must_use]
    pub fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// Its groups on the hub, as of now.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupName> {
        self.live.groups(&self.hub)
    }

    /// Whether it is there still, as of now: its connection has not ended, and has the hub open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.live.is_open(&self.hub)
    }

    /// How many bytes wait in this node's memory for the client to take them, as of now: never more than
    /// an outbox may hold, and what one page of the log adds to it. What waits in the log does not count.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.live.waiting()
    }

    /// Calls the callback `method` in the normal lane: `clients().client(id).send(method, args)`.
    ///
    /// # Errors
    /// [`DeliveryError::Draining`] and [`DeliveryError::Closed`] when the session is being ended or has ended; otherwise as for
    /// [`Audience::send`](crate::Audience::send).
    pub async fn post(&self, method: &str, args: impl Serialize) -> Result<(), DeliveryError> {
        self.live.post(self.event(method, &args)?).await
    }

    /// Calls the callback `method` in the high lane: it overtakes what waits for the client, where the client has a link on
    /// which something can wait. It bears no place in the log. Who acknowledges each message by a number (`qos=1`) gets it
    /// without one and acknowledges nothing, as an acknowledgement counts for everything before it.
    ///
    /// Where it can't overtake it is posted, which the answer says: between two requests of the client, on longPolling
    /// (where nothing waits on a link), before the hub has been told of the client, while it is sent what was kept for it, and
    /// when there is no room.
    ///
    /// # Errors
    /// As for [`post`](Self::post).
    pub async fn send(&self, method: &str, args: impl Serialize) -> Result<Sent, DeliveryError> {
        self.live.send(self.event(method, &args)?).await
    }

    /// As [`post`](Self::post), and never waits: neither for the log nor for a filter.
    ///
    /// # Errors
    /// [`DeliveryError::Full`] if it would have to, or the client has not read what was sent to it before; nothing was sent.
    /// Otherwise as for [`post`](Self::post).
    pub fn try_post(&self, method: &str, args: impl Serialize) -> Result<(), DeliveryError> {
        self.live.try_post(self.event(method, &args)?)
    }

    /// As [`send`](Self::send), and never waits.
    ///
    /// # Errors
    /// As for [`try_post`](Self::try_post).
    pub fn try_send(&self, method: &str, args: impl Serialize) -> Result<Sent, DeliveryError> {
        self.live.try_send(self.event(method, &args)?)
    }

    /// Ends the session: what waits in the high lane is written, and what waits in the normal one is not; then a WebSocket
    /// gets a close frame with this code and text, of which 123 bytes count, and has 5 s for its own one. The text protocol
    /// says the text as an error on topic 4; streams and polls end. Returns when the transport is closed, or after 5 s.
    ///
    /// Of what was kept in queues, what the client is not known to have had stays owed. A classic client takes any end of its
    /// link for a break and may come back, as a connection that this node does not know.
    ///
    /// # Errors
    /// When a WebSocket can't be closed with that code; then nothing happens.
    pub async fn close(&self, code: u16, why: &str) -> Result<(), InvalidCloseCode> {
        self.live.close(CloseFrame::new(code, why)?).await;
        Ok(())
    }

    /// Ends the session at once: nothing that waits is written, and the link is cut. Over plain HTTP a client that takes
    /// nothing any more may keep its socket until TCP gives up.
    pub fn abort(&self) {
        self.live.abort();
    }

    /// Ends the session when all that was sent to it before is written, in both lanes and in the log. From now on nothing is
    /// taken for it. At the deadline it is closed, as [`close`](Self::close) does, and what is left stays owed where a queue
    /// kept it. A client that is away, or polls, is waited for.
    pub async fn drain_and_close(&self, options: DrainOptions) -> DrainReport {
        self.live.drain(options).await
    }

    fn event(&self, method: &str, args: &impl Serialize) -> Result<Event, DeliveryError> {
        let args = array(args)?;
        if !args.as_bytes().starts_with(b"[") {
            return Err(DeliveryError::Arguments(None));
        }
        Ok(Event {
            hub: self.hub.clone(),
            method: SmolStr::new(method),
            args,
            state: None,
            tag: None,
        })
    }
}

impl fmt::Debug for LiveSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSession")
            .field("id", &self.peer.id)
            .field("hub", &self.hub)
            .finish_non_exhaustive()
    }
}
