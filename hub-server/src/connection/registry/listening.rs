//! Who listens to what. The first one who listens to a topic makes the log watch it, and the last one who leaves ends that.

use std::collections::HashSet;
use std::sync::Arc;

use hub_core::{HubName, Interest, Log, Topic};

use super::Inner;
use crate::connection::link::Connection;
use crate::meter;

impl Inner {
    pub(super) fn listen_exactly(
        &mut self,
        connection: &Arc<Connection>,
        wanted: &HashSet<Topic>,
        log: &dyn Log,
    ) {
        let current = self
            .by_id
            .get(&connection.id)
            .map(|tracked| tracked.topics.clone())
            .unwrap_or_default();
        // New ones first: a topic must not be without listeners for a moment.
        for topic in wanted.difference(&current) {
            self.listen(connection, topic, log);
        }
        for topic in current.difference(wanted) {
            self.unlisten(connection, topic, log);
        }
    }

    pub(super) fn listen(&mut self, connection: &Arc<Connection>, topic: &Topic, log: &dyn Log) {
        let Some(tracked) = self.by_id.get_mut(&connection.id) else {
            return;
        };
        if !Arc::ptr_eq(&tracked.connection, connection) || !tracked.topics.insert(topic.clone()) {
            return;
        }
        let listeners = self.listeners.entry(topic.clone()).or_default();
        if listeners.is_empty() {
            self.floor = self.floor.max(log.watch(topic, Interest::Listen));
            if let Some(hub) = hub_of_group(topic) {
                meter::group_began(hub);
            }
        }
        listeners.insert(connection.serial, connection.clone());
    }

    pub(super) fn unlisten(&mut self, connection: &Arc<Connection>, topic: &Topic, log: &dyn Log) {
        if let Some(tracked) = self.by_id.get_mut(&connection.id) {
            tracked.topics.remove(topic);
        }
        let Some(listeners) = self.listeners.get_mut(topic) else {
            return;
        };
        if listeners.remove(&connection.serial).is_some() && listeners.is_empty() {
            self.listeners.remove(topic);
            log.watch(topic, Interest::Leave);
            if let Some(hub) = hub_of_group(topic) {
                meter::group_ended(hub);
            }
        }
    }
}

/// The hub whose group it is; topics that clients subscribe to are none.
fn hub_of_group(topic: &Topic) -> Option<&HubName> {
    match topic {
        Topic::Group(hub, group) if group.topic().is_none() => Some(hub),
        _ => None,
    }
}
