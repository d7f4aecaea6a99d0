//! Queues keep what somebody is owed.

use hub_core::GapCause;

use super::Cases;
use super::checked::{Checked, group, key, lease, queue, said};

pub(super) fn add(cases: &mut Cases) {
    cases.add("a queue keeps without listeners", unlistened);
    cases.add("a queue keeps for a while what nobody is owed yet", a_while);
    cases.add(
        "a queue that owes nothing is let go later, which is a gap",
        let_go,
    );
    for (held, how) in [(true, "is there"), (false, "is away")] {
        cases.add(
            format!("a queue keeps for a lease whose client {how}, however long"),
            move |log| owed(log, held),
        );
        cases.add(
            format!("a queue lets go what is behind a lease whose client {how}"),
            move |log| past(log, held),
        );
    }
    for count in [2, 3, 5] {
        cases.add(
            format!("a queue keeps until the last of {count} leases is past"),
            move |log| last_of(log, count),
        );
    }
    cases.add("a queue of which a lease was ended lets go", ended);
    cases.add("a queue of which a lease ran out lets go", ran_out);
    cases.add("a lease on several queues is owed all of them", several);
    cases.add("a lease on one queue keeps nothing of another", another);
    cases.add(
        "a lease on a queue of another hub keeps nothing here",
        another_hub,
    );
    cases.add("who has a lease that is past everything has no gap", no_gap);
    cases.add(
        "listening to a queue and leaving loses nothing of it",
        listened,
    );
    cases.add(
        "names of queues are compared ignoring case",
        |log| async move {
            log.say(&queue("Bar"), 1).await;
            log.say(&queue("bAR"), 2).await;
            assert_eq!(log.heard(&[queue("bar")], 0).await.0, [1, 2]);
        },
    );
    cases.add("offsets of a queue go on while it is owed", offsets);
    cases.add(
        "a queue beyond its limit loses the oldest, which is a gap",
        overflow,
    );
}

async fn unlistened(log: Checked) {
    for n in 0..100 {
        log.say(&queue("q"), n).await;
        log.say(&group("g"), n).await;
    }
    let heard = log.heard(&[queue("q")], 0).await;
    assert_eq!(heard, ((0..100).collect(), vec![]));
    assert_eq!(log.heard(&[group("g")], 0).await.0, [0; 0]);
}

async fn a_while(log: Checked) {
    log.wait(100).await;
    log.say(&queue("q"), 1).await;
    log.wait(30).await;
    assert_eq!(log.heard(&[queue("q")], 0).await, (vec![1], vec![]));
}

async fn let_go(log: Checked) {
    let first = log.say(&queue("q"), 1).await.order;
    log.wait(600).await;
    assert_eq!(
        log.heard(&[queue("q")], first - 1).await,
        (vec![], vec![GapCause::Expired])
    );
    log.say(&queue("q"), 2).await;
    let heard = log.heard(&[queue("q")], first - 1).await;
    assert_eq!((heard.0, heard.1.len()), (vec![2], 1));
    assert_eq!(log.heard(&[queue("q")], first).await, (vec![2], vec![]));
}

async fn owed(log: Checked, held: bool) {
    let order = log.say(&queue("q"), 0).await.order;
    let fence = log.take(&key(1)).await.0;
    log.put(&key(1), fence, Some(lease(&["q"], order, 3_000)), held)
        .await;
    for n in 1..=20 {
        log.say(&queue("q"), n).await;
        assert!(log.wait(100).await.is_empty());
    }
    let heard = log.heard(&[queue("q")], order).await;
    assert_eq!(heard, ((1..=20).collect(), vec![]));
}

async fn past(log: Checked, held: bool) {
    let fence = log.take(&key(1)).await.0;
    log.put(&key(1), fence, Some(lease(&["q"], 0, 3_000)), held)
        .await;
    let mut orders = vec![0];
    for n in 1..=10 {
        orders.push(log.say(&queue("q"), n).await.order);
    }
    log.wait(200).await;
    assert_eq!(log.heard(&[queue("q")], 0).await.0.len(), 10);
    let at = lease(&["q"], orders[6], 3_000);
    log.put(&key(1), fence, Some(at), held).await;
    log.wait(200).await;
    for (n, &order) in (0..).zip(&orders) {
        let (heard, gaps) = log.heard(&[queue("q")], order).await;
        assert_eq!(heard, (n.max(6) + 1..=10).collect::<Vec<_>>());
        assert_eq!(gaps.len(), usize::from(n < 6), "after {n}");
    }
}

async fn last_of(log: Checked, count: u32) {
    let mut fences = Vec::new();
    for owner in 0..count {
        let fence = log.take(&key(owner)).await.0;
        log.put(&key(owner), fence, Some(lease(&["q"], 0, 9_000)), false)
            .await;
        fences.push(fence);
    }
    let order = log.say(&queue("q"), 1).await.order;
    for owner in 0..count {
        log.wait(200).await;
        assert_eq!(log.heard(&[queue("q")], 0).await, (vec![1], vec![]));
        let read = lease(&["q"], order, 9_000);
        log.put(&key(owner), fences[owner as usize], Some(read), false)
            .await;
    }
    log.wait(200).await;
    assert_eq!(log.heard(&[queue("q")], 0).await.0, [0; 0]);
}

async fn ended(log: Checked) {
    let fence = log.take(&key(1)).await.0;
    log.put(&key(1), fence, Some(lease(&["q"], 0, 9_000)), true)
        .await;
    log.say(&queue("q"), 1).await;
    log.put(&key(1), fence, None, false).await;
    log.wait(300).await;
    let (heard, gaps) = log.heard(&[queue("q")], 0).await;
    assert_eq!((heard, gaps.len()), (vec![], 1));
}

async fn ran_out(log: Checked) {
    let fence = log.take(&key(1)).await.0;
    log.put(&key(1), fence, Some(lease(&["q"], 0, 300)), false)
        .await;
    log.say(&queue("q"), 1).await;
    assert!(log.wait(295).await.is_empty());
    assert_eq!(log.heard(&[queue("q")], 0).await.0, [1]);
    assert_eq!(log.wait(300).await, [key(1)]);
    let (heard, gaps) = log.heard(&[queue("q")], 0).await;
    assert_eq!((heard, gaps.len()), (vec![], 1));
}

async fn several(log: Checked) {
    let names = ["a", "b", "c"];
    let fence = log.take(&key(1)).await.0;
    log.put(&key(1), fence, Some(lease(&names, 0, 9_000)), false)
        .await;
    for n in 0..9 {
        log.say(&queue(names[n as usize % 3]), n).await;
    }
    log.wait(500).await;
    let heard = log.heard(&names.map(queue), 0).await;
    assert_eq!(heard, ((0..9).collect(), vec![]));
}

async fn another(log: Checked) {
    let fence = log.take(&key(1)).await.0;
    log.put(&key(1), fence, Some(lease(&["a"], 0, 9_000)), false)
        .await;
    log.append(vec![said(&queue("a"), 1), said(&queue("b"), 2)])
        .await;
    log.wait(500).await;
    assert_eq!(log.heard(&[queue("a")], 0).await, (vec![1], vec![]));
    assert_eq!(log.heard(&[queue("b")], 0).await.0, [0; 0]);
}

async fn another_hub(log: Checked) {
    let mut elsewhere = key(1);
    elsewhere.hub = "elsewhere".into();
    let fence = log.take(&elsewhere).await.0;
    log.put(&elsewhere, fence, Some(lease(&["q"], 0, 9_000)), false)
        .await;
    let there = hub_core::Topic::Queue("elsewhere".into(), "q".into());
    log.say(&queue("q"), 1).await;
    log.say(&there, 2).await;
    log.wait(500).await;
    assert_eq!(log.heard(&[queue("q")], 0).await.0, [0; 0]);
    assert_eq!(log.heard(&[there], 0).await.0, [2]);
}

async fn no_gap(log: Checked) {
    let order = log.say(&queue("q"), 1).await.order;
    let fence = log.take(&key(1)).await.0;
    log.put(&key(1), fence, Some(lease(&["q"], order, 9_000)), false)
        .await;
    log.wait(1_000).await;
    assert_eq!(log.heard(&[queue("q")], order).await, (vec![], vec![]));
    log.say(&queue("q"), 2).await;
    assert_eq!(log.heard(&[queue("q")], order).await, (vec![2], vec![]));
}

async fn listened(log: Checked) {
    let fence = log.take(&key(1)).await.0;
    log.put(&key(1), fence, Some(lease(&["q"], 0, 9_000)), false)
        .await;
    log.listen(&[queue("q"), group("a")]);
    log.say(&queue("q"), 1).await;
    log.leave(&queue("q"));
    for n in 0..10 {
        log.wait(60).await;
        log.listen(&[group(&n.to_string())]);
    }
    log.say(&queue("q"), 2).await;
    assert_eq!(log.heard(&[queue("q")], 0).await, (vec![1, 2], vec![]));
}

async fn offsets(log: Checked) {
    let fence = log.take(&key(1)).await.0;
    for expected in 1..10 {
        let receipt = log.say(&queue("q"), 1).await;
        assert_eq!(receipt.offset, expected);
        let read = lease(&["q"], receipt.order, 9_000);
        log.put(&key(1), fence, Some(read), true).await;
        log.wait(100).await;
    }
}

async fn overflow(log: Checked) {
    let fence = log.take(&key(1)).await.0;
    log.put(&key(1), fence, Some(lease(&["q"], 0, 9_000)), false)
        .await;
    let crowd = |from: u64| (from..from + 500).map(|n| said(&queue("q"), n)).collect();
    for from in 0..40 {
        log.append(crowd(from * 500)).await;
    }
    let (heard, gaps) = log.heard(&[queue("q")], 0).await;
    // A log may keep more than the 10,000 that it must.
    assert!(heard.len() >= 10_000 && heard.last() == Some(&19_999));
    assert!(heard.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    let trimmed = if heard.len() < 20_000 {
        vec![GapCause::Trimmed]
    } else {
        vec![]
    };
    assert_eq!(gaps, trimmed);
}
