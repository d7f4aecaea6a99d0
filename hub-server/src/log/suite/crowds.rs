//! What the queues of a hub keep together, and what a lease may have unread, hit exactly.

use hub_core::{Append, GapCause, LogError, Lost, Payload, QueueName, Receipt, Recipients, Topic};
use tokio::time::{Duration, advance};

use super::Cases;
use super::checked::{ALL, Checked, event, key, lease, numbers, owner_id, queue, said};
use crate::log::kept::ring::ENTRY_OVERHEAD;
use crate::log::options::{LogOptions, Overflow};

/// So many entries are kept here.
const MOST: u64 = 10;

pub(super) fn add(cases: &mut Cases) {
    let hub = || LogOptions::default().hub_bytes(MOST as usize * (100 + ENTRY_OVERHEAD));
    for count in [MOST - 1, MOST, MOST + 1, 3 * MOST] {
        for at_once in [false, true] {
            let how = if at_once { "at once" } else { "one by one" };
            cases.add_with(
                format!("of {count} entries {how} a hub of the bytes of ten keeps the newest"),
                hub(),
                move |log| oldest(log, count, at_once),
            );
            cases.add_with(
                format!(
                    "of {count} entries {how} a hub of the bytes of ten refuses what is too much"
                ),
                hub().overflow(Overflow::RejectNew),
                move |log| reject(log, count, at_once),
            );
        }
        cases.add_with(
            format!("of {count} entries a lease that may have ten unread has the newest"),
            LogOptions::default().unread(MOST as usize),
            move |log| unread(log, count),
        );
    }
    cases.add_with(
        "a full hub lets go what only laggards are owed",
        hub().overflow(Overflow::DropLaggards),
        laggards,
    );
    cases.add_with(
        "the newest entry of a hub stays, however large",
        LogOptions::default().hub_bytes(10),
        large,
    );
    cases.add_with(
        "what a hub has let go makes room",
        hub().overflow(Overflow::RejectNew),
        room,
    );
    cases.add_with(
        "a queue that is long full gives way to others of its hub",
        hub(),
        others,
    );
    cases.add_with(
        "what is for others or over does not count as unread",
        LogOptions::default().unread(MOST as usize),
        not_owed,
    );
}

/// An entry of a hundred bytes that says a number.
fn heavy(topic: &Topic, number: u64) -> Append {
    let rest = "x".repeat(100 - Payload::of(&(number, "")).unwrap().as_bytes().len());
    let args = Payload::of(&(number, rest)).unwrap();
    assert_eq!(args.as_bytes().len(), 100);
    Append::new(topic.clone(), event(args))
}

/// Queues of one hub that entries are written to in turn, the first one twice as often.
fn in_turn(number: u64) -> Topic {
    queue(["a", "b", "a", "c"][number as usize % 4])
}

/// What the queues hold, and which of them have a gap.
async fn held(log: &Checked, after: u64) -> (Vec<u64>, Vec<Topic>) {
    let topics = [queue("a"), queue("b"), queue("c")];
    let page = log.read(&topics, after, ALL).await;
    assert!(page.gaps.iter().all(|gap| gap.why == GapCause::Trimmed));
    let gaps = page.gaps.into_iter().filter_map(|gap| gap.topic);
    (numbers_of(&page.entries), gaps.collect())
}

fn numbers_of(entries: &[std::sync::Arc<hub_core::Entry>]) -> Vec<u64> {
    let number = |entry: &std::sync::Arc<hub_core::Entry>| match &entry.body {
        hub_core::Body::Event(event) => event.args.read::<(u64, String)>().unwrap().0,
        body => panic!("not an event: {body:?}"),
    };
    entries.iter().map(number).collect()
}

async fn owe(log: &Checked, owner: u32, after: u64) {
    let fence = log.take(&key(owner)).await.0;
    let put = lease(&["a", "b", "c"], after, 9_000);
    log.put(&key(owner), fence, Some(put), false).await;
}

async fn oldest(log: Checked, count: u64, at_once: bool) {
    owe(&log, 1, 0).await;
    // It is not of this hub.
    let other = Topic::Queue("another".into(), "a".into());
    log.append(vec![heavy(&other, 0)]).await;
    let mut receipts: Vec<Receipt> = Vec::new();
    if at_once {
        let all = (0..count).map(|n| heavy(&in_turn(n), n));
        receipts = log.append(all.collect()).await;
    } else {
        for n in 0..count {
            receipts.extend(log.append(vec![heavy(&in_turn(n), n)]).await);
        }
    }
    let lost = count.saturating_sub(MOST);
    let gaps: Vec<Topic> = ["a", "b", "c"].map(queue).into_iter().collect();
    let is_lost = |topic: &Topic| (0..lost).any(|n| in_turn(n) == *topic);
    let gaps: Vec<Topic> = gaps.into_iter().filter(is_lost).collect();
    let kept: Vec<u64> = (lost..count).collect();
    assert_eq!(held(&log, 0).await, (kept.clone(), gaps));
    if lost > 0 {
        let last = receipts[lost as usize - 1].order;
        assert_eq!(held(&log, last).await, (kept, vec![]));
    }
    let page = log.read(&[other], 0, ALL).await;
    assert_eq!((page.entries.len(), page.gaps.len()), (1, 0));
}

async fn reject(log: Checked, count: u64, at_once: bool) {
    owe(&log, 1, 0).await;
    let full = |refused: Result<_, LogError>| match refused {
        Ok(_) => false,
        Err(LogError::Full { .. }) => true,
        Err(error) => panic!("{error:?}"),
    };
    let kept = if at_once {
        let all = (0..count).map(|n| heavy(&in_turn(n), n));
        let refused = full(log.0.append(all.collect()).await);
        assert_eq!(refused, count > MOST);
        if refused { 0 } else { count }
    } else {
        for n in 0..count {
            let refused = full(log.0.append(vec![heavy(&in_turn(n), n)]).await);
            assert_eq!(refused, n >= MOST);
        }
        count.min(MOST)
    };
    assert_eq!(held(&log, 0).await, ((0..kept).collect(), vec![]));
    // What was refused has taken no room, and another hub has its own.
    let other = Topic::Queue("another".into(), "a".into());
    log.append(vec![heavy(&other, 0)]).await;
    let more = (kept..MOST).map(|n| heavy(&in_turn(n), n));
    log.append(more.collect()).await;
    assert_eq!(held(&log, 0).await, ((0..MOST).collect(), vec![]));
}

async fn laggards(log: Checked) {
    let mut orders = Vec::new();
    for n in 0..MOST {
        let receipt = log.append(vec![heavy(&queue("a"), n)]).await[0];
        orders.push(receipt.order);
    }
    owe(&log, 1, 0).await;
    owe(&log, 2, orders[4]).await;
    log.wait(100).await;
    log.append(vec![heavy(&queue("b"), MOST)]).await;
    // The first lags behind in the queue that has the oldest, and loses all that the second is not owed.
    assert_eq!(
        held(&log, 0).await,
        ((5..=MOST).collect(), vec![queue("a")])
    );
    assert_eq!(held(&log, orders[4]).await, ((5..=MOST).collect(), vec![]));
}

async fn large(log: Checked) {
    owe(&log, 1, 0).await;
    for n in 0..3 {
        log.append(vec![heavy(&in_turn(n), n)]).await;
        assert_eq!(held(&log, 0).await.0, [n]);
    }
    let both = vec![heavy(&queue("b"), 3), heavy(&queue("c"), 4)];
    log.append(both).await;
    assert_eq!(held(&log, 0).await.0, [4]);
    // Also where all of them are in one queue.
    let both = vec![heavy(&queue("c"), 5), heavy(&queue("c"), 6)];
    log.append(both).await;
    assert_eq!(held(&log, 0).await.0, [6]);
}

async fn room(log: Checked) {
    owe(&log, 1, 0).await;
    let mut last = 0;
    for n in 0..MOST {
        last = log.append(vec![heavy(&in_turn(n), n)]).await[0].order;
    }
    let one_more = |n| log.0.append(vec![heavy(&queue("b"), n)]);
    assert!(matches!(one_more(10).await, Err(LogError::Full { .. })));
    // Who was owed it has had it.
    owe(&log, 1, last).await;
    log.wait(100).await;
    assert_eq!(held(&log, last).await, (vec![], vec![]));
    for n in 0..MOST {
        one_more(n).await.unwrap();
    }
    assert!(matches!(one_more(10).await, Err(LogError::Full { .. })));
}

async fn others(log: Checked) {
    owe(&log, 1, 0).await;
    for n in 0..MOST {
        log.append(vec![heavy(&queue("a"), n)]).await;
    }
    for n in MOST..2 * MOST {
        log.append(vec![heavy(&queue("b"), n)]).await;
        let kept = (n - MOST + 1..=n).collect();
        assert_eq!(held(&log, 0).await, (kept, vec![queue("a")]));
    }
    // Nothing of the first one is left, and it is as any other.
    log.append(vec![heavy(&queue("a"), 2 * MOST)]).await;
    let kept = (MOST + 1..=2 * MOST).collect();
    let gaps = vec![queue("a"), queue("b")];
    assert_eq!(held(&log, 0).await, (kept, gaps));
}

async fn unread(log: Checked, count: u64) {
    owe(&log, 1, 0).await;
    let mut orders = Vec::new();
    for n in 0..count {
        orders.push(log.say(&in_turn(n), n).await.order);
    }
    owe(&log, 2, orders[4]).await;
    let lost = count.saturating_sub(MOST) as usize;
    let of = |from: usize| {
        let lost = || Lost {
            upto: orders[lost - 1],
            queues: ["a", "b", "c"]
                .into_iter()
                .filter(|name| (from..lost).any(|n| in_turn(n as u64) == queue(name)))
                .map(QueueName::new)
                .collect(),
        };
        (lost_count(from, orders.len()) > 0).then(lost)
    };
    // It is told to whoever takes it, until somebody has put that it is known.
    for _ in 0..2 {
        let taken = log.0.take(&key(1)).await.unwrap();
        assert_eq!(taken.lease.unwrap().after, 0);
        assert_eq!(taken.lost, of(0));
    }
    let taken = log.0.take(&key(2)).await.unwrap();
    assert_eq!(taken.lost, of(5));
    // Nothing is gone for others.
    let page = log.read(&["a", "b", "c"].map(queue), 0, ALL).await;
    assert_eq!(numbers(&page.entries), (0..count).collect::<Vec<_>>());
    assert!(page.gaps.is_empty());
    if lost > 0 {
        owe(&log, 1, orders[lost - 1]).await;
        assert_eq!(log.0.take(&key(1)).await.unwrap().lost, None);
    }
}

/// How many of so many entries a lease loses that has had the first ones.
fn lost_count(had: usize, count: usize) -> usize {
    (count - had).saturating_sub(MOST as usize)
}

async fn not_owed(log: Checked) {
    assert!(log.0.bind(&owner_id(1), Some("ann")).await.unwrap());
    owe(&log, 1, 0).await;
    let only = |owners: &[u32], users: &[&str]| {
        let owners: Vec<_> = owners.iter().copied().map(owner_id).collect();
        let users: Vec<_> = users.iter().copied().map(hub_core::UserId::new).collect();
        Some(Recipients {
            owners: owners.into(),
            users: users.into(),
        })
    };
    let mut orders = Vec::new();
    for n in 0..60 {
        let mut entry = said(&queue("a"), n);
        match n % 6 {
            0 => entry.terms.only = only(&[1, 2], &[]),
            1 => entry.terms.only = only(&[], &["ann"]),
            2 => entry.terms.only = only(&[2], &["bob"]),
            3 => entry.terms.only = only(&[], &[]),
            _ => entry.terms.expires_in = Some(Duration::from_secs(1)),
        }
        orders.push(log.append(vec![entry]).await[0].order);
    }
    advance(Duration::from_secs(2)).await;
    // A third of sixty is owed, and half of that lost: up to the thirtieth, which is the second of its six.
    let lost = log.0.take(&key(1)).await.unwrap().lost.unwrap();
    assert_eq!(lost.upto, orders[25]);
    assert_eq!(lost.queues, [QueueName::new("a")]);
}
