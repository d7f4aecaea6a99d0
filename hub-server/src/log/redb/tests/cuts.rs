//! Power cuts that lose, tear and reorder what was not synced.

use std::collections::HashMap;

use super::disk::{Chance, Disk};
use super::*;

/// What was promised before the power went, and what may be there beyond.
#[derive(Default)]
struct Promised {
    /// Order and number of what has a receipt.
    entries: HashMap<Topic, Vec<(u64, u64)>>,
    /// Numbers that were asked for.
    asked: HashMap<Topic, Vec<u64>>,
    /// The lease that was put for sure, and those tried since.
    leases: HashMap<u64, (Option<Lease>, Vec<Option<Lease>>)>,
    bound: Vec<u64>,
    /// The last order that anybody saw.
    last: u64,
    number: u64,
}

#[test]
fn a_power_cut_loses_nothing_that_has_a_receipt() {
    cuts(seeds(150), &LogOptions::default());
}

#[test]
fn a_power_cut_loses_nothing_that_is_only_in_the_file() {
    cuts(seeds(150), &little());
}

#[test]
#[ignore = "takes a minute"]
fn two_thousand_power_cuts_lose_nothing() {
    cuts(seeds(1_000), &LogOptions::default());
    cuts(seeds(1_000), &little());
}

fn cuts(seeds: std::ops::Range<u64>, options: &LogOptions) {
    for seed in seeds {
        let mut chance = Chance(seed);
        // A file has its name once it is whole: see `place`.
        let disk = Disk::new();
        drop(on(&disk).unwrap());
        let mut disk = disk.altered(|_| {});
        let mut promised = Promised::default();
        let mut epoch = None;
        for generation in 0..4 {
            let what = format!("seed {seed}, generation {generation}");
            disk.cut_after(chance.below(80));
            let opened = opened(&disk, options, &what);
            if let Ok(log) = &opened {
                let epoch = epoch.get_or_insert(log.epoch());
                assert_eq!(*epoch, log.epoch(), "{what}");
                block_on(async {
                    check(log, &promised, &what).await;
                    live(log, &disk, &mut promised, &mut chance).await;
                });
            } else {
                assert!(disk.is_off(), "{what}: it opens, {opened:?}");
            }
            disk = disk.after_cut(&mut chance);
        }
        let log = opened(&disk, options, &format!("seed {seed}"));
        let log = log.unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
        block_on(check(&log, &promised, &format!("seed {seed}")));
    }
}

async fn check(log: &RedbLog, promised: &Promised, what: &str) {
    assert!(log.end() >= promised.last, "{what}: orders are not reused");
    for (topic, entries) in &promised.entries {
        let (found, gaps) = heard(log, topic, 0).await;
        assert!(gaps.is_empty(), "{what}: {gaps:?}");
        assert!(found.is_sorted_by(|a, b| a.0 < b.0), "{what}");
        let mut rest = found.iter();
        for entry in entries {
            assert!(
                rest.any(|it| it == entry),
                "{what}: {entry:?} is lost of {topic:?}"
            );
        }
        let mut numbers: Vec<u64> = found.iter().map(|(_, number)| *number).collect();
        numbers.sort_unstable();
        assert!(
            numbers.windows(2).all(|pair| pair[0] < pair[1]),
            "{what}: twice"
        );
        let asked = &promised.asked[topic];
        assert!(
            numbers.iter().all(|number| asked.contains(number)),
            "{what}"
        );
    }
    for (owner, (put, tried)) in &promised.leases {
        let found = log
            .shared
            .kept
            .lock()
            .leases
            .leases
            .get(&key(*owner))
            .cloned();
        let found = found.and_then(|found| found.lease);
        assert!(
            found == *put || tried.contains(&found),
            "{what}: lease {owner}"
        );
    }
    for owner in &promised.bound {
        assert!(
            !log.bind(&key(*owner).owner, Some("eve")).await.unwrap(),
            "{what}"
        );
    }
}

/// Uses the log until the power goes.
async fn live(log: &RedbLog, disk: &Disk, promised: &mut Promised, chance: &mut Chance) {
    let topics = [queue("a"), queue("b"), queue("c")];
    log.watch(&group("live"), Interest::Listen);
    for _ in 0..60 {
        if disk.is_off() {
            break;
        }
        match chance.below(5) {
            0..=2 => appends(log, promised, chance, &topics).await,
            3 => leases(log, promised, chance).await,
            _ => {
                let owner = chance.below(50);
                let user = format!("user {owner}");
                if log.bind(&key(owner).owner, Some(&user)).await.is_ok() {
                    promised.bound.push(owner);
                }
            }
        }
        if chance.below(4) == 0 {
            let receipts = log.append(vec![said(&group("live"), 1)]).await.unwrap();
            assert!(receipts[0].order > promised.last, "live orders rise");
            promised.last = receipts[0].order;
        }
    }
    // What is live goes on without the disk.
    let receipts = log.append(vec![said(&group("live"), 1)]).await.unwrap();
    promised.last = receipts[0].order.max(promised.last);
}

async fn appends(log: &RedbLog, promised: &mut Promised, chance: &mut Chance, topics: &[Topic]) {
    let mut batches = Vec::new();
    for _ in 0..=chance.below(3) {
        let mut batch = Vec::new();
        for _ in 0..=chance.below(3) {
            promised.number += 1;
            let topic = &topics[chance.below(3) as usize];
            batch.push((topic.clone(), promised.number));
            let asked = promised.asked.entry(topic.clone()).or_default();
            asked.push(promised.number);
            promised.entries.entry(topic.clone()).or_default();
        }
        batches.push(batch);
    }
    let append = |batch: &Vec<(Topic, u64)>| {
        let entries = batch.iter().map(|(topic, number)| said(topic, *number));
        log.append(entries.collect())
    };
    let receipts = futures_util::future::join_all(batches.iter().map(append)).await;
    for (batch, receipts) in batches.into_iter().zip(receipts) {
        let Ok(receipts) = receipts else { continue };
        for ((topic, number), receipt) in batch.into_iter().zip(receipts) {
            promised.last = promised.last.max(receipt.order);
            let entries = promised.entries.entry(topic).or_default();
            entries.push((receipt.order, number));
        }
    }
}

async fn leases(log: &RedbLog, promised: &mut Promised, chance: &mut Chance) {
    let owner = chance.below(4);
    let put = (chance.below(4) > 0).then(|| lease(&["a", "b"], chance.below(1_000), 10_000));
    let held = chance.below(2) == 0;
    let known = promised.leases.entry(owner).or_default();
    let Ok(taken) = log.take(&key(owner)).await else {
        return;
    };
    assert!(taken.lease == known.0 || known.1.contains(&taken.lease));
    match log.put(&key(owner), taken.fence, put.clone(), held).await {
        Ok(()) => *known = (put, Vec::new()),
        Err(_) => known.1.push(put),
    }
}
