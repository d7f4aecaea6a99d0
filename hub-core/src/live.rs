//! [`Sessions`]: the clients that are on a hub on this node, to be looked up, spoken to and ended one by one
//! (`delivery.md` c).

use std::any::TypeId;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use smol_str::SmolStr;

use crate::audience::array;
use crate::context::Peer;
use crate::error::DeliveryError;
use crate::id::{ConnectionId, GroupName, HubName, PersistentId, UserId};
use crate::message::Event;
use crate::outlet::Outlet;

/// The clients that are on a hub on this node. What it gives are snapshots: no lock is held while they are looked at.
///
/// A client is there from when its connection listens to the hub, which is shortly before the hub hears of it, and also
/// between two of its requests.
#[derive(Clone)]
pub struct Sessions {
    outlet: Arc<dyn Outlet>,
    hub: HubName,
}

/// Which sessions are meant.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Which<'a> {
    /// All of the hub.
    All,
    /// Those of a user.
    User(&'a UserId),
    /// The members of a group.
    Group(&'a GroupName),
    /// Those of a client that is known again.
    Owner(&'a PersistentId),
    /// One connection.
    Connection(&'a ConnectionId),
}

impl Sessions {
    /// The sessions of `hub`, reached through `outlet`.
    pub fn new(outlet: Arc<dyn Outlet>, hub: HubName) -> Self {
        Self { outlet, hub }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<LiveSession> {
        self.find(Which::All)
    }

    /// Those for whom this holds. All are asked; an index is faster ([`by`](Self::by)).
    #[must_use]
    pub fn matching(&self, holds: impl Fn(&Peer) -> bool) -> Vec<LiveSession> {
        let mut all = self.all();
        all.retain(|session| holds(&session.peer));
        all
    }

    /// Those of a user.
    #[must_use]
    pub fn by_user(&self, id: &UserId) -> Vec<LiveSession> {
        self.find(Which::User(id))
    }

    /// The members of a group. A client that reads more slowly than is sent may be one still for a moment after it has left.
    #[must_use]
    pub fn by_group(&self, name: &GroupName) -> Vec<LiveSession> {
        self.find(Which::Group(name))
    }

    /// Those of a client that is known again: one, unless it is changing its connection.
    #[must_use]
    pub fn by_persistent_id(&self, id: &PersistentId) -> Vec<LiveSession> {
        self.find(Which::Owner(id))
    }

    /// The session of a connection.
    #[must_use]
    pub fn get(&self, id: &ConnectionId) -> Option<LiveSession> {
        self.find(Which::Connection(id)).pop()
    }

    /// Those whose item `T` has this key, by an index that was declared with `session_index` on the server's builder.
    ///
    /// # Errors
    /// [`DeliveryError::NoIndex`] if none was.
    pub fn by<T: 'static, K: Eq + Hash + 'static>(
        &self,
        key: &K,
    ) -> Result<Vec<LiveSession>, DeliveryError> {
        let index = TypeId::of::<(T, K)>();
        let found = self.outlet.clone().indexed(&self.hub, index, key);
        found.ok_or(DeliveryError::NoIndex)
    }

    fn find(&self, which: Which<'_>) -> Vec<LiveSession> {
        self.outlet.clone().sessions(&self.hub, which)
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sessions").field(&self.hub).finish()
    }
}

/// What a server does for one connection that is on this node. Hub authors use [`LiveSession`].
#[async_trait]
pub trait Live: Send + Sync + 'static {
    /// Its groups on a hub.
    fn groups(&self, hub: &HubName) -> Vec<GroupName>;

    /// Whether it has not ended and has the hub open.
    fn is_open(&self, hub: &HubName) -> bool;

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
/// It can be ended in three ways, of which the stronger one wins if they race: [`abort`](Self::abort), then
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

/// With what a WebSocket is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseFrame {
    code: u16,
    why: Arc<str>,
}

/// A WebSocket can't be closed with this code (RFC 6455, 7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is no code that a WebSocket can be closed with: 1000 to 1003, 1007 to 1014, or 3000 to 4999"
)]
pub struct InvalidCloseCode(pub u16);

impl CloseFrame {
    /// So many bytes of text fit.
    const MAX: usize = 123;

    /// A code and a text; what does not fit of the text is left out.
    ///
    /// # Errors
    /// When the code is none that may be sent.
    pub fn new(code: u16, why: &str) -> Result<Self, InvalidCloseCode> {
        if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
            return Err(InvalidCloseCode(code));
        }
        let why = why.get(..why.floor_char_boundary(Self::MAX));
        Ok(Self {
            code,
            why: why.unwrap_or_default().into(),
        })
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// The text.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }
}

/// 1000, without a text.
impl Default for CloseFrame {
    fn default() -> Self {
        Self {
            code: 1000,
            why: Arc::default(),
        }
    }
}

/// How a session is drained.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainOptions {
    /// How long it may take; 5 s by default. Then it is closed.
    pub deadline: Duration,
    /// Whether to wait, before the end, until the client is known to have had everything: by its acknowledgements, a pong, or
    /// its next poll. Where nothing ever comes back, that it has left has to do. Off by default.
    pub wait_acks: bool,
    /// With what a WebSocket is closed; 1000 by default.
    pub frame: CloseFrame,
}

impl Default for DrainOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5),
            wait_acks: false,
            frame: CloseFrame::default(),
        }
    }
}

/// Until this deadline.
impl From<Duration> for DrainOptions {
    fn from(deadline: Duration) -> Self {
        Self {
            deadline,
            ..Self::default()
        }
    }
}

impl DrainOptions {
    /// Waits until the client is known to have had everything.
    #[must_use]
    pub fn wait_acks(mut self) -> Self {
        self.wait_acks = true;
        self
    }

    /// Closes a WebSocket with this.
    #[must_use]
    pub fn saying(mut self, frame: CloseFrame) -> Self {
        self.frame = frame;
        self
    }
}

/// What became of the messages that waited for a client as it was drained. All are 0 for one that had ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// So many were written, answers of calls among them.
    pub sent: u64,
    /// So many of those the client is known to have had.
    pub acked: u64,
    /// So many were not written by the deadline.
    pub left: u64,
}

impl DrainReport {
    /// A report.
    #[must_use]
    pub const fn new(sent: u64, acked: u64, left: u64) -> Self {
        Self { sent, acked, left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_frame_has_a_code_that_may_be_sent_and_what_fits_of_its_text() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
            assert_eq!(CloseFrame::new(code, ""), Err(InvalidCloseCode(code)));
        }
        let long = "ä".repeat(100);
        let frame = CloseFrame::new(3001, &long).unwrap();
        assert_eq!((frame.code(), frame.why()), (3001, &*"ä".repeat(61)));
    }
}
