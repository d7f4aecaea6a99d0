//! Who listens to what: the two tables of topics and connections, which change together, and who is told to be there.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use hub_core::{HubName, Interest, Log, Topic};

use super::Inner;
use super::listeners::Listeners;
use crate::connection::link::Connection;
use crate::maps::Set;
use crate::meter;

impl Inner {
    /// How far a connection has to read before the pump can go on for it.
    pub(super) fn reach(&self) -> u64 {
        self.passed.max(self.floor)
    }

    pub(super) fn remove(&mut self, connection: &Arc<Connection>, log: &dyn Log) {
        let known = self.by_id.get(&connection.id);
        if known.is_some_and(|tracked| Arc::ptr_eq(&tracked.connection, connection))
            && let Some(tracked) = self.by_id.remove(&connection.id)
        {
            for topic in &tracked.topics {
                self.unheard(connection, topic, log);
            }
            if let (Some(presences), Some(who)) = (&self.presences, tracked.who) {
                presences.ended(&who);
            }
        }
        connection.items.unfollow(connection.serial);
    }

    pub(super) fn listen_exactly(
        &mut self,
        connection: &Arc<Connection>,
        wanted: &Set<Topic>,
        log: &dyn Log,
    ) {
        // New ones first: a topic must not be without listeners for a moment.
        for topic in wanted {
            self.listen(connection, topic, log);
        }
        let tracked = self.by_id.get(&connection.id);
        let topics = tracked.map(|tracked| &tracked.topics);
        let others = topics.filter(|topics| topics.len() > wanted.len());
        let others = others.into_iter().flat_map(|it| it.difference(wanted));
        for topic in others.cloned().collect::<Vec<_>>() {
            self.unlisten(connection, &topic, log);
        }
    }

    pub(super) fn listen(&mut self, connection: &Arc<Connection>, topic: &Topic, log: &dyn Log) {
        let Some(tracked) = self.by_id.get_mut(&connection.id) else {
            return;
        };
        if !Arc::ptr_eq(&tracked.connection, connection) || !tracked.topics.insert(topic.clone()) {
            return;
        }
        if let (Some(presences), Some(who)) = (&self.presences, &tracked.who) {
            presences.listens(who, topic);
        }
        match self.listeners.entry(topic.clone()) {
            Entry::Occupied(mut others) => others.get_mut().add(connection.clone()),
            Entry::Vacant(nobody) => {
                nobody.insert(Listeners::One(connection.clone()));
                self.floor = self.floor.max(log.watch(topic, Interest::Listen));
                if let Some(hub) = hub_of_group(topic) {
                    meter::group_began(hub);
                }
            }
        }
    }

    pub(super) fn unlisten(&mut self, connection: &Arc<Connection>, topic: &Topic, log: &dyn Log) {
        if let Some(tracked) = self.by_id.get_mut(&connection.id) {
            tracked.topics.remove(topic);
        }
        self.unheard(connection, topic, log);
    }

    fn unheard(&mut self, connection: &Arc<Connection>, topic: &Topic, log: &dyn Log) {
        let Some(listeners) = self.listeners.get_mut(topic) else {
            return;
        };
        if listeners.remove(connection.serial) {
            self.listeners.remove(topic);
            log.watch(topic, Interest::Leave);
            if let Some(hub) = hub_of_group(topic) {
                meter::group_ended(hub);
            }
            if let Some(presences) = &self.presences {
                presences.unheard(topic);
            }
        }
    }

    /// A connection has been told that it listens to a topic no more.
    pub(super) fn leave(&self, connection: &Arc<Connection>, topic: &Topic) {
        let who = self.by_id.get(&connection.id).map(|it| &it.who);
        if let (Some(presences), Some(Some(who))) = (&self.presences, who) {
            presences.leaves(who, topic);
        }
    }

    /// A connection listens to what it is to listen to, and there is nothing of it left to be read.
    pub(super) fn settle(&self, connection: &Arc<Connection>) {
        let tracked = self.by_id.get(&connection.id);
        let who = tracked.and_then(|tracked| Some((tracked.who.as_ref()?, &tracked.topics)));
        if let (Some(presences), Some((who, topics))) = (&self.presences, who) {
            presences.settles(who, topics);
        }
    }
}

/// The hub whose group it is, if hub code has named it.
fn hub_of_group(topic: &Topic) -> Option<&HubName> {
    match topic {
        Topic::Group(hub, group) if group.is_named() => Some(hub),
        _ => None,
    }
}
