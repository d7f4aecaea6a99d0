//! The leases of a log, and how long its queues keep what is owed.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use hub_core::{HubName, Lease, LeaseKey, LogError, PersistentId, Subscriber, Taken, Topic};
use tokio::time::Instant;

use super::State;
use super::owed::Owed;
use super::ring::Ring;
use crate::log::options::LogOptions;

/// Who is bound to whom is remembered for so many clients, the newest.
const MAX_BOUND: usize = 100_000;

#[derive(Debug, Default)]
pub(in crate::log) struct Table {
    pub(in crate::log) leases: HashMap<LeaseKey, Tracked>,
    pub(super) owed: Owed,
    per_lease: usize,
    pub(super) per_user: usize,
    pub(super) per_hub: usize,
    max_ttl: Duration,
    cut: bool,
    pub(in crate::log) fence: u64,
    /// Those that were over when somebody came for them.
    pub(in crate::log) over: Vec<LeaseKey>,
    bound: HashMap<PersistentId, Box<str>>,
    bound_in_order: VecDeque<PersistentId>,
    /// When which order was the last: one mark a second, the newest minute of them.
    pub(super) marks: VecDeque<(Instant, u64)>,
    /// Up to this order entries are older than that.
    pub(super) old: u64,
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
    pub(in crate::log) fn new(options: &LogOptions) -> Self {
        Self {
            per_lease: options.queues_per_lease,
            per_user: options.leases_per_user,
            per_hub: options.leases_per_hub,
            max_ttl: options.max_ttl,
            ..Self::default()
        }
    }

    /// Puts what is known of a lease in place of what was.
    pub(in crate::log) fn set(&mut self, key: &LeaseKey, tracked: Option<Tracked>) {
        self.owed.count(key, tracked.as_ref(), true);
        let before = match tracked {
            Some(tracked) => self.leases.insert(key.clone(), tracked),
            None => self.leases.remove(key),
        };
        self.owed.count(key, before.as_ref(), false);
    }

    /// Ends the leases whose time is over.
    pub(in crate::log) fn sweep(&mut self) -> Vec<LeaseKey> {
        let mut over = std::mem::take(&mut self.over);
        let ending = self.ending();
        for key in &ending {
            self.set(key, None);
        }
        over.extend(ending);
        over
    }

    /// Those whose time is over.
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
        self.owed.bound(owner, user, true);
        self.bound_in_order.push_back(owner.clone());
        if self.bound_in_order.len() <= MAX_BOUND {
            return None;
        }
        let oldest = self.bound_in_order.pop_front()?;
        if let Some(user) = self.bound.remove(&oldest) {
            self.owed.bound(&oldest, &user, false);
        }
        Some(oldest)
    }

    /// Undoes what was bound last.
    #[cfg(feature = "redb")]
    pub(in crate::log) fn unbind(&mut self, owner: &PersistentId) {
        if let Some(user) = self.bound.remove(owner) {
            self.owed.bound(owner, &user, false);
        }
        self.bound_in_order.retain(|bound| bound != owner);
    }

    /// Takes the lease of a key, whoever held it.
    pub(in crate::log) fn take(&mut self, key: &LeaseKey) -> Taken {
        self.fence += 1;
        let fence = self.fence;
        let mut tracked = self.leases.get(key).cloned().unwrap_or_default();
        tracked.fence = fence;
        let over = tracked.is_over(Instant::now());
        tracked.until = None;
        if over {
            tracked.lease = None;
        }
        let lease = tracked.lease.clone();
        self.set(key, Some(tracked));
        if over {
            // The sweep tells of it.
            self.over.push(key.clone());
        }
        Taken {
            fence,
            lease,
            over,
            lost: None,
        }
    }
}

impl Table {
    /// Whether this may be written by who took the lease at this fence, and which lease ends for it.
    pub(in crate::log) fn allows(
        &self,
        key: &LeaseKey,
        fence: u64,
        lease: Option<&Lease>,
    ) -> Result<Option<LeaseKey>, LogError> {
        let tracked = self.leases.get(key);
        let Some(tracked) = tracked.filter(|tracked| tracked.fence == fence) else {
            return Err(LogError::Fenced);
        };
        let Some(lease) = lease else {
            return Ok(None);
        };
        let limit = self.per_lease;
        if lease.queues.len() > limit {
            let what = "queues in a lease";
            return Err(LogError::TooMany { what, limit });
        }
        if tracked.lease.is_some() {
            return Ok(None);
        }
        self.gives_way(key)
    }

    /// A time to live that is not too long.
    fn cut(&mut self, ttl: Duration) -> Duration {
        if ttl > self.max_ttl && !std::mem::replace(&mut self.cut, true) {
            tracing::warn!(
                asked = ?ttl,
                longest = ?self.max_ttl,
                "a lease that lasts too long is cut; this is said once"
            );
        }
        ttl.min(self.max_ttl)
    }
}

impl State {
    /// Writes a lease, if whoever does has taken it last and there is room for it.
    pub(in crate::log) fn put(
        &mut self,
        key: &LeaseKey,
        fence: u64,
        lease: Option<Lease>,
        held: bool,
    ) -> Result<(), LogError> {
        let table = &mut self.leases;
        if let Some(oldest) = table.allows(key, fence, lease.as_ref())? {
            table.set(&oldest, None);
            // The sweep tells of it.
            table.over.push(oldest);
        }
        let Some(mut lease) = lease else {
            let tracked = Tracked {
                fence,
                ..Tracked::default()
            };
            table.set(key, held.then_some(tracked));
            return Ok(());
        };
        lease.ttl = table.cut(lease.ttl);
        let queues = lease.queues.clone();
        let tracked = Tracked {
            fence,
            until: (!held).then(|| Instant::now() + lease.ttl),
            lease: Some(lease),
        };
        table.set(key, Some(tracked));
        for queue in queues {
            self.queue(&Topic::Queue(key.hub.clone(), queue));
        }
        Ok(())
    }

    /// A queue's ring, which is there whether anybody listens or not.
    pub(in crate::log) fn queue(&mut self, topic: &Topic) {
        let forgotten = self.leases.forgotten;
        if !self.rings.contains_key(topic) {
            let ring = Box::new(Ring::after(forgotten));
            self.rings.insert(topic.clone(), ring);
            self.touch(topic);
        }
    }

    /// Notes that a queue changed, for a log that writes it down.
    pub(in crate::log) fn touch(&mut self, topic: &Topic) {
        if let Some(touched) = &mut self.touched {
            touched.insert(topic.clone());
        }
    }
}
