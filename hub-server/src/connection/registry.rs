//! [`Registry`]: the connections of this node, by id and by topic. The pump writes through it; whoever changes what a
//! connection listens to does it under its lock, so that no entry falls between two listeners.

mod commands;
mod listeners;
mod listening;
mod lookup;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use hub_core::{
    Ack, Answered, Body, Command, ConnectionId, Entry, Epoch, HubName, Log, Newcomer, NodeId,
    Outbox, Start, Topic,
};

use super::claim::Verdict;
use super::frames::Frames;
use super::indexes::Indexes;
use super::link::{Attach, Connection, Drain, Link, Mode};
use super::presence::Presences;
use crate::maps::{Map, Set};
use listeners::Listeners;

pub(crate) struct Registry {
    inner: Mutex<Inner>,
    node: NodeId,
    log: Arc<dyn Log>,
    epoch: Epoch,
    outbox: (usize, usize),
    indexes: Indexes,
}

#[derive(Default)]
struct Inner {
    by_id: Map<ConnectionId, Tracked>,
    listeners: Map<Topic, Listeners>,
    /// The order of the last entry that the pump handed on.
    passed: u64,
    /// Up to this order the tail may have left something out, as this node did not listen to it yet; a connection that
    /// wants it reads it.
    floor: u64,
    serial: u64,
    presences: Option<Arc<Presences>>,
}

struct Tracked {
    connection: Arc<Connection>,
    topics: Set<Topic>,
    /// Who it is, for those who are told of it.
    who: Option<Box<Newcomer>>,
}

/// What handing on an entry asks for, outside the lock.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) wake: Vec<Waker>,
    pub(crate) acknowledged: Option<Ack>,
    pub(crate) aborted: Option<Arc<Connection>>,
    /// Who is to answer the entry, and whether that could be noted.
    pub(crate) asked: Vec<(ConnectionId, bool)>,
    pub(crate) answered: Option<Answered>,
    pub(crate) claims_again: Option<Arc<Connection>>,
}

/// A receive request that has its place.
pub(crate) struct Attached {
    pub(crate) connection: Arc<Connection>,
    pub(crate) request: u64,
    /// Whether this node did not know the connection.
    pub(crate) new: bool,
    /// Whether the other nodes have to be told that it is here.
    pub(crate) claims: bool,
    /// What the request shows that its client has had, of what it was asked.
    pub(crate) settled: Vec<Ack>,
}

impl Registry {
    pub(crate) fn new(
        node: NodeId,
        log: Arc<dyn Log>,
        outbox: (usize, usize),
        indexes: Indexes,
        presences: Option<Arc<Presences>>,
    ) -> Self {
        let epoch = log.epoch();
        // What a log kept from an earlier server has been handed on.
        let passed = log.end();
        let inner = Inner {
            passed,
            presences,
            ..Inner::default()
        };
        Self {
            inner: Mutex::new(inner),
            node,
            log,
            epoch,
            outbox,
            indexes,
        }
    }

    /// Gives a receive request its connection, replacing an older request. It is live at once if it starts at the end,
    /// and otherwise behind, for its driver to catch up. One that is to be greeted gets its init frame before anything
    /// that the pump hands on.
    pub(crate) fn attach(&self, attach: Attach, start: Start, greet: bool) -> Attached {
        let mut inner = self.lock();
        let (id, bare) = (attach.peer.id.clone(), attach.bare);
        let groups = attach
            .groups
            .iter()
            .map(|(hub, group)| Topic::Group(hub.clone(), group.clone()));
        let wanted: Set<Topic> = attach.topics.iter().cloned().chain(groups).collect();
        let known = inner
            .by_id
            .get(&id)
            .map(|tracked| tracked.connection.clone());
        let new = known.is_none();
        let connection = match known {
            Some(connection) => {
                connection.link().replace(attach);
                connection
            }
            None => {
                inner.serial += 1;
                let presences = inner.presences.as_ref();
                let who = presences.map(|it| Box::new(it.newcomer(&attach.peer, inner.serial)));
                let link = Link::new(attach, Outbox::new(self.outbox.0, self.outbox.1));
                let connection = Arc::new(Connection::new(id.clone(), inner.serial, link));
                let tracked = Tracked {
                    connection: connection.clone(),
                    topics: Set::default(),
                    who,
                };
                inner.by_id.insert(id, tracked);
                connection
            }
        };
        inner.listen_exactly(&connection, &wanted, &*self.log);
        let claims = new && !bare && self.log.is_shared();
        let mut link = connection.link();
        // A cursor may tell of more than this node has heard of.
        let cursor = match start {
            Start::After(cursor) => Some(cursor),
            _ => None,
        };
        let seen = cursor.map_or(0, |cursor| cursor.order);
        link.claim.come(self.log.end().max(seen), claims);
        link.position = inner.reach();
        link.forgiven = link.position;
        if let Some(cursor) = cursor {
            link.position = cursor.order;
            link.mode = Mode::Behind;
        }
        if link.opening {
            link.open(inner.reach());
        }
        link.resume_replay(cursor, inner.reach());
        link.begin();
        let settled = link.settled();
        if greet {
            link.init(self.epoch);
        }
        let request = link.request;
        if link.mode == Mode::Live {
            // One that is behind may read that it is in groups of which it brought no token.
            inner.settle(&connection);
        }
        drop(link);
        drop(inner);
        if new {
            self.indexes.follow(&connection);
        }
        Attached {
            connection,
            request,
            new,
            claims,
            settled,
        }
    }

    /// A claim of this node was written; whoever is to write another is told so.
    pub(crate) fn claimed(&self, connection: &Arc<Connection>, order: u64) -> Verdict {
        let mut inner = self.lock();
        let verdict = connection.link().claim.written(order);
        if verdict == Verdict::GivesUp {
            let waker = inner.give_up(connection, &*self.log);
            drop(inner);
            waker.into_iter().for_each(Waker::wake);
        }
        verdict
    }

    /// All up to this order that anybody here listens to has been handed on.
    pub(crate) fn pass(&self, order: u64) {
        let mut inner = self.lock();
        inner.passed = inner.passed.max(order);
    }

    /// Hands an entry to everybody who listens.
    pub(crate) fn hand_on(&self, entry: &Arc<Entry>) -> Effects {
        let mut effects = Effects::default();
        let mut inner = self.lock();
        inner.passed = inner.passed.max(entry.order);
        if let Body::Command(command) = &entry.body {
            match (&entry.topic, command) {
                (Topic::Control(id), Command::Claim(node)) if *node != self.node => {
                    inner.hear(id, entry.order, &*self.log, &mut effects);
                }
                (Topic::Control(id), command) => {
                    inner.command(id, command, entry.order, &*self.log, &mut effects);
                }
                (_, Command::Acknowledge(number)) => {
                    let (node, number) = (self.node, *number);
                    effects.acknowledged = Some(Ack { node, number });
                }
                (_, Command::Answered(answered)) => effects.answered = Some(answered.clone()),
                _ => {}
            }
            return effects;
        }
        let mut frames = Frames::new(self.epoch, entry);
        for topic in std::iter::once(&entry.topic).chain(&entry.also) {
            let listeners = inner.listeners.get(topic).into_iter();
            for connection in listeners.flat_map(Listeners::iter) {
                let mut link = connection.link();
                if let Some(ack) = entry.ack.filter(|_| !entry.excepts(&connection.id)) {
                    let noted = link.expect(entry, ack);
                    effects.asked.push((connection.id.clone(), noted));
                }
                effects
                    .wake
                    .extend(link.receive(&connection.id, entry, &mut frames));
            }
        }
        effects
    }

    /// Listens to one more topic.
    pub(crate) fn listen(&self, connection: &Arc<Connection>, topic: &Topic) {
        self.lock().listen(connection, topic, &*self.log);
    }

    /// A client opens one more hub: from now on it listens to these topics, too.
    pub(crate) fn open(&self, connection: &Arc<Connection>, hub: usize, topics: Vec<Topic>) {
        let mut inner = self.lock();
        for topic in &topics {
            inner.listen(connection, topic, &*self.log);
        }
        let mut link = connection.link();
        if link.hubs.is_empty() && link.mode == Mode::Live {
            link.begin_at(inner.reach());
        }
        if link.peer.persistent_id.is_some() {
            link.opening = true;
            link.open(inner.reach());
        } else if link.mode == Mode::Live {
            // What came before is not for it.
            link.position = link.position.max(inner.reach());
        }
        link.hubs.push(hub);
        link.topics.extend(topics);
    }

    /// A client closes a hub: it listens to nothing of it any more, groups included.
    pub(crate) fn close(&self, connection: &Arc<Connection>, hub: usize, name: &HubName) {
        let mut inner = self.lock();
        let of_hub = |topic: &Topic| topic.hub() == Some(name);
        let listened = inner.by_id.get(&connection.id);
        let listened = listened.map(|tracked| tracked.topics.clone());
        for topic in listened.iter().flatten().filter(|topic| of_hub(topic)) {
            inner.unlisten(connection, topic, &*self.log);
            inner.leave(connection, topic);
        }
        let mut link = connection.link();
        link.hubs.retain(|own| *own != hub);
        link.topics.retain(|topic| !of_hub(topic));
        link.groups.retain(|(own, _)| own != name);
        link.queues.retain(|topic| !of_hub(topic));
        link.stop_replay(name);
    }

    /// Where a connection that is behind has to read to; one that has read everything goes live instead, while the pump
    /// stands still.
    pub(crate) fn catch_up(&self, connection: &Arc<Connection>, request: u64) -> Option<u64> {
        let mut inner = self.lock();
        let mut link = connection.link();
        if link.request != request || link.mode != Mode::Behind {
            return None;
        }
        let reach = link.bound(inner.reach());
        if link.position < reach || link.catching().is_some() {
            return Some(reach);
        }
        if link.drain.is_some() {
            link.go_live();
            link.leave();
            return None;
        }
        let groups = link
            .groups
            .iter()
            .map(|(hub, group)| Topic::Group(hub.clone(), group.clone()));
        let wanted = link.topics.iter().cloned().chain(groups).collect();
        inner.listen_exactly(connection, &wanted, &*self.log);
        if link.position < inner.reach() {
            return Some(inner.reach());
        }
        inner.settle(connection);
        link.go_live();
        None
    }

    /// From now on a connection is written what was sent before, and no more; then its request ends.
    pub(crate) fn drain(&self, connection: &Arc<Connection>, drain: Drain) {
        let inner = self.lock();
        let mut link = connection.link();
        link.drain(inner.passed, inner.reach(), drain);
    }

    /// Forgets a connection, unless a newer one has its id.
    pub(crate) fn remove(&self, connection: &Arc<Connection>) {
        self.lock().remove(connection, &*self.log);
    }

    /// Forgets a connection if it has no request; `false` if one came in the last moment.
    pub(crate) fn expire(&self, connection: &Arc<Connection>) -> bool {
        let mut inner = self.lock();
        let away = !connection.link().attached;
        if away {
            inner.remove(connection, &*self.log);
        }
        away
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.lock().by_id.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
