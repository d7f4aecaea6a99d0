//! Which running task waits for which other one, as far as it was seen: the ways round which they would wait for ever.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Core;
use crate::scheduler::Key;
use crate::scheduler::ticket::Fate;

/// So many waits are followed at most for one that is new: longer rings are not found.
const FOLLOWED: usize = 256;

/// What a task waits for: tasks by number, with the keys of their queues.
pub(in crate::scheduler) type Waits<K> = HashMap<u64, (K, Arc<dyn Fate>)>;

impl<K: Key> Core<K> {
    /// Notes that the running task of `own` waits for one of `other`'s, unless that one can't end before it.
    pub(in crate::scheduler) fn waits(
        &mut self,
        own: &K,
        other: &K,
        number: u64,
        fate: Arc<dyn Fate>,
    ) -> bool {
        // Whoever has left its queue has ended, and tells its ticket now.
        if fate.has_left() {
            return false;
        }
        if self.is_behind(other, own) {
            return true;
        }
        if let Some(queue) = self.queues.get_mut(own) {
            queue.waits.insert(number, (other.clone(), fate));
        }
        false
    }

    /// Forgets what the running task waits for; what is given back is dropped out of the lock.
    pub(in crate::scheduler) fn waits_no_more(&mut self, key: &K) -> Waits<K> {
        let queue = self.queues.get_mut(key);
        queue
            .map(|queue| std::mem::take(&mut queue.waits))
            .unwrap_or_default()
    }

    /// Whether all of `key`'s queue waits for the running task of `own`.
    fn is_behind(&self, key: &K, own: &K) -> bool {
        let mut seen = HashSet::new();
        let mut next = vec![key];
        while let Some(key) = next.pop() {
            if key == own {
                return true;
            }
            if !seen.insert(key) || seen.len() > FOLLOWED {
                continue;
            }
            if let Some(queue) = self.queues.get(key) {
                let waits = queue.waits.values();
                let waits = waits.filter(|(_, fate)| !fate.has_left());
                next.extend(waits.map(|(key, _)| key).take(FOLLOWED));
            }
        }
        false
    }
}
