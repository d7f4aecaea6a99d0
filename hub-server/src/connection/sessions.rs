//! What a client is owed on each hub while it is away (`delivery.md` a.2): its leases, from the opening of a hub to its
//! close.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hub_core::{
    DeliveryError, HubName, Lease, LeaseKey, LogError, Offline, Peer, QueueName, Taken, Topic,
};

use super::link::Connection;
use crate::node::Node;

/// The hubs that a client with a persistent id has open. Shared by all requests of its connection.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<HubName, Session>>);

#[derive(Debug)]
struct Session {
    /// Proves that this connection took the lease last.
    fence: u64,
    /// What was there when the hub was opened.
    found: Option<Lease>,
    /// Whether something was there whose time was over, until the hub is told.
    over: bool,
    /// Whether that is on its way to the client; it is owed until the client has had this order.
    sent: Option<u64>,
    /// What is kept from now on.
    queues: Vec<QueueName>,
    ttl: Duration,
}

/// What waits for a client that came back: queues, and the last order that it has had.
pub(crate) struct Waiting {
    pub(crate) topics: Vec<Topic>,
    pub(crate) after: u64,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<HubName, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues that keep for this client, of all hubs.
    pub(crate) fn topics(&self) -> Vec<Topic> {
        let sessions = self.lock();
        let of = |(hub, session): (&HubName, &Session)| {
            let topic = |queue: &QueueName| Topic::Queue(hub.clone(), queue.clone());
            session.queues.iter().map(topic).collect::<Vec<_>>()
        };
        sessions.iter().flat_map(of).collect()
    }
}

/// The sessions of a client, if it can be known again.
pub(crate) fn of(peer: &Peer) -> Option<Arc<Sessions>> {
    peer.persistent_id.as_ref()?;
    Some(peer.items.get_or_default::<Arc<Sessions>>())
}

pub(crate) fn key(peer: &Peer, hub: &HubName) -> Option<LeaseKey> {
    Some(LeaseKey {
        hub: hub.clone(),
        owner: peer.persistent_id.clone()?,
    })
}

/// A client opens a hub, or comes back to it from elsewhere: its lease is taken over.
pub(crate) async fn open(node: &Node, peer: &Peer, hub: &HubName) {
    let (Some(sessions), Some(key)) = (of(peer), key(peer, hub)) else {
        return;
    };
    if sessions.lock().contains_key(hub) {
        return;
    }
    let Taken { fence, lease, over } = match node.log.take(&key).await {
        Ok(taken) => taken,
        Err(error) => {
            tracing::warn!(connection = %peer.id, %error, "what was kept for a client can't be looked up");
            return;
        }
    };
    let session = Session {
        fence,
        found: lease,
        over,
        sent: None,
        queues: Vec::new(),
        ttl: Duration::ZERO,
    };
    sessions.lock().insert(hub.clone(), session);
}

/// Whether something was kept for a client when it opened this hub.
pub(crate) fn is_known(peer: &Peer, hub: &HubName) -> bool {
    let of_hub = |session: &Session| session.found.is_some();
    of(peer).is_some_and(|sessions| sessions.lock().get(hub).is_some_and(of_hub))
}

/// Whether something was, but for too long; said once.
pub(crate) fn was_over(peer: &Peer, hub: &HubName) -> bool {
    let of_hub = |session: &mut Session| std::mem::take(&mut session.over);
    of(peer).is_some_and(|sessions| sessions.lock().get_mut(hub).is_some_and(of_hub))
}

/// Changes what is kept for a client that has had everything up to `had`.
///
/// # Errors
/// When the client can't be known again, or the log does not take it.
pub(crate) async fn change(
    node: &Node,
    peer: &Peer,
    hub: &HubName,
    change: Offline,
    had: u64,
) -> Result<(), DeliveryError> {
    let sessions = of(peer).ok_or(DeliveryError::NoPersistentId)?;
    open(node, peer, hub).await;
    let (fence, lease) = {
        let mut all = sessions.lock();
        let session = all.get_mut(hub).ok_or(DeliveryError::Stopped)?;
        match change {
            Offline::Subscribe(queues, ttl) => {
                session.queues.extend(queues);
                session.queues.sort_unstable();
                session.queues.dedup();
                session.ttl = ttl;
            }
            Offline::Unsubscribe(queues) => session.queues.retain(|own| !queues.contains(own)),
            _ => {}
        }
        (session.fence, session.lease(had))
    };
    let key = key(peer, hub).ok_or(DeliveryError::NoPersistentId)?;
    Ok(node.log.put(&key, fence, lease, true).await?)
}

/// What waits for a client on a hub that it has opened, unless it is on its way already.
pub(crate) fn waiting(peer: &Peer, hub: &HubName) -> Option<Waiting> {
    let sessions = of(peer)?;
    let all = sessions.lock();
    let session = all.get(hub).filter(|session| session.sent.is_none())?;
    let found = session.found.as_ref()?;
    let topic = |queue: &QueueName| Topic::Queue(hub.clone(), queue.clone());
    Some(Waiting {
        topics: found.queues.iter().map(topic).collect(),
        after: found.after,
    })
}

/// What waits is to be sent, up to this order; `false` if somebody else was faster.
pub(crate) fn begin(peer: &Peer, hub: &HubName, upto: u64) -> bool {
    let Some(sessions) = of(peer) else {
        return false;
    };
    let mut all = sessions.lock();
    let session = all.get_mut(hub).filter(|session| session.sent.is_none());
    session.is_some_and(|session| session.sent.replace(upto).is_none())
}

/// What waits is not wanted.
pub(crate) fn forget(peer: &Peer, hub: &HubName) {
    if let Some(sessions) = of(peer)
        && let Some(session) = sessions.lock().get_mut(hub)
    {
        session.found = None;
    }
}

/// A connection has ended: all its hubs are closed.
pub(crate) async fn close_all(node: &Node, peer: &Peer, connection: &Connection) {
    let Some(sessions) = of(peer) else { return };
    let hubs: Vec<HubName> = sessions.lock().keys().cloned().collect();
    for hub in hubs {
        let had = connection.link().had(&hub, node.tide.passed());
        close(node, peer, &hub, had).await;
    }
}

/// A hub is closed for a client that has had everything up to `had`: from now on its time runs.
pub(crate) async fn close(node: &Node, peer: &Peer, hub: &HubName, had: u64) {
    let Some(sessions) = of(peer) else { return };
    let Some(session) = sessions.lock().remove(hub) else {
        return;
    };
    let Some(key) = key(peer, hub) else { return };
    let lease = session.lease(had);
    match node.log.put(&key, session.fence, lease, false).await {
        // Fenced: the client is back already, on another connection.
        Ok(()) | Err(LogError::Fenced) => {}
        Err(error) => {
            tracing::warn!(connection = %peer.id, %error, "what is to be kept for a client was not written");
        }
    }
}

impl Session {
    /// Of what was found, what the client has not had.
    fn owed(&self, had: u64) -> Option<Lease> {
        let found = self.found.clone()?;
        match self.sent {
            None => Some(found),
            Some(upto) if had < upto => Some(Lease {
                after: found.after.max(had),
                ..found
            }),
            Some(_) => None,
        }
    }

    /// What was found and has not reached the client is owed still.
    fn lease(&self, had: u64) -> Option<Lease> {
        let own = (!self.queues.is_empty()).then(|| Lease {
            queues: self.queues.clone(),
            after: had,
            ttl: self.ttl,
        });
        match (own, self.owed(had)) {
            (Some(mut own), Some(found)) => {
                own.queues.extend(found.queues);
                own.queues.sort_unstable();
                own.queues.dedup();
                own.after = own.after.min(found.after);
                Some(own)
            }
            (own, found) => own.or(found),
        }
    }
}
