//! [`Held`]: what hub code does with one of this node's connections.

use std::any::{Any, TypeId};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hub_core::{
    Address, Append, Body, CloseFrame, DeliveryError, DrainOptions, DrainReport, Event, GroupName,
    HubName, Live, LiveSession, Next, Outgoing, Queued, Sent, Target, Topic, WhenFull, Which,
};

use tokio::time::{Instant, timeout_at};

use crate::connection::link::{Connection, Link, Mode};
use crate::connection::parting;
use crate::meter;
use crate::node::Node;

/// A connection, as it was found.
struct Held {
    node: Arc<Node>,
    connection: Arc<Connection>,
}

/// The sessions of a hub that are on this node.
pub(super) fn sessions(node: &Arc<Node>, hub: &HubName, which: Which<'_>) -> Vec<LiveSession> {
    let hub_name = || hub.clone();
    let topic = match which {
        Which::All => Topic::All(hub_name()),
        Which::User(id) => Topic::User(hub_name(), id.clone()),
        Which::Group(name) => Topic::Group(hub_name(), name.clone()),
        Which::Connection(id) => Topic::Connection(hub_name(), id.clone()),
        Which::Owner(id) => return held(node, hub, node.owners.of(id)),
        _ => return Vec::new(),
    };
    held(node, hub, node.registry.listeners(&[topic]))
}

/// The same by the key of an index; `None` if there is no such index.
pub(super) fn indexed(
    node: &Arc<Node>,
    hub: &HubName,
    index: TypeId,
    key: &dyn Any,
) -> Option<Vec<LiveSession>> {
    Some(held(node, hub, node.indexes.find(index, key)?))
}

/// Those of these connections that have the hub open and are not over.
fn held(node: &Arc<Node>, hub: &HubName, found: Vec<Arc<Connection>>) -> Vec<LiveSession> {
    let session = |connection: Arc<Connection>| {
        let peer = {
            let link = connection.link();
            let open = !connection.ended.load(Ordering::Acquire) && is_on(&link, hub);
            open.then(|| link.peer.clone())?
        };
        let node = node.clone();
        let live = Arc::new(Held { node, connection });
        Some(LiveSession::new(peer, hub.clone(), live))
    };
    found.into_iter().filter_map(session).collect()
}

/// Whether a client has a hub open.
fn is_on(link: &Link, hub: &HubName) -> bool {
    let on = |topic: &Topic| matches!(topic, Topic::All(of) if of == hub);
    link.topics.iter().any(on)
}

/// A target whose predicate has been asked.
pub(super) fn resolved(node: &Node, mut to: Address) -> Address {
    let Some(holds) = to.matching.take() else {
        return to;
    };
    let found = node.registry.listeners(&to.target.topics(&to.hub));
    let matches = |connection: Arc<Connection>| {
        let peer = connection.link().peer.clone();
        holds(&peer).then(|| connection.id.clone())
    };
    let ids = found.into_iter().filter_map(matches).collect();
    to.target = match to.target {
        // What is queued only is for nobody who is here.
        Target::Nobody => Target::Nobody,
        _ => Target::Connections(ids),
    };
    to
}

/// So many messages may be on their way to the pump that nobody waits for.
const MAX_TRIED: usize = 1_024;

/// What was sent without waiting, until the pump has passed it: the log's tail has its bound from writers who wait.
#[derive(Debug, Default)]
pub(crate) struct Tried(Mutex<VecDeque<u64>>);

impl Tried {
    fn lock(&self) -> MutexGuard<'_, VecDeque<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The order of the last one that is in the log.
    fn last(&self) -> Option<u64> {
        let tried = self.lock();
        tried.iter().rev().find(|order| **order != OPEN).copied()
    }
}

/// Stands for one whose order the log has not told yet.
const OPEN: u64 = u64::MAX;

/// How a message is meant to go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Send,
    Post,
    TrySend,
    TryPost,
}

impl Held {
    /// # Errors
    /// When nothing more is taken for the client, or not of this hub.
    fn standing(&self, hub: &HubName) -> Result<(), DeliveryError> {
        let link = self.connection.link();
        if self.connection.ended.load(Ordering::Acquire) || !is_on(&link, hub) {
            return Err(DeliveryError::Closed);
        }
        match link.drain {
            Some(_) => Err(DeliveryError::Draining),
            None => Ok(()),
        }
    }

    /// Sends it, past the filters.
    async fn pass(&self, event: Event, how: How) -> Result<Sent, DeliveryError> {
        self.standing(&event.hub)?;
        let to = Address {
            hub: event.hub.clone(),
            target: Target::Connection(self.connection.id.clone()),
            except: Arc::default(),
            queue: None,
            matching: None,
            when_full: WhenFull::Wait,
        };
        let Some(filters) = &self.node.hubs.filters else {
            return self.hand_over(to, event, how).await;
        };
        let sent = Mutex::new(Sent::Posted);
        let end = |passed: Outgoing| -> BoxFuture<'_, Result<Option<Queued>, DeliveryError>> {
            Box::pin(async {
                let how = self.hand_over(passed.to, passed.event, how).await?;
                *sent.lock().unwrap_or_else(PoisonError::into_inner) = how;
                Ok(None)
            })
        };
        Next::new(filters, end).run(Outgoing { to, event }).await?;
        Ok(*sent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn hand_over(&self, to: Address, event: Event, how: How) -> Result<Sent, DeliveryError> {
        let own = matches!(&to.target, Target::Connection(id) if *id == self.connection.id);
        let own = own && to.queue.is_none() && to.matching.is_none();
        if own && matches!(how, How::Send | How::TrySend) {
            self.standing(&event.hub)?;
            match self.connection.link().overtake(self.node.epoch, &event) {
                Ok(true) => return Ok(Sent::Overtook),
                Ok(false) if how == How::TrySend => return Err(DeliveryError::Full),
                Ok(false) | Err(_) => {}
            }
        }
        if matches!(how, How::Send | How::Post) {
            self.node.publish(to, Body::Event(event), None).await?;
            return Ok(Sent::Posted);
        }
        if !own {
            // A filter sends it elsewhere, which takes its time.
            return Err(DeliveryError::Full);
        }
        self.try_publish(Append::new(
            Topic::Connection(to.hub, self.connection.id.clone()),
            Body::Event(event),
        ))?;
        Ok(Sent::Posted)
    }

    /// Writes it into the log, if that takes no waiting.
    fn try_publish(&self, entry: Append) -> Result<(), DeliveryError> {
        {
            let link = self.connection.link();
            let behind = link.mode == Mode::Behind;
            if link.attached && (behind || !link.outbox.takes(0)) {
                return Err(DeliveryError::Full);
            }
        }
        let node = &self.node;
        let mut tried = node.tried.lock();
        let passed = node.tide.passed();
        while tried.pop_front_if(|order| *order <= passed).is_some() {}
        // A log that takes its time is asked for one at a time, so that they keep their order.
        let open = tried.back() == Some(&OPEN);
        if tried.len() >= MAX_TRIED || open {
            return Err(DeliveryError::Full);
        }
        let (log, of) = (node.log.clone(), node.clone());
        let mut append = Box::pin(async move { log.append(vec![entry]).await });
        match (&mut append).now_or_never() {
            Some(receipts) => {
                let receipts = receipts?;
                // What nobody listens to does not pass the pump.
                let kept = receipts.first().filter(|receipt| receipt.offset > 0);
                tried.extend(kept.map(|receipt| receipt.order));
            }
            None => {
                tried.push_back(OPEN);
                node.spawn(async move {
                    if let Err(error) = append.await {
                        tracing::warn!(%error, "what was posted without waiting was not taken");
                    }
                    of.tried.lock().pop_back();
                });
            }
        }
        Ok(())
    }
}

/// What was refused for want of room is counted.
fn counted(sent: Result<Sent, DeliveryError>) -> Result<Sent, DeliveryError> {
    sent.inspect_err(|error| {
        if matches!(error, DeliveryError::Full) {
            meter::no_room();
        }
    })
}

#[async_trait]
impl Live for Held {
    fn groups(&self, hub: &HubName) -> Vec<GroupName> {
        self.node.registry.groups(&self.connection, hub)
    }

    fn is_open(&self, hub: &HubName) -> bool {
        self.node.registry.is_on(&self.connection, hub)
    }

    fn waiting(&self) -> usize {
        self.connection.link().outbox.bytes()
    }

    async fn send(&self, event: Event) -> Result<Sent, DeliveryError> {
        self.pass(event, How::Send).await
    }

    async fn post(&self, event: Event) -> Result<(), DeliveryError> {
        self.pass(event, How::Post).await.map(drop)
    }

    fn try_send(&self, event: Event) -> Result<Sent, DeliveryError> {
        let sent = self.pass(event, How::TrySend).now_or_never();
        counted(sent.unwrap_or(Err(DeliveryError::Full)))
    }

    fn try_post(&self, event: Event) -> Result<(), DeliveryError> {
        let sent = self.pass(event, How::TryPost).now_or_never();
        counted(sent.unwrap_or(Err(DeliveryError::Full))).map(drop)
    }

    async fn close(&self, frame: CloseFrame) {
        parting::close(&self.node, &self.connection, frame).await;
    }

    fn abort(&self) {
        parting::abort(&self.node, &self.connection);
    }

    async fn drain(&self, options: DrainOptions) -> DrainReport {
        let deadline = Instant::now() + options.deadline;
        // What nobody waited for is sent as well.
        if let Some(last) = self.node.tried.last() {
            let _ = timeout_at(deadline, self.node.tide.reach(last)).await;
        }
        parting::drain(&self.node, &self.connection, options, deadline).await
    }
}
