//! Reading after a cursor: merged by order, in pages, with its gaps told.

use hub_core::{Cursor, Epoch, GapCause, Limit, Topic};
use tokio::time::{Duration, advance};

use super::Cases;
use super::checked::{ALL, Checked, group, kinds, numbers, queue, said, said_also};

pub(super) fn add(cases: &mut Cases) {
    for at in 0..7 {
        let (kind, topic) = kinds("a")[at].clone();
        let it = topic.clone();
        cases.add(
            format!("{kind} is read after each of its orders"),
            move |log| after(log, it.clone()),
        );
        cases.add(
            format!("{kind} gives up to each limit, and says whether there is more"),
            move |log| limits(log, topic.clone()),
        );
    }
    for page in [1, 2, 3, 7, 20] {
        cases.add(
            format!("pages of {page} give everything once"),
            move |log| pages(log, page),
        );
    }
    cases.add("several topics are merged by order", merged);
    cases.add(
        "an entry in two places is read once where both are read",
        also,
    );
    cases.add(
        "an entry found in two places counts once for a limit",
        also_limit,
    );
    cases.add(
        "what is only found elsewhere has gone where nobody listens",
        also_unheard,
    );
    cases.add("reading no topics gives nothing", |log| async move {
        log.say(&queue("q"), 1).await;
        assert_eq!(log.heard(&[], 0).await, (vec![], vec![]));
    });
    cases.add(
        "reading nothing of what is there tells of more",
        |log| async move {
            log.say(&queue("q"), 1).await;
            let none = Limit { entries: 0, ..ALL };
            let page = log.read(&[queue("q")], 0, none).await;
            assert!(page.more && page.entries.is_empty());
        },
    );
    cases.add(
        "a topic that never was is empty, without a gap",
        |log| async move {
            let heard = log.heard(&[group("a"), queue("q")], 0).await;
            assert_eq!(heard, (vec![], vec![]));
        },
    );
    for (what, count) in [
        ("as many as are kept leave none", 10),
        ("one more leaves one", 11),
        ("many more leave one", 35),
    ] {
        cases.add(format!("a gap of a live topic: {what}"), move |log| {
            trimmed(log, count)
        });
    }
    cases.add("a gap is of the topic that has it", gap_of_one);
    cases.add("a large entry drives others out, and stays", large);
    for (epoch, order) in [(1, 0), (1, 1), (u64::MAX, 5), (0, 1_000_000)] {
        cases.add(
            format!("a cursor of another log is a gap: epoch +{epoch:X}, order +{order}"),
            move |log| foreign(log, epoch, order),
        );
    }
    cases.add("a topic outlives its listeners for a while", outlives);
    cases.add("a topic that was forgotten is a gap", forgotten);
    cases.add(
        "who listens to a forgotten topic again has a gap before, and none after",
        again,
    );
    cases.add("a topic that has listeners is not forgotten", listened);
}

async fn after(log: Checked, topic: Topic) {
    let topics = [topic.clone()];
    log.listen(&topics);
    let mut orders = vec![0];
    for n in 0..5 {
        orders.push(log.say(&topic, n).await.order);
    }
    for (n, &order) in (0..).zip(&orders) {
        let expected = (n..5).collect::<Vec<_>>();
        assert_eq!(log.heard(&topics, order).await, (expected, vec![]));
    }
}

async fn limits(log: Checked, topic: Topic) {
    let topics = [topic.clone()];
    log.listen(&topics);
    let mut orders = Vec::new();
    for n in 0..6 {
        orders.push(log.say(&topic, n).await.order);
    }
    for entries in 0..8 {
        for (upto, &order) in (1..).zip(&orders) {
            let limit = Limit {
                entries,
                upto: order,
            };
            let page = log.read(&topics, 0, limit).await;
            let got = entries.min(upto);
            assert_eq!(numbers(&page.entries), (0..got as u64).collect::<Vec<_>>());
            assert_eq!(page.more, upto > entries, "{entries} upto {upto}");
        }
    }
}

async fn pages(log: Checked, entries: usize) {
    let topics = [queue("a"), group("b"), queue("c")];
    log.listen(&topics);
    for n in 0..20 {
        log.say(&topics[n as usize % 3], n).await;
    }
    let (mut got, mut after) = (Vec::new(), 0);
    let limit = Limit { entries, ..ALL };
    loop {
        let page = log.read(&topics, after, limit).await;
        got.extend(numbers(&page.entries));
        after = page.entries.last().map_or(after, |entry| entry.order);
        assert!(page.gaps.is_empty());
        if !page.more {
            break;
        }
        assert_eq!(page.entries.len(), entries);
    }
    assert_eq!(got, (0..20).collect::<Vec<_>>());
}

async fn merged(log: Checked) {
    let topics = kinds("a").map(|(_, topic)| topic);
    log.listen(&topics);
    let turns = [3, 0, 6, 6, 1, 2, 5, 4, 0, 6];
    for (n, at) in (0..).zip(turns) {
        log.say(&topics[at], n).await;
    }
    assert_eq!(log.heard(&topics, 0).await.0, (0..10).collect::<Vec<_>>());
    let two = [topics[6].clone(), topics[0].clone()];
    assert_eq!(log.heard(&two, 0).await.0, [1, 2, 3, 8, 9]);
}

async fn also(log: Checked) {
    let (kept, a, b) = (queue("q"), group("a"), group("b"));
    log.listen(&[a.clone(), b.clone()]);
    let places = [a.clone(), b.clone()];
    log.append(vec![
        said_also(&kept, &places, 1),
        said_also(&a, std::slice::from_ref(&b), 2),
        said(&b, 3),
    ])
    .await;
    for (topics, expected) in [
        (vec![kept.clone()], vec![1]),
        (vec![a.clone()], vec![1, 2]),
        (vec![b.clone()], vec![1, 2, 3]),
        (vec![a.clone(), kept.clone()], vec![1, 2]),
        (vec![b, a, kept], vec![1, 2, 3]),
    ] {
        assert_eq!(log.heard(&topics, 0).await, (expected, vec![]));
    }
}

async fn also_limit(log: Checked) {
    let topics = [queue("q"), group("a"), group("b")];
    log.listen(&topics[1..]);
    for n in 0..5 {
        log.append(vec![said_also(&topics[0], &topics[1..], n)])
            .await;
    }
    for entries in 1..=5 {
        let page = log.read(&topics, 0, Limit { entries, ..ALL }).await;
        assert_eq!(
            numbers(&page.entries),
            (0..entries as u64).collect::<Vec<_>>()
        );
        assert_eq!(page.more, entries < 5);
    }
}

async fn also_unheard(log: Checked) {
    let (kept, a) = (queue("q"), group("a"));
    let first = said_also(&kept, std::slice::from_ref(&a), 1);
    let order = log.append(vec![first]).await[0].order;
    log.listen(std::slice::from_ref(&a));
    log.append(vec![said_also(&kept, std::slice::from_ref(&a), 2)])
        .await;
    assert_eq!(log.heard(&[a], order).await.0, [2]);
    assert_eq!(log.heard(&[kept], 0).await.0, [1, 2]);
}

async fn trimmed(log: Checked, count: u64) {
    let topic = group("a");
    log.listen(std::slice::from_ref(&topic));
    let mut orders = vec![0];
    for n in 1..=count {
        orders.push(log.say(&topic, n).await.order);
    }
    let lost = count - 10;
    for n in 0..=count {
        let (heard, gaps) = log
            .heard(std::slice::from_ref(&topic), orders[n as usize])
            .await;
        assert_eq!(heard, (n.max(lost) + 1..=count).collect::<Vec<_>>());
        let expected = if n < lost {
            vec![GapCause::Trimmed]
        } else {
            vec![]
        };
        assert_eq!(gaps, expected, "after {n} of {count}");
    }
}

async fn gap_of_one(log: Checked) {
    let topics = [group("quiet"), group("loud"), queue("q")];
    log.listen(&topics);
    log.say(&topics[0], 0).await;
    for n in 1..=20 {
        log.say(&topics[1], n).await;
        log.say(&topics[2], 100 + n).await;
    }
    let page = log.read(&topics, 0, ALL).await;
    assert_eq!(page.entries.len(), 1 + 10 + 20);
    assert_eq!(page.gaps.len(), 1);
    assert_eq!(page.gaps[0].topic.as_ref(), Some(&topics[1]));
}

async fn large(log: Checked) {
    let topic = group("a");
    log.listen(std::slice::from_ref(&topic));
    log.say(&topic, 1).await;
    let large = "x".repeat(2 << 20);
    let body = super::checked::event(hub_core::Payload::of(&large).unwrap());
    log.append(vec![hub_core::Append::new(topic.clone(), body)])
        .await;
    let page = log.read(&[topic], 0, ALL).await;
    assert_eq!(page.entries.len(), 1);
    assert_eq!(page.gaps[0].why, GapCause::Trimmed);
}

async fn foreign(log: Checked, epoch: u64, order: u64) {
    log.listen(&[group("a")]);
    let receipt = log.say(&group("a"), 1).await;
    log.tail(receipt.order).await;
    let cursor = Cursor::at(
        Epoch(log.0.epoch().0.wrapping_add(epoch)),
        log.0.end().wrapping_add(order),
    );
    for topics in [vec![], vec![group("a"), queue("q")]] {
        let page = log.0.read(&topics, cursor, ALL).await.unwrap();
        assert!(page.entries.is_empty());
        assert_eq!(page.gaps.len(), 1);
        assert_eq!(page.gaps[0].why, GapCause::EpochChanged);
        assert_eq!(page.gaps[0].topic, None);
    }
}

async fn outlives(log: Checked) {
    let a = group("a");
    log.listen(std::slice::from_ref(&a));
    log.say(&a, 1).await;
    log.leave(&a);
    log.say(&a, 2).await;
    advance(Duration::from_secs(99)).await;
    log.listen(&[group("b")]);
    log.say(&a, 3).await;
    assert_eq!(log.heard(&[a], 0).await, (vec![1, 2, 3], vec![]));
}

async fn forgotten(log: Checked) {
    let a = group("a");
    log.listen(std::slice::from_ref(&a));
    let order = log.say(&a, 1).await.order;
    log.leave(&a);
    advance(Duration::from_secs(101)).await;
    log.listen(&[group("b")]);
    // Nobody keeps it.
    log.say(&a, 2).await;
    for after in [0, order] {
        let heard = log.heard(std::slice::from_ref(&a), after).await;
        assert_eq!(heard, (vec![], vec![GapCause::Expired]), "after {after}");
    }
}

async fn again(log: Checked) {
    let (a, b) = (group("a"), group("b"));
    log.listen(&[a.clone(), b.clone()]);
    let before = log.say(&a, 1).await.order;
    log.leave(&a);
    advance(Duration::from_secs(150)).await;
    log.listen(&[group("c")]);
    let between = log.say(&b, 2).await.order;
    log.listen(std::slice::from_ref(&a));
    log.say(&a, 3).await;
    let heard = log.heard(std::slice::from_ref(&a), before).await;
    assert_eq!(heard, (vec![3], vec![GapCause::Expired]));
    let heard = log.heard(&[a, b], between).await;
    assert_eq!(heard, (vec![3], vec![]));
}

async fn listened(log: Checked) {
    let a = group("a");
    log.listen(std::slice::from_ref(&a));
    log.say(&a, 1).await;
    for n in 0..10 {
        advance(Duration::from_secs(60)).await;
        log.listen(&[group(&n.to_string())]);
    }
    assert_eq!(log.heard(&[a], 0).await, (vec![1], vec![]));
}
