//! How much a lease may have unread. It is looked at as somebody takes the lease: who appends does not count for everybody
//! who is away.

use std::collections::VecDeque;

use hub_core::{Cursor, Entry, Lease, LeaseKey, Limit, Log, Lost, QueueName, Topic, UserId};

use super::Kept;

/// So many entries are looked at together.
const PAGE: usize = 1_000;

impl Kept {
    /// What a lease has lost, if more is unread than it may have.
    pub(in crate::log) async fn lost(
        &self,
        log: &impl Log,
        key: &LeaseKey,
        lease: &Lease,
    ) -> Option<Lost> {
        let topic = |queue: &QueueName| Topic::Queue(key.hub.clone(), queue.clone());
        let topics: Vec<Topic> = lease.queues.iter().map(topic).collect();
        let (most, user, upto) = {
            let state = self.lock();
            let most = state.options.unread;
            let rings = topics.iter().filter_map(|topic| state.rings.get(topic));
            if rings.map(|ring| ring.tally.entries).sum::<usize>() <= most {
                return None;
            }
            let user = state.leases.bound_to(&key.owner).map(UserId::new);
            (most, user, state.end)
        };
        let is_owed = |entry: &Entry| {
            let only = entry.only.as_ref();
            only.is_none_or(|only| only.include(&key.owner, user.as_ref()))
        };
        // The newest of what is owed: orders, and in which of the queues.
        let mut unread: VecDeque<(u64, usize)> = VecDeque::new();
        let (mut last, mut queues, mut after) = (0, vec![false; topics.len()], lease.after);
        loop {
            let limit = Limit {
                entries: PAGE,
                upto,
            };
            let page = log.read(&topics, Cursor::at(self.epoch, after), limit);
            // Who reads what is owed meets the same failure.
            let page = page.await.ok()?;
            for entry in page.entries.iter().filter(|entry| is_owed(entry)) {
                let at = topics.iter().position(|topic| *topic == entry.topic);
                unread.extend(at.map(|at| (entry.order, at)));
                if unread.len() > most
                    && let Some((order, at)) = unread.pop_front()
                {
                    last = order;
                    if let Some(queue) = queues.get_mut(at) {
                        *queue = true;
                    }
                }
            }
            match page.entries.last() {
                Some(entry) if page.more => after = entry.order,
                _ => break,
            }
        }
        let lost = lease.queues.iter().zip(queues).filter(|(_, lost)| *lost);
        (last > 0).then(|| Lost {
            upto: last,
            queues: lost.map(|(queue, _)| queue.clone()).collect(),
        })
    }
}
