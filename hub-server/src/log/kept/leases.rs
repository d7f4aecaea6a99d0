//! The leases of a log, and how long its queues keep what is owed.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use hub_core::{
    HubName, Lease, LeaseKey, LogError, PersistentId, QueueName, Subscriber, Taken, Topic,
};
use tokio::time::Instant;

use super::State;
use super::ring::Ring;

/// Who is bound to whom is remembered for so many clients, the newest.
const MAX_BOUND: usize = 100_000;

/// How finely the age of entries is known.
const TICK: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(in crate::log) struct Table {
    pub(in crate::log) leases: HashMap<LeaseKey, Tracked>,
    pub(in crate::log) fence: u64,
    /// Those that were over when somebody came for them.
    pub(in crate::log) over: Vec<LeaseKey>,
    bound: HashMap<PersistentId, Box<str>>,
    bound_in_order: VecDeque<PersistentId>,
    /// When which order was the last: one mark a second, the newest minute of them.
    marks: VecDeque<(Instant, u64)>,
    /// Up to this order, queues that nobody was owed anything of were forgotten.
    pub(in crate::log) forgotten: u64,
}

/// A lease, and whose it is.
#[derive(Debug, Clone, Default)]
pub(in crate::log) struct Tracked {
    pub(in crate::log) fence: u64,
    pub(in crate::log) lease: Option<Lease>,
    /// When its time is over, once its client is away.
    pub(in crate::log) until: Option<Instant>,
}

impl Tracked {
    fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl Table {
    /// Ends the leases whose time is over.
    pub(in crate::log) fn sweep(&mut self) -> Vec<LeaseKey> {
        let now = Instant::now();
        let mut over = std::mem::take(&mut self.over);
        let found = self.leases.extract_if(|_, it| it.is_over(now));
        over.extend(found.map(|(key, _)| key));
        over
    }

    /// Those whose time is over.
    #[cfg(feature = "redb")]
    pub(in crate::log) fn ending(&self) -> Vec<LeaseKey> {
        let now = Instant::now();
        let over = self.leases.iter().filter(|(_, it)| it.is_over(now));
        over.map(|(key, _)| key.clone()).collect()
    }

    pub(in crate::log) fn bound_to(&self, owner: &PersistentId) -> Option<&str> {
        self.bound.get(owner).map(|user| &**user)
    }

    /// The leases on a hub.
    pub(in crate::log) fn on(&self, hub: &HubName) -> Vec<Subscriber> {
        let leases = self.leases.iter().filter(|(key, _)| key.hub == *hub);
        let known = leases.filter_map(|(key, tracked)| {
            Some(Subscriber {
                owner: key.owner.clone(),
                user: self.bound_to(&key.owner).map(Into::into),
                lease: tracked.lease.clone()?,
                held: tracked.until.is_none(),
            })
        });
        known.collect()
    }

    /// Whether a client is this user's, as far as it is bound to anybody.
    pub(in crate::log) fn is_bound(
        &self,
        owner: &PersistentId,
        user: Option<&str>,
    ) -> Option<bool> {
        let bound = self.bound_to(owner)?;
        Some(user.is_some_and(|user| user.eq_ignore_ascii_case(bound)))
    }

    /// Binds a client that is not bound yet; gives who is forgotten for it.
    pub(in crate::log) fn bind(
        &mut self,
        owner: &PersistentId,
        user: &str,
    ) -> Option<PersistentId> {
        self.bound.insert(owner.clone(), user.into());
        self.bound_in_order.push_back(owner.clone());
        if self.bound_in_order.len() <= MAX_BOUND {
            return None;
        }
        let oldest = self.bound_in_order.pop_front()?;
        self.bound.remove(&oldest);
        Some(oldest)
    }

    /// Undoes what was bound last.
    #[cfg(feature = "redb")]
    pub(in crate::log) fn unbind(&mut self, owner: &PersistentId) {
        self.bound.remove(owner);
        self.bound_in_order.retain(|bound| bound != owner);
    }

    /// Takes the lease of a key, whoever held it.
    pub(in crate::log) fn take(&mut self, key: &LeaseKey) -> Taken {
        self.fence += 1;
        let fence = self.fence;
        let tracked = self.leases.entry(key.clone()).or_default();
        tracked.fence = fence;
        let over = tracked.is_over(Instant::now());
        tracked.until = None;
        if over {
            tracked.lease = None;
        }
        let lease = tracked.lease.clone();
        if over {
            // The sweep tells of it.
            self.over.push(key.clone());
        }
        Taken { fence, lease, over }
    }
}

impl State {
    /// Writes a lease, if whoever does has taken it last.
    pub(in crate::log) fn put(
        &mut self,
        key: &LeaseKey,
        fence: u64,
        lease: Option<Lease>,
        held: bool,
    ) -> Result<(), LogError> {
        let tracked = self.leases.leases.get_mut(key);
        let Some(tracked) = tracked.filter(|tracked| tracked.fence == fence) else {
            return Err(LogError::Fenced);
        };
        let Some(lease) = lease else {
            if held {
                (tracked.lease, tracked.until) = (None, None);
            } else {
                self.leases.leases.remove(key);
            }
            return Ok(());
        };
        tracked.until = (!held).then(|| Instant::now() + lease.ttl);
        let queues = lease.queues.clone();
        tracked.lease = Some(lease);
        for queue in queues {
            self.queue(&Topic::Queue(key.hub.clone(), queue));
        }
        Ok(())
    }

    /// A queue's ring, which is there whether anybody listens or not.
    pub(in crate::log) fn queue(&mut self, topic: &Topic) {
        let forgotten = self.leases.forgotten;
        if !self.rings.contains_key(topic) {
            self.rings.insert(topic.clone(), Ring::after(forgotten));
            self.touch(topic);
        }
    }

    /// Lets go what queues owe to nobody and what nobody who is noticed late to be gone can miss any more.
    pub(in crate::log) fn sweep_queues(&mut self, now: Instant) {
        let (end, idle) = (self.end, self.queue.idle);
        let table = &mut self.leases;
        if table.marks.back().is_none_or(|(at, _)| *at + TICK <= now) {
            table.marks.push_back((now, end));
        }
        let is_old = |(at, _): &mut (Instant, u64)| *at + idle <= now;
        let mut old = None;
        while let Some((_, order)) = table.marks.pop_front_if(is_old) {
            old = Some(order);
        }
        let Some(old) = old else { return };
        let mut owed: HashMap<(&str, &QueueName), u64> = HashMap::new();
        for (key, tracked) in &table.leases {
            let Some(lease) = &tracked.lease else {
                continue;
            };
            for queue in &lease.queues {
                let least = owed.entry((key.hub.as_str(), queue)).or_insert(u64::MAX);
                *least = lease.after.min(*least);
            }
        }
        let mut forgotten = table.forgotten;
        let touched = &mut self.touched;
        self.rings.retain(|topic, ring| {
            let Topic::Queue(hub, queue) = topic else {
                return true;
            };
            let owed = owed.get(&(hub.as_str(), queue)).copied();
            let horizon = owed.unwrap_or(u64::MAX).min(old);
            let trimmed = ring.trimmed;
            while ring
                .entries
                .front()
                .is_some_and(|entry| entry.order <= horizon)
            {
                ring.trim();
            }
            let stays = owed.is_some() || !ring.entries.is_empty();
            if let Some(touched) = touched
                .as_mut()
                .filter(|_| !stays || ring.trimmed > trimmed)
            {
                touched.insert(topic.clone());
            }
            if !stays {
                forgotten = forgotten.max(ring.trimmed).max(ring.damaged);
            }
            stays
        });
        self.leases.forgotten = forgotten;
    }

    /// Notes that a queue changed, for a log that writes it down.
    pub(in crate::log) fn touch(&mut self, topic: &Topic) {
        if let Some(touched) = &mut self.touched {
            touched.insert(topic.clone());
        }
    }
}
