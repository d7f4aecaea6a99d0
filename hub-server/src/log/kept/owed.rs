//! Who is owed what: how many wait for a queue, whose leases there are, and who lags behind.

use std::collections::{HashMap, HashSet};

use hub_core::{HubName, LeaseKey, LogError, PersistentId, Recipients, Topic, UserId};

use super::State;
use super::leases::{Table, Tracked};

/// Counts over leases, kept as they change.
#[derive(Debug, Default)]
pub(in crate::log) struct Owed {
    /// Leases of clients that are away, by queue.
    away: HashMap<Topic, u32>,
    /// Leases on a hub.
    hubs: HashMap<HubName, usize>,
    /// Clients by user, whose name is compared ignoring case.
    users: HashMap<String, HashSet<PersistentId>>,
}

impl Owed {
    /// A lease is there from now on, or has gone.
    pub(super) fn count(&mut self, key: &LeaseKey, tracked: Option<&Tracked>, there: bool) {
        let Some((lease, tracked)) = tracked.and_then(|it| Some((it.lease.as_ref()?, it))) else {
            return;
        };
        let leases = self.hubs.entry(key.hub.clone()).or_default();
        *leases = if there {
            *leases + 1
        } else {
            leases.saturating_sub(1)
        };
        if *leases == 0 {
            self.hubs.remove(&key.hub);
        }
        if tracked.until.is_none() {
            return;
        }
        let queues: HashSet<_> = lease.queues.iter().collect();
        for queue in queues {
            let topic = Topic::Queue(key.hub.clone(), queue.clone());
            if there {
                *self.away.entry(topic).or_default() += 1;
            } else if let Some(count) = self.away.get_mut(&topic) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.away.remove(&topic);
                }
            }
        }
    }

    /// How many leases there are on which hub.
    pub(super) fn by_hub(&self) -> impl Iterator<Item = (&HubName, usize)> {
        self.hubs.iter().map(|(hub, leases)| (hub, *leases))
    }

    pub(super) fn bound(&mut self, owner: &PersistentId, user: &str, there: bool) {
        let user = user.to_ascii_lowercase();
        if there {
            let owners = self.users.entry(user).or_default();
            owners.insert(owner.clone());
        } else if let Some(owners) = self.users.get_mut(&user) {
            owners.remove(owner);
            if owners.is_empty() {
                self.users.remove(&user);
            }
        }
    }
}

impl Table {
    /// How many leases of clients that are away owe an entry for these recipients.
    pub(in crate::log) fn waiting(&self, topic: &Topic, only: Option<&Recipients>) -> u32 {
        let (Some(only), Topic::Queue(hub, queue)) = (only, topic) else {
            return self.owed.away.get(topic).copied().unwrap_or(0);
        };
        let users = only.users.iter().flat_map(|user: &UserId| {
            let owners = self.owed.users.get(&user.as_str().to_ascii_lowercase());
            let exact = |owner: &&PersistentId| self.bound_to(owner) == Some(user.as_str());
            owners.into_iter().flatten().filter(exact)
        });
        let owners: HashSet<&PersistentId> = only.owners.iter().chain(users).collect();
        let owes = |owner: &&&PersistentId| {
            let key = LeaseKey {
                hub: hub.clone(),
                owner: (**owner).clone(),
            };
            let tracked = self.leases.get(&key).filter(|it| it.until.is_some());
            let lease = tracked.and_then(|tracked| tracked.lease.as_ref());
            lease.is_some_and(|lease| lease.queues.contains(queue))
        };
        let count = owners.iter().filter(owes).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Which lease has to end for a new one, if any has.
    pub(in crate::log) fn gives_way(&self, key: &LeaseKey) -> Result<Option<LeaseKey>, LogError> {
        let user = self.bound_to(&key.owner).map(str::to_ascii_lowercase);
        let owners = user.and_then(|user| self.owed.users.get(&user));
        let keys = owners.into_iter().flatten().map(|owner| LeaseKey {
            hub: key.hub.clone(),
            owner: owner.clone(),
        });
        let own: Vec<(LeaseKey, &Tracked)> = keys
            .filter_map(|key| {
                let tracked = self.leases.get(&key)?;
                tracked.lease.is_some().then_some((key, tracked))
            })
            .collect();
        let on_hub = self.owed.hubs.get(&key.hub).copied().unwrap_or(0);
        let (what, limit) = if own.len() >= self.per_user {
            ("leases of a user", self.per_user)
        } else if on_hub >= self.per_hub {
            ("leases on a hub", self.per_hub)
        } else {
            return Ok(None);
        };
        let away = own.into_iter().filter_map(|(key, tracked)| {
            let until = tracked.until?;
            let since = until.checked_sub(tracked.lease.as_ref()?.ttl);
            Some((since.unwrap_or(until), key))
        });
        let oldest = away.min_by_key(|(since, _)| *since);
        match oldest {
            Some((_, oldest)) => Ok(Some(oldest)),
            None => Err(LogError::TooMany { what, limit }),
        }
    }
}

impl State {
    /// How far a full queue lets go that has let go up to `gone` already: to where the first of those stands who lose
    /// nothing by it. Clients that are there are owed the newest only.
    pub(super) fn laggards_horizon(&self, topic: &Topic, gone: u64) -> u64 {
        let Topic::Queue(hub, queue) = topic else {
            return 0;
        };
        let others = self.leases.leases.iter().filter_map(|(key, tracked)| {
            let lease = tracked.lease.as_ref()?;
            let away = tracked.until.is_some() && key.hub == *hub;
            let other = away && lease.after >= gone && lease.queues.contains(queue);
            other.then_some(lease.after)
        });
        others.min().unwrap_or(u64::MAX).min(self.leases.old)
    }
}
