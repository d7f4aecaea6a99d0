//! What becomes of one hub's session: what its client has had, and the lease that says what it is owed.

use hub_core::{GroupName, HubName, Lease, LogError, Payload, QueueName};

use super::Session;
use crate::connection::link::{Link, Membership};

/// Names and values that a hub keeps for one client have so many bytes.
const MAX_PROPERTIES: usize = 64 << 10;

impl Session {
    /// What the client has had, by its link or from when that was settled; and the topics that it follows.
    pub(super) fn look_at(&mut self, hub: &HubName, link: &Link, passed: u64) -> u64 {
        if let Some(had) = self.settled {
            return had;
        }
        self.follow(hub, &link.groups);
        link.had(hub, passed)
    }

    pub(super) fn settle(&mut self, hub: &HubName, link: &Link, passed: u64) {
        self.settled = Some(self.look_at(hub, link, passed));
    }

    /// Of what was found, what the client has not had.
    pub(super) fn owed(&self, had: u64) -> Option<Lease> {
        let found = self.found.clone().filter(|it| !it.queues.is_empty())?;
        let found = Lease {
            properties: self.properties.clone(),
            ..found
        };
        match self.sent {
            None => Some(found),
            // It is told what it has lost before what comes after that.
            Some(_) if self.lost.as_ref().is_some_and(|lost| had <= lost.upto) => Some(found),
            Some(upto) if had < upto => Some(Lease {
                after: found.after.max(had),
                ..found
            }),
            Some(_) => None,
        }
    }

    /// What was found and has not reached the client is owed still.
    pub(super) fn lease(&self, had: u64) -> Option<Lease> {
        let keeps = !self.queues.is_empty() || !self.properties.is_empty();
        let own = keeps.then(|| Lease {
            queues: self.kept().collect(),
            after: had,
            ttl: self.options.ttl,
            properties: self.properties.clone(),
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

    /// The queues that keep for the client, those of topics among them.
    pub(super) fn kept(&self) -> impl Iterator<Item = QueueName> {
        let followed = |queue: &&QueueName| {
            let group = GroupName::of_topic(queue.as_str());
            self.topics.contains(&group)
        };
        let published = self.queues.iter().filter(followed);
        let published = published.map(|queue| QueueName::of_topic(queue.as_str()));
        self.queues.iter().cloned().chain(published)
    }

    /// The client is a member of these groups, some of which are topics.
    pub(super) fn follow(&mut self, hub: &HubName, groups: &[Membership]) {
        let own = groups.iter().filter(|(of, _)| of == hub);
        let topics = own.filter(|(_, group)| group.topic().is_some());
        self.topics = topics.map(|(_, group)| group.clone()).collect();
    }

    pub(super) fn set(&mut self, name: String, value: Option<Payload>) -> Result<(), LogError> {
        let Some(value) = value else {
            self.properties.remove(&name);
            return Ok(());
        };
        let weight = |(name, value): (&String, &Payload)| name.len() + value.as_bytes().len();
        let others = self.properties.iter().filter(|(other, _)| **other != name);
        let size = others.map(weight).sum::<usize>() + weight((&name, &value));
        if size > MAX_PROPERTIES {
            return Err(LogError::TooLarge {
                size,
                limit: MAX_PROPERTIES,
            });
        }
        self.properties.insert(name, value);
        Ok(())
    }
}
