//! Presence (`delivery.md` d): a [`Roster`] for each hub that has it. The registry tells them who comes and goes, under its
//! lock, as it changes who listens; [`run`] sends what there is to tell, which takes its time, in the order of versions.
//!
//! A connection is there as long as the registry knows it, and so also while it has no link and may come back.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::FutureExt;
use hub_core::{
    Address, Body, ConnectionId, DeliveryError, Event, GroupName, HubName, Newcomer, NodeId,
    Outlet, Payload, Peer, PresenceDiff, PresencePage, PresenceStats, Roll, Roster, Target, Topic,
    WhenFull,
};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::pump::Tide;
use crate::maps::Set;
use crate::node::Node;

/// The hubs that have presence.
pub(crate) struct Presences {
    node: NodeId,
    hubs: HashMap<HubName, Arc<OnHub>>,
    changed: Arc<Notify>,
}

struct OnHub {
    name: HubName,
    inner: Mutex<Inner>,
    /// How many of those who asked for a change have it told.
    told: Tide,
    changed: Arc<Notify>,
    patience: Duration,
}

struct Inner {
    roster: Roster,
    /// How many have asked for a change.
    asked: u64,
}

impl Presences {
    /// Rosters that nobody is on.
    pub(crate) fn new(
        node: NodeId,
        rosters: impl IntoIterator<Item = (HubName, Roster)>,
        patience: Duration,
    ) -> Self {
        let changed = Arc::new(Notify::new());
        let on_hub = |(name, roster): (HubName, Roster)| {
            let on = OnHub {
                name: name.clone(),
                inner: Mutex::new(Inner { roster, asked: 0 }),
                told: Tide::at(0),
                changed: changed.clone(),
                patience,
            };
            (name, Arc::new(on))
        };
        Self {
            node,
            hubs: rosters.into_iter().map(on_hub).collect(),
            changed,
        }
    }

    pub(crate) fn of(&self, hub: &HubName) -> Option<Arc<dyn Roll>> {
        let on = self.hubs.get(hub)?.clone();
        Some(on)
    }

    /// A connection, as it is told of.
    pub(crate) fn newcomer(&self, peer: &Peer, serial: u64) -> Newcomer {
        Newcomer {
            conn: peer.id.clone(),
            user: peer.identity.user_id(),
            owner: peer.persistent_id.clone(),
            node: self.node,
            serial,
        }
    }

    /// A connection listens to a topic.
    pub(crate) fn listens(&self, who: &Newcomer, topic: &Topic) {
        if let Some((on, room)) = self.room(topic) {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let since = since.unwrap_or_default().as_millis();
            let since = u64::try_from(since).unwrap_or(u64::MAX);
            on.lock().roster.enter(room, who, now(), since);
            self.changed.notify_one();
        }
    }

    /// It does so no more, as it was asked.
    pub(crate) fn leaves(&self, who: &Newcomer, topic: &Topic) {
        if let Some((on, room)) = self.room(topic) {
            on.lock().roster.leave(&room, &who.conn, now());
            self.changed.notify_one();
        }
    }

    /// It is known for sure that it listens to these, and to nothing else.
    pub(crate) fn settles(&self, who: &Newcomer, topics: &Set<Topic>) {
        for on in self.hubs.values() {
            let topic = |room: &Option<GroupName>| match room {
                None => Topic::All(on.name.clone()),
                Some(group) => Topic::Group(on.name.clone(), group.clone()),
            };
            let keeps = |room: &Option<GroupName>| topics.contains(&topic(room));
            if on.lock().roster.retain(&who.conn, now(), keeps) {
                self.changed.notify_one();
            }
        }
    }

    /// It has ended.
    pub(crate) fn ended(&self, who: &Newcomer) {
        for on in self.hubs.values() {
            on.lock().roster.end(&who.conn, now());
        }
        self.changed.notify_one();
    }

    /// Nobody listens to a topic any more.
    pub(crate) fn unheard(&self, topic: &Topic) {
        let Topic::Group(hub, group) = topic else {
            return;
        };
        if let (Some(on), Some(watched)) = (self.hubs.get(hub), group.watched()) {
            let room = (!watched.is_empty()).then(|| GroupName::from(watched));
            on.lock().roster.forget(&room);
        }
    }

    /// What being on a topic is, if it is told.
    fn room(&self, topic: &Topic) -> Option<(&OnHub, Option<GroupName>)> {
        let on = |hub: &HubName| self.hubs.get(hub).map(|on| &**on);
        match topic {
            Topic::All(hub) => Some((on(hub)?, None)),
            Topic::Group(hub, group) if group.is_named() => Some((on(hub)?, Some(group.clone()))),
            _ => None,
        }
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

impl OnHub {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Roll for OnHub {
    fn page(&self, group: &Option<GroupName>, after: Option<u64>) -> PresencePage {
        self.lock().roster.page(group, after)
    }

    fn stats(&self, group: &Option<GroupName>) -> PresenceStats {
        self.lock().roster.stats(group)
    }

    async fn update(&self, who: &ConnectionId, info: Payload) -> Result<(), DeliveryError> {
        let asked = {
            let mut inner = self.lock();
            let limit = inner.roster.options().max_info;
            if info.as_bytes().len() > limit {
                return Err(DeliveryError::InfoTooLarge { limit });
            }
            let info = Some(&info).filter(|info| !info.is_null());
            if !inner.roster.update(who, info, now()) {
                return Err(DeliveryError::Gone);
            }
            inner.asked += 1;
            inner.asked
        };
        self.changed.notify_one();
        // Not for ever: a filter that asks for it as it lets a diff pass waits for itself.
        let told = timeout(self.patience, self.told.reach(asked)).await;
        told.map_err(|_| DeliveryError::TimedOut)
    }
}

/// Sends what there is to tell, as long as the server runs.
pub(crate) async fn run(node: Arc<Node>) {
    let Some(presences) = node.presences.clone() else {
        return;
    };
    let _over = Over(presences.clone());
    loop {
        let mut again: Option<std::time::Instant> = None;
        for on in presences.hubs.values() {
            let at = tell(&node, on).await;
            again = [again, at].into_iter().flatten().min();
        }
        let later = async {
            match again {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = presences.changed.notified() => {}
            () = later => {}
        }
    }
}

/// Nobody is to wait for what is not told any more.
struct Over(Arc<Presences>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.hubs.values().for_each(|on| on.told.end());
    }
}

/// Tells what has happened on a hub; gives when to look again.
async fn tell(node: &Arc<Node>, on: &OnHub) -> Option<std::time::Instant> {
    let (untold, method, asked) = {
        let mut inner = on.lock();
        let untold = inner.roster.take(now());
        (untold, inner.roster.options().method.clone(), inner.asked)
    };
    for diff in untold.diffs {
        let group = diff.group.clone();
        let watching = GroupName::of_presence(group.as_ref());
        if !node.registry.is_heard(&on.name, &watching) {
            // Whoever watches from now on gets a list first.
            continue;
        }
        let sending = send(node, on.name.clone(), watching, &method, diff);
        let sent = AssertUnwindSafe(sending).catch_unwind().await;
        match sent.unwrap_or_else(|_| Err(DeliveryError::Refused("a filter panicked".into()))) {
            Ok(()) => {}
            Err(error @ DeliveryError::Refused(_)) => {
                tracing::debug!(hub = %on.name, %error, "who is there was not told");
            }
            Err(error) => {
                tracing::warn!(hub = %on.name, %error, "who is there could not be told");
                on.lock().roster.lost(&group, now());
                on.changed.notify_one();
            }
        }
    }
    for room in &untold.empty {
        let watching = GroupName::of_presence(room.as_ref());
        if !node.registry.is_heard(&on.name, &watching) {
            on.lock().roster.forget(room);
        }
    }
    on.told.rise(asked);
    untold.again
}

/// An event like those of hub code, which filters see.
async fn send(
    node: &Arc<Node>,
    hub: HubName,
    watching: GroupName,
    method: &str,
    diff: PresenceDiff,
) -> Result<(), DeliveryError> {
    let args = Payload::of(&(diff,)).map_err(|error| DeliveryError::Arguments(Some(error)))?;
    let to = Address {
        hub: hub.clone(),
        target: Target::Group(watching),
        except: Arc::default(),
        queue: None,
        matching: None,
        when_full: WhenFull::Wait,
    };
    let event = Event {
        hub,
        method: method.into(),
        args,
        state: None,
        tag: None,
    };
    node.deliver(to, Body::Event(event)).await.map(drop)
}
