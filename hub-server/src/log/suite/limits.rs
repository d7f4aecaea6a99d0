//! What a log keeps at most, hit exactly.

use hub_core::{Append, GapCause, LeaseKey, LogError, Payload};
use tokio::time::{Duration, advance};

use super::Cases;
use super::checked::{Checked, event, group, key, lease, owner_id, queue, said};
use crate::log::kept::ring::ENTRY_OVERHEAD;
use crate::log::options::{LogOptions, Overflow};

/// So many entries a queue keeps here.
const MOST: u64 = 10;

pub(super) fn add(cases: &mut Cases) {
    let options = || LogOptions::default().queue(MOST as usize, 1 << 20);
    for count in [MOST - 1, MOST, MOST + 1] {
        for at_once in [false, true] {
            let how = if at_once { "at once" } else { "one by one" };
            cases.add_with(
                format!("of {count} entries {how} a queue of ten keeps the newest"),
                options(),
                move |log| oldest(log, count, at_once),
            );
            cases.add_with(
                format!("of {count} entries {how} a queue of ten refuses what is too many"),
                options().overflow(Overflow::RejectNew),
                move |log| reject(log, count, at_once),
            );
        }
        cases.add_with(
            format!("who lags behind in a queue of {count} of ten loses what only they are owed"),
            options().overflow(Overflow::DropLaggards),
            move |log| laggards(log, count),
        );
    }
    let five = LogOptions::default().queue(1_000, 5 * (100 + ENTRY_OVERHEAD));
    for count in [4, 5, 6] {
        cases.add_with(
            format!("of {count} entries a queue of the bytes of five keeps the newest"),
            five.clone(),
            move |log| bytes(log, count, true),
        );
        cases.add_with(
            format!("of {count} entries a queue of the bytes of five refuses what is too much"),
            five.clone().overflow(Overflow::RejectNew),
            move |log| bytes(log, count, false),
        );
    }
    for size in [99, 100, 101] {
        let options = LogOptions::default().max_body(100);
        cases.add_with(
            format!("a body of {size} bytes where a hundred are kept"),
            options,
            move |log| body(log, size),
        );
    }
    for count in [3_u32, 4, 5] {
        let options = LogOptions::default().queues_per_lease(4);
        cases.add_with(
            format!("a lease of {count} queues where four are allowed"),
            options,
            move |log| queues(log, count as usize),
        );
        let options = LogOptions::default().leases(4, 1_000);
        cases.add_with(
            format!("{count} leases of a user who may have four"),
            options,
            move |log| of_user(log, count),
        );
        let options = LogOptions::default().leases(4, 4);
        cases.add_with(
            format!("{count} leases on a hub that may have four"),
            options,
            move |log| on_hub(log, count),
        );
    }
    let options = LogOptions::default().max_ttl(Duration::from_secs(100));
    cases.add_with("a lease lasts no longer than it may", options, ttl);
}

async fn put_away(log: &Checked, owner: u32, after: u64) {
    let fence = log.take(&key(owner)).await.0;
    log.put(&key(owner), fence, Some(lease(&["q"], after, 9_000)), false)
        .await;
}

async fn oldest(log: Checked, count: u64, at_once: bool) {
    put_away(&log, 1, 0).await;
    let mut receipts = Vec::new();
    if at_once {
        receipts = log
            .append((0..count).map(|n| said(&queue("q"), n)).collect())
            .await;
    } else {
        for n in 0..count {
            receipts.push(log.say(&queue("q"), n).await);
        }
    }
    let lost = count.saturating_sub(MOST);
    let gaps = vec![GapCause::Trimmed; usize::from(lost > 0)];
    let kept: Vec<u64> = (lost..count).collect();
    assert_eq!(log.heard(&[queue("q")], 0).await, (kept.clone(), gaps));
    if lost > 0 {
        let last = receipts[lost as usize - 1].order;
        assert_eq!(log.heard(&[queue("q")], last).await, (kept, vec![]));
    }
}

async fn reject(log: Checked, count: u64, at_once: bool) {
    put_away(&log, 1, 0).await;
    let full = |refused: Result<_, LogError>| match refused {
        Ok(_) => false,
        Err(LogError::Full { .. }) => true,
        Err(error) => panic!("{error:?}"),
    };
    let kept = if at_once {
        let all = (0..count).map(|n| said(&queue("q"), n)).collect();
        let refused = full(log.0.append(all).await);
        assert_eq!(refused, count > MOST);
        if refused { 0 } else { count }
    } else {
        for n in 0..count {
            let refused = full(log.0.append(vec![said(&queue("q"), n)]).await);
            assert_eq!(refused, n >= MOST);
        }
        count.min(MOST)
    };
    assert_eq!(
        log.heard(&[queue("q")], 0).await,
        ((0..kept).collect(), vec![])
    );
    // Others go on, and so does the order.
    log.say(&queue("p"), 1).await;
    assert_eq!(log.heard(&[queue("p")], 0).await, (vec![1], vec![]));
}

async fn laggards(log: Checked, count: u64) {
    let mut orders = Vec::new();
    for n in 0..7 {
        orders.push(log.say(&queue("q"), n).await.order);
    }
    put_away(&log, 1, 0).await;
    put_away(&log, 2, orders[4]).await;
    log.wait(100).await;
    for n in 7..count {
        orders.push(log.say(&queue("q"), n).await.order);
    }
    // The second is owed what comes after the fifth; the first lags behind, and loses all before that.
    let lost = if count > MOST { 5 } else { 0 };
    let gaps = vec![GapCause::Trimmed; usize::from(lost > 0)];
    let kept: Vec<u64> = (lost..count).collect();
    assert_eq!(log.heard(&[queue("q")], 0).await, (kept, gaps));
    let own = log.heard(&[queue("q")], orders[4]).await;
    assert_eq!(own, ((5..count).collect(), vec![]));
}

async fn bytes(log: Checked, count: u64, drops: bool) {
    put_away(&log, 1, 0).await;
    let entry = |n: u64| {
        let args = Payload::of(&(n, "x".repeat(100 - 6))).unwrap();
        assert_eq!(args.as_bytes().len(), 100);
        Append::new(queue("q"), event(args))
    };
    for n in 0..count {
        let written = log.0.append(vec![entry(n)]).await;
        assert_eq!(written.is_ok(), drops || n < 5, "{written:?}");
    }
    let page = log.read(&[queue("q")], 0, super::checked::ALL).await;
    let expected = if drops {
        count.saturating_sub(5)..count
    } else {
        0..count.min(5)
    };
    assert_eq!(page.entries.len() as u64, expected.end - expected.start);
    assert_eq!(page.gaps.len(), usize::from(drops && count > 5));
}

async fn body(log: Checked, size: usize) {
    log.listen(&[group("g")]);
    let args = Payload::of(&"x".repeat(size - 2)).unwrap();
    let entry = |topic| Append::new(topic, event(args.clone()));
    let kept = log
        .0
        .append(vec![said(&queue("q"), 1), entry(queue("q"))])
        .await;
    if size <= 100 {
        kept.unwrap();
    } else {
        let refused = kept.unwrap_err();
        let told = matches!(
            refused,
            LogError::TooLarge {
                size: 101,
                limit: 100
            }
        );
        assert!(told, "{refused:?}");
        assert!(
            log.read(&[queue("q")], 0, super::checked::ALL)
                .await
                .entries
                .is_empty()
        );
    }
    // What is not kept may be larger.
    log.append(vec![entry(group("g"))]).await;
}

async fn queues(log: Checked, count: usize) {
    let names: Vec<String> = (0..count).map(|n| n.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let fence = log.take(&key(1)).await.0;
    let few = lease(&["q"], 0, 60);
    log.put(&key(1), fence, Some(few.clone()), true).await;
    let put = lease(&names, 0, 60);
    let refused = log.0.put(&key(1), fence, Some(put.clone()), true).await;
    let found = log.take(&key(1)).await.1;
    if count <= 4 {
        refused.unwrap();
        assert_eq!(found, Some(put));
    } else {
        assert!(matches!(refused, Err(LogError::TooMany { limit: 4, .. })));
        assert_eq!(found, Some(few));
        // Who was too late hears of that first.
        log.fenced(&key(1), fence, Some(put)).await;
    }
}

async fn of_user(log: Checked, count: u32) {
    let mut fences = Vec::new();
    for owner in 0..5 {
        assert!(log.0.bind(&owner_id(owner), Some("ann")).await.unwrap());
        fences.push(log.take(&key(owner)).await.0);
    }
    for owner in 0..count {
        let put = lease(&["q"], 0, 60 + u64::from(owner % 2) * 100);
        log.put(&key(owner), fences[owner as usize], Some(put), owner == 0)
            .await;
        advance(Duration::from_secs(1)).await;
    }
    // The first is there; of those who are away the second went first.
    let ended: Vec<LeaseKey> = (count > 4).then(|| key(1)).into_iter().collect();
    assert_eq!(log.sweep().await, ended);
    assert!(log.sweep().await.is_empty());
    for owner in 0..count {
        let there = log.take(&key(owner)).await.1.is_some();
        assert_eq!(there, owner != 1 || count <= 4, "{owner}");
    }
    // Now all are there, and nobody can give way.
    if count > 4 {
        let fence = log.take(&key(1)).await.0;
        let refused = log
            .0
            .put(&key(1), fence, Some(lease(&["q"], 0, 60)), true)
            .await;
        assert!(matches!(refused, Err(LogError::TooMany { limit: 4, .. })));
        assert_eq!(log.take(&key(1)).await.1, None);
    }
}

async fn on_hub(log: Checked, count: u32) {
    for owner in 0..count {
        let fence = log.take(&key(owner)).await.0;
        let put = log
            .0
            .put(&key(owner), fence, Some(lease(&["q"], 0, 60)), false)
            .await;
        if owner < 4 {
            put.unwrap();
        } else {
            assert!(matches!(put, Err(LogError::TooMany { limit: 4, .. })));
        }
    }
    assert_eq!(
        log.0.leases(&super::checked::hub()).await.unwrap().len() as u32,
        count.min(4)
    );
    // Another hub has room, and one that ended made some.
    let other = LeaseKey {
        hub: "another".into(),
        ..key(9)
    };
    let fence = log.take(&other).await.0;
    log.put(&other, fence, Some(lease(&["q"], 0, 60)), false)
        .await;
    log.wait(60).await;
    put_away(&log, 9, 0).await;
}

async fn ttl(log: Checked) {
    for (owner, seconds, lasts) in [(1, 99, 99), (2, 100, 100), (3, 101, 100), (4, 100_000, 100)] {
        let fence = log.take(&key(owner)).await.0;
        log.put(&key(owner), fence, Some(lease(&["q"], 0, seconds)), false)
            .await;
        advance(Duration::from_secs(lasts - 1)).await;
        assert!(log.sweep().await.is_empty());
        advance(Duration::from_secs(1)).await;
        assert_eq!(log.sweep().await, [key(owner)]);
    }
}
