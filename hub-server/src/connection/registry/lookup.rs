//! Who is there: connections by what they listen to. What is given is a snapshot, so that hub code looks at it without a lock.

use std::sync::Arc;

use hub_core::{ConnectionId, GroupName, HubName, Topic};

use super::Registry;
use super::listeners::Listeners;
use crate::connection::link::Connection;
use crate::maps::Set;

impl Registry {
    /// The order of the last entry that was handed on.
    pub(crate) fn passed(&self) -> u64 {
        self.lock().passed
    }

    /// Those who listen to any of these topics, each once.
    pub(crate) fn listeners(&self, topics: &[Topic]) -> Vec<Arc<Connection>> {
        let inner = self.lock();
        let all = topics.iter().filter_map(|topic| inner.listeners.get(topic));
        let all = all.flat_map(Listeners::iter);
        if let [_] = topics {
            return all.cloned().collect();
        }
        let mut seen = Set::default();
        all.filter(|it| seen.insert(it.serial)).cloned().collect()
    }

    /// The groups of a hub that a connection listens to.
    pub(crate) fn groups(&self, connection: &Arc<Connection>, hub: &HubName) -> Vec<GroupName> {
        let inner = self.lock();
        let tracked = inner.by_id.get(&connection.id);
        let same = tracked.filter(|tracked| Arc::ptr_eq(&tracked.connection, connection));
        let topics = same.into_iter().flat_map(|tracked| &tracked.topics);
        let group = |topic: &Topic| match topic {
            Topic::Group(of, group) if of == hub && group.is_named() => Some(group.clone()),
            _ => None,
        };
        topics.filter_map(group).collect()
    }

    /// How many connections listen to any of these topics, and are not left out.
    pub(crate) fn listening(&self, topics: &[Topic], except: &[ConnectionId]) -> u32 {
        if topics.is_empty() {
            return 0;
        }
        let inner = self.lock();
        let listeners = topics.iter().filter_map(|topic| inner.listeners.get(topic));
        let all = listeners.flat_map(Listeners::iter);
        let meant = all.filter(|connection| !except.contains(&connection.id));
        let count = match topics {
            [_] => meant.count(),
            _ => meant.map(|it| it.serial).collect::<Set<u64>>().len(),
        };
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Whether anybody listens to a group.
    pub(crate) fn is_heard(&self, hub: &HubName, group: &GroupName) -> bool {
        let topic = Topic::Group(hub.clone(), group.clone());
        self.lock().listeners.contains_key(&topic)
    }

    pub(crate) fn find(&self, id: &ConnectionId) -> Option<Arc<Connection>> {
        self.lock()
            .by_id
            .get(id)
            .map(|tracked| tracked.connection.clone())
    }

    /// Everybody, as of now.
    pub(crate) fn connections(&self) -> Vec<Arc<Connection>> {
        self.lock()
            .by_id
            .values()
            .map(|tracked| tracked.connection.clone())
            .collect()
    }

    /// Whether a connection is there and has a hub open.
    pub(crate) fn is_on(&self, connection: &Arc<Connection>, hub: &HubName) -> bool {
        let inner = self.lock();
        let on = inner.listeners.get(&Topic::All(hub.clone()));
        on.is_some_and(|on| on.has(connection.serial))
    }
}
