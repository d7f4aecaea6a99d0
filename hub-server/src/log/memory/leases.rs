//! The leases of a [`MemoryLog`], and how long its queues keep what is owed.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use hub_core::{Lease, LeaseKey, Leases, LogError, PersistentId, QueueName, Taken, Topic};
use tokio::time::Instant;

use super::ring::Ring;
use super::{Inner, MemoryLog, QUEUE};

/// Who is bound to whom is remembered for so many clients, the newest.
const MAX_BOUND: usize = 100_000;

/// How finely the age of entries is known.
const TICK: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Table {
    leases: HashMap<LeaseKey, Tracked>,
    fence: u64,
    /// Those that were over when somebody came for them.
    over: Vec<LeaseKey>,
    bound: HashMap<PersistentId, Box<str>>,
    bound_in_order: VecDeque<PersistentId>,
    /// When which order was the last: one mark a second, the newest minute of them.
    marks: VecDeque<(Instant, u64)>,
    /// Up to this order, queues that nobody was owed anything of were forgotten.
    pub(super) forgotten: u64,
}

#[derive(Debug, Default)]
struct Tracked {
    fence: u64,
    lease: Option<Lease>,
    /// When its time is over, once its client is away.
    until: Option<Instant>,
}

impl Tracked {
    fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

#[async_trait]
impl Leases for MemoryLog {
    async fn take(&self, key: &LeaseKey) -> Result<Taken, LogError> {
        let mut inner = self.lock();
        inner.leases.fence += 1;
        let fence = inner.leases.fence;
        let tracked = inner.leases.leases.entry(key.clone()).or_default();
        tracked.fence = fence;
        let over = tracked.is_over(Instant::now());
        tracked.until = None;
        if over {
            tracked.lease = None;
        }
        let lease = tracked.lease.clone();
        if over {
            // The sweep tells of it.
            inner.leases.over.push(key.clone());
        }
        Ok(Taken { fence, lease })
    }

    async fn put(
        &self,
        key: &LeaseKey,
        fence: u64,
        lease: Option<Lease>,
        held: bool,
    ) -> Result<(), LogError> {
        let mut inner = self.lock();
        let tracked = inner.leases.leases.get_mut(key);
        let Some(tracked) = tracked.filter(|tracked| tracked.fence == fence) else {
            return Err(LogError::Fenced);
        };
        let Some(lease) = lease else {
            if held {
                (tracked.lease, tracked.until) = (None, None);
            } else {
                inner.leases.leases.remove(key);
            }
            return Ok(());
        };
        tracked.until = (!held).then(|| Instant::now() + lease.ttl);
        let queues = lease.queues.clone();
        tracked.lease = Some(lease);
        for queue in queues {
            inner.queue(&Topic::Queue(key.hub.clone(), queue));
        }
        Ok(())
    }

    async fn sweep(&self) -> Result<Vec<LeaseKey>, LogError> {
        let now = Instant::now();
        let mut inner = self.lock();
        let mut over = std::mem::take(&mut inner.leases.over);
        let found = inner.leases.leases.extract_if(|_, it| it.is_over(now));
        over.extend(found.map(|(key, _)| key));
        inner.sweep_queues(now);
        Ok(over)
    }

    async fn bind(&self, owner: &PersistentId, user: Option<&str>) -> Result<bool, LogError> {
        let table = &mut self.lock().leases;
        if let Some(bound) = table.bound.get(owner) {
            return Ok(user.is_some_and(|user| user.eq_ignore_ascii_case(bound)));
        }
        if let Some(user) = user {
            table.bound.insert(owner.clone(), user.into());
            table.bound_in_order.push_back(owner.clone());
            if table.bound_in_order.len() > MAX_BOUND
                && let Some(oldest) = table.bound_in_order.pop_front()
            {
                table.bound.remove(&oldest);
            }
        }
        Ok(true)
    }
}

impl Inner {
    /// A queue's ring, which is there whether anybody listens or not.
    pub(super) fn queue(&mut self, topic: &Topic) {
        let forgotten = self.leases.forgotten;
        let made = || Ring::after(forgotten);
        self.rings.entry(topic.clone()).or_insert_with(made);
    }

    /// Lets go what queues owe to nobody and what nobody who is noticed late to be gone can miss any more.
    fn sweep_queues(&mut self, now: Instant) {
        let end = self.end;
        let table = &mut self.leases;
        if table.marks.back().is_none_or(|(at, _)| *at + TICK <= now) {
            table.marks.push_back((now, end));
        }
        let is_old = |(at, _): &mut (Instant, u64)| *at + QUEUE.idle <= now;
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
        self.rings.retain(|topic, ring| {
            let Topic::Queue(hub, queue) = topic else {
                return true;
            };
            let owed = owed.get(&(hub.as_str(), queue)).copied();
            let horizon = owed.unwrap_or(u64::MAX).min(old);
            while ring
                .entries
                .front()
                .is_some_and(|entry| entry.order <= horizon)
            {
                ring.trim();
            }
            let stays = owed.is_some() || !ring.entries.is_empty();
            if !stays {
                forgotten = forgotten.max(ring.trimmed);
            }
            stays
        });
        self.leases.forgotten = forgotten;
    }
}
