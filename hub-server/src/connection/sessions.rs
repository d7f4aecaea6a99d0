//! What a client is owed on each hub while it is away (`delivery.md` a.2): its leases, from the opening of a hub to its
//! close.

mod keeping;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hub_core::{
    DeliveryError, Gap, GapCause, GroupName, HubName, Lease, LeaseKey, LogError, Lost, Offline,
    OfflineOptions, OfflineStart, Peer, Properties, QueueName, Taken, Topic,
};

use super::link::{Connection, Link};
use crate::meter;
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
    /// Of that, what is too much to have unread.
    lost: Option<Lost>,
    /// Whether something was there whose time was over, until the hub is told.
    over: bool,
    /// Whether that is on its way to the client; it is owed until the client has had this order.
    sent: Option<u64>,
    /// What is kept from now on.
    queues: Vec<QueueName>,
    options: OfflineOptions,
    /// What is published to these topics of the hub reaches the client, and is kept where the queue of that name is.
    topics: Vec<GroupName>,
    properties: Properties,
    /// What the client had had when the hub was closed, or the connection was over: that stands, whatever its hub does then.
    settled: Option<u64>,
}

/// What waits for a client that came back: queues, and the last order that it has had.
pub(crate) struct Waiting {
    pub(crate) topics: Vec<Topic>,
    pub(crate) after: u64,
    /// What it has lost.
    pub(crate) lost: Option<Lost>,
}

impl Waiting {
    /// What was too much to have unread is not sent, but a gap, beside those that there are.
    pub(crate) fn skip_lost(&mut self, hub: &HubName, mut gaps: Vec<Gap>) -> Vec<Gap> {
        let lost = self.lost.take();
        let Some(lost) = lost.filter(|lost| self.after < lost.upto) else {
            return gaps;
        };
        self.after = lost.upto;
        for queue in lost.queues {
            let topic = Some(Topic::Queue(hub.clone(), queue));
            if gaps.iter().all(|gap| gap.topic != topic) {
                let why = GapCause::Trimmed;
                gaps.push(Gap { topic, why });
            }
        }
        gaps
    }
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<HubName, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues that keep for this client, of all hubs.
    pub(crate) fn topics(&self) -> Vec<Topic> {
        let sessions = self.lock();
        let of = |(hub, session): (&HubName, &Session)| {
            let topic = |queue: QueueName| Topic::Queue(hub.clone(), queue);
            session.kept().map(topic).collect::<Vec<_>>()
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
    let Taken {
        fence,
        lease,
        over,
        lost,
    } = match node.log.take(&key).await {
        Ok(taken) => taken,
        Err(error) => {
            meter::failed(&error);
            tracing::warn!(connection = %peer.id, %error, "what was kept for a client can't be looked up");
            return;
        }
    };
    let mut session = Session {
        fence,
        found: None,
        lost,
        over,
        sent: None,
        queues: Vec::new(),
        options: OfflineOptions::default(),
        topics: Vec::new(),
        properties: Properties::new(),
        settled: None,
    };
    if let Some(lease) = lease {
        session.options = lease.ttl.into();
        session.properties = lease.properties.clone();
        session.found = Some(lease);
    }
    sessions.lock().insert(hub.clone(), session);
}

/// What was kept of a client becomes items of its connection again.
pub(crate) fn restore(node: &Node, peer: &Peer, hub: &HubName) {
    if node.properties.is_empty() {
        return;
    }
    let Some(sessions) = of(peer) else { return };
    let kept = sessions.lock().get(hub).map(|it| it.properties.clone());
    if let Some(kept) = kept {
        node.properties.restore(&kept, &peer.items);
    }
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

/// Changes what is kept for a client, whose connection is here, or has just ended here.
///
/// # Errors
/// When the client can't be known again, its connection is not here, or the log does not take it.
pub(crate) async fn change(
    node: &Node,
    peer: &Peer,
    hub: &HubName,
    change: Offline,
) -> Result<(), DeliveryError> {
    let sessions = of(peer).ok_or(DeliveryError::NoPersistentId)?;
    let connection = node.registry.find(&peer.id);
    if connection.is_some() {
        open(node, peer, hub).await;
    }
    let (fence, lease) = {
        // What it has had, and what is on its way to it, are looked at together.
        let link = connection.as_deref().map(Connection::link);
        let mut all = sessions.lock();
        let session = all.get_mut(hub).ok_or(DeliveryError::Gone)?;
        let had = match &link {
            Some(link) => session.look_at(hub, link, node.tide.passed()),
            None => session.settled.ok_or(DeliveryError::Gone)?,
        };
        match change {
            Offline::Subscribe(queues, options) => {
                session.queues.extend(queues);
                session.queues.sort_unstable();
                session.queues.dedup();
                session.options = options;
            }
            Offline::Unsubscribe(queues) => session.queues.retain(|own| !queues.contains(own)),
            Offline::Property(name, value) => session.set(name, value)?,
            Offline::Clear => session.properties.clear(),
            _ => {}
        }
        (session.fence, session.lease(had))
    };
    let key = key(peer, hub).ok_or(DeliveryError::NoPersistentId)?;
    let put = node.log.put(&key, fence, lease, true).await;
    put.inspect_err(meter::failed)?;
    if let Some(connection) = connection {
        connection.link().queues = sessions.topics();
    }
    Ok(())
}

/// What a hub keeps for a client.
///
/// # Errors
/// When the client can't be known again.
pub(crate) async fn properties(
    node: &Node,
    peer: &Peer,
    hub: &HubName,
) -> Result<Properties, DeliveryError> {
    let sessions = of(peer).ok_or(DeliveryError::NoPersistentId)?;
    open(node, peer, hub).await;
    let all = sessions.lock();
    let session = all.get(hub).ok_or(DeliveryError::Stopped)?;
    Ok(session.properties.clone())
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
        lost: session.lost.clone(),
    })
}

/// What waits is to be sent, up to this order, on the link that is locked meanwhile; `false` if somebody else was faster, or
/// the hub is closed.
pub(crate) fn begin(peer: &Peer, hub: &HubName, upto: u64) -> bool {
    let Some(sessions) = of(peer) else {
        return false;
    };
    let mut all = sessions.lock();
    let session = all.get_mut(hub).filter(|session| session.settled.is_none());
    session.is_some_and(|session| {
        let first = session.sent.is_none();
        session.sent.get_or_insert(upto);
        first
    })
}

/// What waits is not wanted.
pub(crate) fn forget(peer: &Peer, hub: &HubName) {
    if let Some(sessions) = of(peer)
        && let Some(session) = sessions.lock().get_mut(hub)
    {
        session.found = None;
        session.properties.clear();
    }
}

/// A hub is about to be closed: what its client has had by now is what counts.
pub(crate) fn settle(peer: &Peer, hub: &HubName, link: &Link, passed: u64) {
    if let Some(sessions) = of(peer)
        && let Some(session) = sessions.lock().get_mut(hub)
    {
        session.settle(hub, link, passed);
    }
}

/// The same for all hubs: the connection is over.
pub(crate) fn settle_all(peer: &Peer, link: &Link, passed: u64) {
    let Some(sessions) = of(peer) else { return };
    for (hub, session) in sessions.lock().iter_mut() {
        session.settle(hub, link, passed);
    }
}

/// A connection has ended: all its hubs are closed.
pub(crate) async fn close_all(node: &Node, peer: &Peer, connection: &Connection) {
    let Some(sessions) = of(peer) else { return };
    // One may have been opened since.
    settle_all(peer, &connection.link(), node.tide.passed());
    let hubs: Vec<HubName> = sessions.lock().keys().cloned().collect();
    for hub in hubs {
        close(node, peer, &hub).await;
    }
}

/// A hub is closed, and was settled: from now on the client's time runs.
pub(crate) async fn close(node: &Node, peer: &Peer, hub: &HubName) {
    let Some(sessions) = of(peer) else { return };
    let Some(session) = sessions.lock().remove(hub) else {
        return;
    };
    let Some(key) = key(peer, hub) else { return };
    let had = session.settled.unwrap_or_default();
    let had = match session.options.start {
        OfflineStart::Now => node.tide.passed().max(had),
        _ => had,
    };
    let lease = session.lease(had);
    let put = node.log.put(&key, session.fence, lease, false).await;
    match put.inspect_err(meter::failed) {
        // Fenced: the client is back already, on another connection.
        Ok(()) | Err(LogError::Fenced) => {}
        Err(error) => {
            tracing::warn!(connection = %peer.id, %error, "what is to be kept for a client was not written");
        }
    }
}
