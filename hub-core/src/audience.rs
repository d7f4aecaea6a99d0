//! [`Audience`]: somebody to send to.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use smol_str::SmolStr;

use crate::ack::{AckOptions, Acks};
use crate::context::Peer;
use crate::cursor::Body;
use crate::error::DeliveryError;
use crate::history::History;
use crate::id::{ConnectionId, PersistentId, QueueName, UserId};
use crate::lease::Subscriber;
use crate::message::Event;
use crate::outlet::{Outlet, Queued};
use crate::slow::WhenFull;
use crate::state::State;
use crate::target::{Address, Keeping};
use crate::terms::{DedupeId, Recipients};
use crate::value::Payload;

/// Somebody to send to. A `#[hub_client]` trait is implemented for it, so that callbacks are called like methods:
/// `cx.clients().group("lobby").message(user, text).await?`.
#[derive(Clone)]
pub struct Audience {
    outlet: Arc<dyn Outlet>,
    address: Address,
    state: Option<Arc<State>>,
    /// The name to send under once, if it is one.
    once: Option<Option<DedupeId>>,
}

impl Audience {
    pub(crate) fn new(outlet: Arc<dyn Outlet>, address: Address) -> Self {
        Self {
            outlet,
            address,
            state: None,
            once: None,
        }
    }

    /// Changes of the caller's state travel with what is sent.
    pub(crate) fn with_state(mut self, state: Arc<State>) -> Self {
        self.state = Some(state);
        self
    }

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

    /// Of these, only those for whom this holds, decided as it is sent:
    /// `clients().group("lobby").matching(|peer| peer.items.with(|c: &Customer| c.tier > 2).unwrap_or(false))`. Several of them
    /// must all hold. A queue keeps for whoever has subscribed, as before. No lock is held while it is asked; if it panics,
    /// nothing is sent.
    ///
    /// A closure can't be asked elsewhere: **only connections of this node are meant**, also where nodes share a log.
    #[must_use]
    pub fn matching(mut self, holds: impl Fn(&Peer) -> bool + Send + Sync + 'static) -> Self {
        self.address.matching = Some(match self.address.matching.take() {
            Some(before) => Arc::new(move |peer: &Peer| before(peer) && holds(peer)),
            None => Arc::new(holds),
        });
        self
    }

    /// What becomes of what is sent for those who read slowly: by default it waits in the log.
    ///
    /// What is kept in a queue, too, or is to be acknowledged is never left out: there this says nothing.
    #[must_use]
    pub fn when_full(mut self, policy: WhenFull) -> Self {
        self.address.when_full = policy;
        self
    }

    /// Of what is sent under one key only the last is for those who read slowly, as with the prices of a ticker:
    /// `clients().all().coalesce("EUR/USD").send("price", (1.08,))`. See [`WhenFull::Coalesce`].
    #[must_use]
    pub fn coalesce(self, key: impl Into<Arc<str>>) -> Self {
        self.when_full(WhenFull::Coalesce(key.into()))
    }

    /// Keeps what is sent in a queue, too, in one step: whoever is there gets it now, and whoever is away, when they are
    /// back; nobody gets it twice.
    #[must_use]
    pub fn and_queue(mut self, name: impl Into<QueueName>) -> Self {
        self.address.queue = Some(Keeping::of(name));
        self
    }

    /// Of what is queued: only for the clients of these users, among those who have subscribed.
    #[must_use]
    pub fn for_users<U: Into<UserId>>(self, users: impl IntoIterator<Item = U>) -> Self {
        self.only(Recipients {
            users: users.into_iter().map(Into::into).collect(),
            ..Recipients::default()
        })
    }

    /// Of what is queued: only for these clients, among those who have subscribed.
    #[must_use]
    pub fn for_owners<P: Into<PersistentId>>(self, owners: impl IntoIterator<Item = P>) -> Self {
        self.only(Recipients {
            owners: owners.into_iter().map(Into::into).collect(),
            ..Recipients::default()
        })
    }

    /// Of what is queued: only for those who match as it is sent, among those who have subscribed. What changes later does
    /// not matter.
    #[must_use]
    pub fn for_matching(
        self,
        matching: impl Fn(&Subscriber) -> bool + Send + Sync + 'static,
    ) -> Self {
        let mut this = self.only(Recipients::default());
        if let Some(queue) = &mut this.address.queue {
            queue.matching = Some(Arc::new(matching));
        }
        this
    }

    fn only(mut self, recipients: Recipients) -> Self {
        if let Some(queue) = &mut self.address.queue {
            queue.terms.only = Some(recipients);
        }
        self
    }

    /// Of what is queued: owed no longer than this. Who comes later misses it, without a gap.
    #[must_use]
    pub fn expiring(mut self, after: Duration) -> Self {
        if let Some(queue) = &mut self.address.queue {
            queue.terms.expires_in = Some(after);
        }
        self
    }

    /// Of what is queued: once under this name, of at most 64 bytes, however often it is tried. Where it was there already
    /// nobody gets it again, and the receipt says so. The log remembers names for 5 minutes.
    #[must_use]
    pub fn once(mut self, name: &str) -> Self {
        self.once = Some(DedupeId::new(name));
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
        self.deliver(method, array(&args)?).await
    }

    /// As [`send`](Self::send), and waits until everybody who was to get the event has acknowledged it, or has not in time:
    /// an answer for each. A client of this project answers with what its callback gives back; others can't answer and
    /// have it when its bytes have left, or with their next poll.
    ///
    /// Nothing is sent twice on a link that works. Who comes back after its link broke gets what it had not had, and may
    /// answer then.
    ///
    /// # Errors
    /// As for [`send`](Self::send); that somebody did not acknowledge is no error.
    pub async fn send_with_ack(
        &self,
        method: &str,
        args: impl Serialize,
        how: AckOptions,
    ) -> Result<Acks, DeliveryError> {
        let event = self.event(method, array(&args)?)?;
        self.outlet.ask(self.address()?, event, how).await
    }

    /// What was sent to this audience after a position that a client brings, and at most so many of the newest: as much as
    /// the log still has. Without a position, or with one of another log, it is not known whether anything is missing.
    ///
    /// # Errors
    /// When a name is empty, or the log can't be read.
    pub async fn history(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<History, DeliveryError> {
        let address = self.address.clone();
        self.outlet.history(address, after, limit).await
    }

    async fn deliver(&self, method: &str, args: Payload) -> Result<Option<Queued>, DeliveryError> {
        let body = Body::Event(self.event(method, args)?);
        self.outlet.deliver(self.address()?, body).await
    }

    fn event(&self, method: &str, args: Payload) -> Result<Event, DeliveryError> {
        if !args.as_bytes().starts_with(b"[") {
            return Err(DeliveryError::Arguments(None));
        }
        let state = self.state.as_ref().and_then(|state| state.changes());
        Ok(Event {
            hub: self.address.hub.clone(),
            method: SmolStr::new(method),
            args,
            state,
            tag: None,
        })
    }

    fn address(&self) -> Result<Address, DeliveryError> {
        let mut address = self.address.clone();
        if let (Some(once), Some(queue)) = (&self.once, &mut address.queue) {
            let once = once.clone().ok_or(DeliveryError::InvalidDedupeId)?;
            queue.terms.dedupe = Some(once);
        }
        Ok(address)
    }

    /// Sends a value, for clients of a [`PersistentConnection`](crate::PersistentConnection). Clients of hubs don't know
    /// what to do with it. A value that is JSON already goes as a `serde_json::value::RawValue`.
    ///
    /// # Errors
    /// When the value does not serialise, a name is empty, or the log did not take it.
    pub async fn send_value(&self, value: impl Serialize) -> Result<(), DeliveryError> {
        let value = Payload::of(&value).map_err(|error| DeliveryError::Arguments(Some(error)))?;
        let body = Body::Value(on_one_line(value));
        self.outlet.deliver(self.address()?, body).await.map(drop)
    }
}

/// Arguments as a JSON array; `()` is none.
pub(crate) fn array(args: &impl Serialize) -> Result<Payload, DeliveryError> {
    let args = Payload::of(args).map_err(|error| DeliveryError::Arguments(Some(error)))?;
    Ok(match args.is_null() {
        true => Payload::empty_array(),
        false => args,
    })
}

/// The same value without line ends, which raw JSON may have between its tokens: serverSentEvents has one line for a
/// message (`classic-signalr.md` 15.23).
pub(crate) fn on_one_line(value: Payload) -> Payload {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    if !value.as_bytes().iter().any(is_end) {
        return value;
    }
    let blank = |byte: &u8| if is_end(byte) { b' ' } else { *byte };
    Payload::parsed(value.as_bytes().iter().map(blank).collect())
}

impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Audience").field(&self.address).finish()
    }
}
