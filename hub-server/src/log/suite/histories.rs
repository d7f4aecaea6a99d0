//! Random histories against a model that keeps everything.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::FutureExt;
use hub_core::{Entry, Lease, LeaseKey, Limit, LogError, Notice, Topic};
use tokio::time::{Duration, Instant, advance};

use super::Cases;
use super::checked::{Checked, group, hub, key, lease, numbers, queue, said_also};

pub(super) fn add(cases: &mut Cases) {
    for seed in 1..=15 {
        cases.add(
            format!("a random history of entries: seed {seed}"),
            move |log| entries(log, Chance(seed)),
        );
        cases.add(
            format!("a random history of leases: seed {seed}"),
            move |log| leases(log, Chance(seed)),
        );
    }
}

/// Chance that comes out the same for the same seed (SplitMix64).
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

/// What should be in each topic: order and number of all that was written there.
struct Model {
    topics: Vec<Topic>,
    written: HashMap<Topic, Vec<(u64, u64)>>,
}

impl Model {
    /// Live topics keep ten.
    fn kept(&self, topic: &Topic) -> &[(u64, u64)] {
        let all = self.written.get(topic).map_or(&[][..], Vec::as_slice);
        match topic {
            Topic::Queue(..) => all,
            _ => &all[all.len().saturating_sub(10)..],
        }
    }

    fn read(&self, topics: &[Topic], after: u64) -> (Vec<(u64, u64)>, Vec<Topic>) {
        let kept = topics.iter().flat_map(|topic| self.kept(topic));
        let mut found: Vec<_> = kept.filter(|(order, _)| *order > after).copied().collect();
        found.sort_unstable();
        found.dedup();
        let lost = |topic: &&Topic| {
            let all = self.written.get(*topic).map_or(&[][..], Vec::as_slice);
            let gone = &all[..all.len() - self.kept(topic).len()];
            gone.last().is_some_and(|(order, _)| *order > after)
        };
        (found, topics.iter().filter(lost).cloned().collect())
    }
}

async fn entries(log: Checked, mut chance: Chance) {
    let lives = (0..4).map(|n| group(&n.to_string()));
    let queues = (0..3).map(|n| queue(&n.to_string()));
    let mut model = Model {
        topics: lives.chain(queues).collect(),
        written: HashMap::new(),
    };
    log.listen(&model.topics[..4]);
    let (mut number, mut orders, mut tail) = (0, vec![0], Vec::new());
    for step in 0..300 {
        match chance.below(3) {
            0 => {
                let mut batch = Vec::new();
                for _ in 0..=chance.below(4) {
                    let at = chance.below(7) as usize;
                    let also = chance.below(12) as usize;
                    let also = if also < 4 && also != at {
                        also..also + 1
                    } else {
                        0..0
                    };
                    number += 1;
                    batch.push(said_also(&model.topics[at], &model.topics[also], number));
                }
                let first = number + 1 - batch.len() as u64;
                let receipts = log.append(batch.clone()).await;
                for (number, (entry, receipt)) in (first..).zip(batch.iter().zip(receipts)) {
                    assert!(receipt.order > *orders.last().unwrap());
                    orders.push(receipt.order);
                    for topic in std::iter::once(&entry.topic).chain(&entry.also) {
                        let written = model.written.entry(topic.clone()).or_default();
                        written.push((receipt.order, number));
                    }
                }
            }
            1 => {
                let after = orders[chance.below(orders.len() as u64) as usize];
                let topics: Vec<Topic> = model
                    .topics
                    .iter()
                    .filter(|_| chance.below(2) == 0)
                    .cloned()
                    .collect();
                let limit = Limit {
                    entries: chance.below(12) as usize,
                    upto: orders[chance.below(orders.len() as u64) as usize].max(after),
                };
                let page = log.read(&topics, after, limit).await;
                let (mut expected, gaps) = model.read(&topics, after);
                expected.retain(|(order, _)| *order <= limit.upto);
                assert_eq!(page.more, expected.len() > limit.entries, "step {step}");
                expected.truncate(limit.entries);
                let found: Vec<_> = page
                    .entries
                    .iter()
                    .map(|entry| entry.order)
                    .zip(numbers(&page.entries))
                    .collect();
                assert_eq!(found, expected, "step {step}");
                let told: Vec<_> = page.gaps.into_iter().filter_map(|gap| gap.topic).collect();
                assert_eq!(told, gaps, "step {step}");
            }
            _ => tail.extend(log.tail_now(*orders.last().unwrap(), &tail).await),
        }
    }
    let last = *orders.last().unwrap();
    tail.extend(log.tail_now(last, &tail).await);
    // All that somebody listens to came, once and in order.
    let mut owed: Vec<(u64, u64)> = model.topics[..4]
        .iter()
        .flat_map(|topic| model.written.get(topic).cloned().unwrap_or_default())
        .collect();
    owed.sort_unstable();
    owed.dedup();
    let is_live = |topic: &Topic| matches!(topic, Topic::Group(..));
    tail.retain(|entry| is_live(&entry.topic) || entry.also.iter().any(is_live));
    let orders = tail.iter().map(|entry| entry.order);
    let came: Vec<(u64, u64)> = orders.zip(numbers(&tail)).collect();
    assert_eq!(came, owed);
}

/// What should be known of a lease.
#[derive(Default)]
struct Known {
    fence: Option<u64>,
    lease: Option<Lease>,
    until: Option<Instant>,
}

async fn leases(log: Checked, mut chance: Chance) {
    let mut model: HashMap<LeaseKey, Known> = HashMap::new();
    let (mut stale, mut over): (Vec<(LeaseKey, u64)>, Vec<LeaseKey>) = (Vec::new(), Vec::new());
    for step in 0..300 {
        let key = LeaseKey {
            hub: if chance.below(4) == 0 {
                "other".into()
            } else {
                hub()
            },
            ..key(chance.below(4) as u32)
        };
        let known = model.entry(key.clone()).or_default();
        let now = Instant::now();
        let is_over = known.until.is_some_and(|until| until <= now);
        match chance.below(8) {
            0 | 1 => {
                if is_over {
                    known.lease = None;
                    over.push(key.clone());
                }
                known.until = None;
                let (fence, found) = log.take(&key).await;
                assert_eq!(found, known.lease, "step {step}");
                stale.extend(known.fence.replace(fence).map(|fence| (key, fence)));
            }
            2..=4 => {
                let Some(fence) = known.fence.filter(|_| !is_over) else {
                    continue;
                };
                let held = chance.below(2) == 0;
                let put = lease(&["a", "b"], chance.below(100), 1 + chance.below(60));
                known.until = (!held).then(|| now + put.ttl);
                known.lease = Some(put.clone());
                log.put(&key, fence, Some(put), held).await;
            }
            5 => {
                if let Some((key, fence)) = stale.get(chance.below(1 + stale.len() as u64) as usize)
                {
                    let refused = log.0.put(key, *fence, None, false).await;
                    assert!(matches!(refused, Err(LogError::Fenced)), "step {step}");
                }
            }
            6 => advance(Duration::from_millis(chance.below(20_000))).await,
            _ => {
                for (key, known) in &mut model {
                    if known.until.is_some_and(|until| until <= now) {
                        stale.extend(known.fence.take().map(|fence| (key.clone(), fence)));
                        (known.lease, known.until) = (None, None);
                        over.push(key.clone());
                    }
                }
                let by_key = |key: &LeaseKey| (key.hub.clone(), key.owner.clone());
                let mut told = log.sweep().await;
                told.sort_unstable_by_key(by_key);
                over.sort_unstable_by_key(by_key);
                assert_eq!(told, over, "step {step}");
                over.clear();
            }
        }
    }
}

impl Checked {
    /// What the tail has beyond what it had, up to an order that it reaches.
    async fn tail_now(&self, upto: u64, had: &[Arc<Entry>]) -> Vec<Arc<Entry>> {
        let mut entries = Vec::new();
        let mut last = had.last().map_or(0, |entry| entry.order);
        while let Some(notice) = self.0.next().now_or_never() {
            let Notice::Appended(entry) = notice.unwrap() else {
                continue;
            };
            assert!(
                entry.order > last && entry.order <= upto,
                "the tail is in order"
            );
            last = entry.order;
            entries.push(entry);
        }
        entries
    }
}
