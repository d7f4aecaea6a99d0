//! A disk that is full or fails, and works again.

use super::disk::{Chance, Disk};
use super::*;

#[tokio::test]
async fn a_full_disk_refuses_appends_and_takes_them_again_later() {
    let disk = Disk::new();
    let log = on(&disk).unwrap();
    let (q, live) = (queue("q"), group("live"));
    log.watch(&live, Interest::Listen);
    let mut kept = Vec::new();
    for round in 0..5_u64 {
        for n in 0..10 {
            let receipts = log.append(vec![said(&q, round * 100 + n)]).await.unwrap();
            kept.push((receipts[0].order, round * 100 + n));
        }
        disk.set_full(true);
        for n in 50..55 {
            let refused = log.append(vec![said(&live, 1), said(&q, n)]).await;
            assert!(matches!(refused, Err(LogError::Unavailable(_))));
            assert!(matches!(
                log.take(&key(1)).await,
                Ok(_) | Err(LogError::Unavailable(_))
            ));
            // Reading and what is live go on.
            assert_eq!(heard(&log, &q, 0).await, (kept.clone(), vec![]));
            assert!(log.append(vec![said(&live, n)]).await.unwrap()[0].offset > 0);
        }
        disk.set_full(false);
    }
    drop(log);
    let log = on(&disk).unwrap();
    assert_eq!(heard(&log, &q, 0).await, (kept, vec![]));
}

#[tokio::test]
async fn a_queue_that_could_not_be_begun_is_not_missed_later() {
    let disk = Disk::new();
    let log = on(&disk).unwrap();
    log.append(vec![said(&queue("a"), 1)]).await.unwrap();
    disk.set_full(true);
    log.append(vec![said(&queue("b"), 2)]).await.unwrap_err();
    disk.set_full(false);
    let order = log.append(vec![said(&queue("a"), 3)]).await.unwrap()[0].order;
    drop(log);
    let log = on(&disk).unwrap();
    assert_eq!(heard(&log, &queue("a"), order - 1).await.0, [(order, 3)]);
    assert!(heard(&log, &queue("b"), 0).await.0.is_empty());
}

/// What a transaction that failed said of the whole may be in the file, or not: the next one says what is true.
#[tokio::test]
async fn what_the_file_says_of_itself_is_true_after_a_failure() {
    let (mut seen, put) = (0, Some(lease(&["a"], 0, 100)));
    for syncs in 0..5 {
        let disk = Disk::new();
        let log = on(&disk).unwrap();
        let fence = log.take(&key(1)).await.unwrap().fence;
        log.append(vec![said(&queue("a"), 1)]).await.unwrap();
        disk.fail_after(syncs);
        if log.put(&key(1), fence, put.clone(), true).await.is_ok() {
            continue;
        }
        let there = on(&disk.altered(|_| {})).unwrap();
        seen += usize::from(there.take(&key(1)).await.unwrap().lease == put);
        // There are as many leases as before, and the file may have one more.
        let order = log.append(vec![said(&queue("a"), 2)]).await.unwrap()[0].order;
        drop(log);
        let log = on(&disk).unwrap();
        assert_eq!(heard(&log, &queue("a"), order - 1).await.0, [(order, 2)]);
        assert_eq!(log.take(&key(1)).await.unwrap().lease, None);
    }
    assert!(seen > 0, "it was never in the file");
}

/// Whatever the disk says, what has a receipt is there, and what was refused can be tried again under its name.
#[test]
fn a_sync_that_fails_may_have_been_done_or_not() {
    for seed in seeds(30) {
        let disk = Disk::new();
        drop(on(&disk).unwrap());
        let mut chance = Chance(seed);
        let (mut kept, mut refused) = (Vec::new(), Vec::new());
        let mut put: Vec<Vec<Option<Lease>>> = vec![vec![None]; 4];
        let named = |topic: &Topic, number: u64| {
            let mut entry = said(topic, number);
            entry.terms.dedupe = hub_core::DedupeId::new(&number.to_string());
            entry
        };
        let topic = |number: u64| queue(&(number % 5).to_string());
        for generation in 0..4 {
            disk.set_flaky(None);
            let log = on(&disk).unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
            let what = format!("seed {seed}, generation {generation}");
            block_on(async {
                for (owner, put) in (0..).zip(&mut put) {
                    let found = log.take(&key(owner)).await.unwrap().lease;
                    assert!(put.contains(&found), "{what}: lease {owner}");
                    *put = vec![found];
                }
                // Both are kept once: those that nobody knew of, too.
                for number in refused.drain(..) {
                    log.append(vec![named(&topic(number), number)])
                        .await
                        .unwrap();
                    kept.push(number);
                }
                let mut found = Vec::new();
                for name in 0..5 {
                    let (heard, gaps) = heard(&log, &topic(name), 0).await;
                    assert!(gaps.is_empty(), "{what}: {gaps:?}");
                    found.extend(heard.into_iter().map(|(_, number)| number));
                }
                found.sort_unstable();
                kept.sort_unstable();
                assert_eq!(found, kept, "{what}");
                disk.set_flaky(Some(seed));
                for step in 0..20 {
                    let number = generation * 1_000 + step;
                    let owner = chance.below(4);
                    match chance.below(3) {
                        0 => {
                            let lease = (chance.below(3) > 0).then(|| lease(&["0"], step, 100_000));
                            let who = key(owner);
                            let taken = log.take(&who).await;
                            let Ok(taken) = taken else { continue };
                            let done = log.put(&who, taken.fence, lease.clone(), true);
                            match done.await {
                                Ok(()) => put[owner as usize] = vec![lease],
                                Err(_) => put[owner as usize].push(lease),
                            }
                        }
                        _ => match log.append(vec![named(&topic(number), number)]).await {
                            Ok(_) => kept.push(number),
                            Err(_) => refused.push(number),
                        },
                    }
                }
            });
            // Sometimes the log goes while it does not know what the file has.
        }
    }
}

#[tokio::test]
async fn a_lease_that_could_not_be_written_is_as_it_was() {
    let disk = Disk::new();
    let log = on(&disk).unwrap();
    let fence = log.take(&key(1)).await.unwrap().fence;
    let (old, new) = (lease(&["q"], 1, 100), lease(&["q"], 2, 100));
    log.put(&key(1), fence, Some(old.clone()), true)
        .await
        .unwrap();
    disk.set_full(true);
    assert!(
        log.put(&key(1), fence, Some(new.clone()), true)
            .await
            .is_err()
    );
    assert!(log.put(&key(1), fence, None, false).await.is_err());
    assert!(log.bind(&key(7).owner, Some("ann")).await.is_err());
    disk.set_full(false);
    assert_eq!(log.take(&key(1)).await.unwrap().lease, Some(old));
    let fence = log.take(&key(1)).await.unwrap().fence;
    log.put(&key(1), fence, Some(new.clone()), true)
        .await
        .unwrap();
    assert!(log.bind(&key(7).owner, Some("bob")).await.unwrap());
    drop(log);
    let log = on(&disk).unwrap();
    assert_eq!(log.take(&key(1)).await.unwrap().lease, Some(new));
    assert!(!log.bind(&key(7).owner, Some("ann")).await.unwrap());
}

#[tokio::test]
async fn appends_at_once_share_a_transaction_and_what_is_live_asks_for_none() {
    let disk = Disk::new();
    let log = on(&disk).unwrap();
    let live = group("live");
    log.watch(&live, Interest::Listen);
    let before = disk.syncs();
    for n in 0..1_000 {
        log.append(vec![said(&live, n)]).await.unwrap();
    }
    assert_eq!(disk.syncs(), before);
    let q = queue("q");
    let appends = (0..200).map(|n| log.append(vec![said(&q, n)]));
    for receipts in futures_util::future::join_all(appends).await {
        receipts.unwrap();
    }
    let used = disk.syncs() - before;
    assert!((1..=60).contains(&used), "{used} syncs");
}

#[tokio::test]
async fn every_receipt_comes_after_a_sync() {
    let disk = Disk::new();
    let log = on(&disk).unwrap();
    for n in 0..20 {
        let before = disk.syncs();
        log.append(vec![said(&queue("q"), n)]).await.unwrap();
        assert!(disk.syncs() > before);
    }
}

#[tokio::test]
async fn bodies_beyond_the_limit_are_refused_whole() {
    let disk = Disk::new();
    let options = LogOptions::default().max_body(100);
    let log = RedbLog::open_on(disk.opener(), Path::new("disk"), &options, clock::wall()).unwrap();
    let refused = log
        .append(vec![said(&queue("q"), 1), said(&queue("q"), 7)])
        .await;
    assert!(matches!(
        refused,
        Err(LogError::TooLarge { limit: 100, .. })
    ));
    assert!(heard(&log, &queue("q"), 0).await.0.is_empty());
    log.append(vec![said(&queue("q"), 1)]).await.unwrap();
}
