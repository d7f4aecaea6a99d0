//! Terms on which a queue keeps an entry: its own time, its name, and whom it is for.

use std::sync::Arc;

use hub_core::{Ack, Append, DedupeId, GapCause, Limit, NodeId, Receipt, Recipients, Terms};
use tokio::time::{Duration, advance};

use super::Cases;
use super::checked::{ALL, Checked, group, key, lease, numbers, owner_id, queue, said, said_also};
use crate::log::options::LogOptions;

pub(super) fn add(cases: &mut Cases) {
    for millis in [1, 1_000, 60_000] {
        cases.add(
            format!("an entry that expires in {millis} ms is owed until then and no longer"),
            move |log| edge(log, millis),
        );
    }
    cases.add("what expires between others leaves no gap", between);
    cases.add("what expires is told on the page that it lies on", paged);
    cases.add("a page of no entries tells all that has expired", counted);
    cases.add("what has expired is no gap when it is swept", swept);
    cases.add("a live topic keeps what has expired in a queue", live);
    cases.add("what was said under a name is not said again", once);
    cases.add("one append may say a name twice", twice);
    cases.add("of one append each entry is looked at for itself", each);
    cases.add("a name belongs to its hub, whatever the queue", hubs);
    cases.add("a duplicate is heard by nobody", unheard);
    for (seconds, known) in [(299, true), (300, false)] {
        cases.add(
            format!("a name is known after {seconds} s: {known}"),
            move |log| window(log, seconds, known),
        );
    }
    let names = LogOptions::default().dedupe(Duration::from_secs(300), 5);
    cases.add_with("the newest five names are known", names, newest);
    cases.add("an entry keeps whom it is for and who waits", whole);
    cases.add("a receipt says how many who are away are owed it", waiting);
    cases.add("a receipt counts only those whom it is for", waiting_only);
}

fn terms(append: Append, terms: Terms) -> Append {
    Append { terms, ..append }
}

fn mortal(name: &str, number: u64, millis: u64) -> Append {
    let mut with = Terms::default();
    with.expires_in = Some(Duration::from_millis(millis));
    terms(said(&queue(name), number), with)
}

fn named(name: &str, number: u64, id: &str) -> Append {
    let mut with = Terms::default();
    with.dedupe = DedupeId::new(id);
    terms(said(&queue(name), number), with)
}

async fn edge(log: Checked, millis: u64) {
    let order = log.append(vec![mortal("q", 1, millis)]).await[0].order;
    advance(Duration::from_millis(millis - 1)).await;
    let page = log.read(&[queue("q")], 0, ALL).await;
    assert_eq!((numbers(&page.entries), page.expired), (vec![1], 0));
    assert!(page.entries[0].expires.is_some());
    advance(Duration::from_millis(1)).await;
    let page = log.read(&[queue("q")], 0, ALL).await;
    assert_eq!((page.entries.len(), page.expired, page.more), (0, 1, false));
    assert!(page.gaps.is_empty());
    assert_eq!(log.read(&[queue("q")], order, ALL).await.expired, 0);
}

async fn between(log: Checked) {
    for n in 0..30 {
        let entry = match n % 3 {
            0 => said(&queue("q"), n),
            _ => mortal("q", n, 1_000 * n),
        };
        log.append(vec![entry]).await;
    }
    advance(Duration::from_secs(15)).await;
    let page = log.read(&[queue("q")], 0, ALL).await;
    let left: Vec<u64> = (0..30).filter(|n| n % 3 == 0 || *n > 15).collect();
    assert_eq!(numbers(&page.entries), left);
    assert_eq!((page.expired, page.gaps.len()), (30 - left.len() as u64, 0));
}

async fn paged(log: Checked) {
    for n in 0..40 {
        let entry = if n % 4 == 0 {
            said(&queue("q"), n)
        } else {
            mortal("q", n, 1_000)
        };
        log.append(vec![entry]).await;
    }
    advance(Duration::from_secs(1)).await;
    let (mut after, mut heard, mut expired) = (0, Vec::new(), 0);
    loop {
        let limit = Limit {
            entries: 3,
            upto: u64::MAX,
        };
        let page = log.read(&[queue("q")], after, limit).await;
        heard.extend(numbers(&page.entries));
        expired += page.expired;
        after = page.entries.last().map_or(after, |entry| entry.order);
        if !page.more {
            break;
        }
    }
    assert_eq!(heard, (0..40).step_by(4).collect::<Vec<_>>());
    assert_eq!(expired, 30);
}

async fn counted(log: Checked) {
    for n in 0..20 {
        log.append(vec![said(&queue("q"), n), mortal("q", n, 1_000)])
            .await;
    }
    advance(Duration::from_secs(1)).await;
    let limit = Limit {
        entries: 0,
        upto: u64::MAX,
    };
    let page = log.read(&[queue("q")], 0, limit).await;
    assert_eq!((page.expired, page.more, page.gaps.len()), (20, true, 0));
}

async fn swept(log: Checked) {
    let fence = log.take(&key(1)).await.0;
    log.put(&key(1), fence, Some(lease(&["q"], 0, 9_000)), false)
        .await;
    log.append((0..5).map(|n| mortal("q", n, 1_000)).collect())
        .await;
    log.say(&queue("q"), 5).await;
    log.append(vec![mortal("q", 6, 1_000)]).await;
    log.wait(300).await;
    assert_eq!(log.heard(&[queue("q")], 0).await, (vec![5], vec![]));
    assert_eq!(log.say(&queue("q"), 7).await.offset, 8);
    assert_eq!(log.heard(&[queue("q")], 0).await, (vec![5, 7], vec![]));
}

async fn live(log: Checked) {
    log.listen(&[group("g")]);
    let mut with = Terms::default();
    with.expires_in = Some(Duration::from_secs(1));
    let entry = said_also(&queue("q"), &[group("g")], 1);
    log.append(vec![terms(entry, with)]).await;
    advance(Duration::from_secs(2)).await;
    assert_eq!(log.heard(&[group("g")], 0).await.0, [1]);
    let both = log.read(&[group("g"), queue("q")], 0, ALL).await;
    assert_eq!((numbers(&both.entries), both.expired), (vec![1], 0));
}

fn again(receipt: Receipt, first: Receipt) {
    assert!(receipt.duplicate && !first.duplicate);
    assert_eq!((receipt.order, receipt.offset), (first.order, first.offset));
}

async fn once(log: Checked) {
    let first = log.0.append(vec![named("q", 1, "a")]).await.unwrap()[0];
    log.say(&queue("q"), 2).await;
    for _ in 0..3 {
        again(
            log.0.append(vec![named("q", 9, "a")]).await.unwrap()[0],
            first,
        );
    }
    let other = log.0.append(vec![named("q", 3, "A")]).await.unwrap()[0];
    assert!(!other.duplicate);
    assert_eq!(log.heard(&[queue("q")], 0).await, (vec![1, 2, 3], vec![]));
}

async fn twice(log: Checked) {
    let said = (1..4).map(|n| named("q", n, "a")).collect();
    let receipts = log.0.append(said).await.unwrap();
    again(receipts[1], receipts[0]);
    again(receipts[2], receipts[0]);
    assert_eq!(log.heard(&[queue("q")], 0).await, (vec![1], vec![]));
}

async fn each(log: Checked) {
    let first = log.0.append(vec![named("q", 1, "a")]).await.unwrap()[0];
    let entries = vec![named("q", 2, "b"), named("q", 9, "a"), said(&queue("q"), 3)];
    let receipts = log.0.append(entries).await.unwrap();
    again(receipts[1], first);
    assert_eq!(receipts[2].order, receipts[0].order + 1);
    assert_eq!(receipts[2].offset, receipts[0].offset + 1);
    assert_eq!(log.heard(&[queue("q")], 0).await, (vec![1, 2, 3], vec![]));
}

async fn hubs(log: Checked) {
    let first = log.0.append(vec![named("q", 1, "a")]).await.unwrap()[0];
    again(
        log.0.append(vec![named("p", 1, "a")]).await.unwrap()[0],
        first,
    );
    let mut other = named("q", 1, "a");
    other.topic = hub_core::Topic::Queue("another".into(), "q".into());
    assert!(!log.0.append(vec![other]).await.unwrap()[0].duplicate);
    assert!(log.heard(&[queue("p")], 0).await.0.is_empty());
}

async fn unheard(log: Checked) {
    log.listen(&[group("g"), queue("q")]);
    let entry = |number| Append {
        also: [group("g")].into(),
        ..named("q", number, "a")
    };
    log.append(vec![entry(1)]).await;
    log.append(vec![entry(2)]).await;
    let last = log.say(&queue("q"), 3).await.order;
    assert_eq!(numbers(&log.tail(last).await), [1, 3]);
    assert_eq!(log.heard(&[group("g")], 0).await.0, [1]);
}

async fn window(log: Checked, seconds: u64, known: bool) {
    log.append(vec![named("q", 1, "a")]).await;
    log.wait(290).await;
    advance(Duration::from_secs(seconds - 290)).await;
    let receipt = log.0.append(vec![named("q", 2, "a")]).await.unwrap()[0];
    assert_eq!(receipt.duplicate, known);
    let second = log.0.append(vec![named("q", 3, "a")]).await.unwrap()[0];
    assert!(second.duplicate);
}

async fn newest(log: Checked) {
    for n in 0..10 {
        log.append(vec![named("q", n, &n.to_string())]).await;
    }
    for n in (0..10).rev() {
        let id = n.to_string();
        let receipt = log.0.append(vec![named("q", n, &id)]).await.unwrap()[0];
        assert_eq!(receipt.duplicate, n >= 5, "{n}");
    }
}

async fn whole(log: Checked) {
    let mut with = Terms::default();
    with.only = Some(Recipients {
        owners: Arc::from([owner_id(1), owner_id(2)]),
        users: Arc::from(["ann".into(), "日本".into()]),
    });
    let ack = Some(Ack {
        node: NodeId(7),
        number: u64::MAX,
    });
    let entry = terms(said(&queue("q"), 1), with.clone());
    log.append(vec![Append { ack, ..entry }, said(&queue("q"), 2)])
        .await;
    let page = log.read(&[queue("q")], 0, ALL).await;
    assert_eq!(
        (&page.entries[0].only, page.entries[0].ack),
        (&with.only, ack)
    );
    assert_eq!((&page.entries[1].only, page.entries[1].ack), (&None, None));
}

async fn waiting(log: Checked) {
    let count = async |name: &str| log.say(&queue(name), 1).await.waiting;
    assert_eq!(count("q").await, 0);
    let mut fences = Vec::new();
    for owner in 0..5 {
        let fence = log.take(&key(owner)).await.0;
        fences.push(fence);
        let queues: &[&str] = if owner == 4 { &["p", "p"] } else { &["q", "p"] };
        log.put(&key(owner), fence, Some(lease(queues, 0, 60)), owner == 0)
            .await;
    }
    assert_eq!((count("q").await, count("p").await), (3, 4));
    // One comes back, one ends, one holds no longer.
    log.take(&key(1)).await;
    log.put(&key(2), fences[2], None, false).await;
    log.put(&key(0), fences[0], Some(lease(&["q"], 0, 600)), false)
        .await;
    assert_eq!((count("q").await, count("p").await), (2, 2));
    log.wait(60).await;
    assert_eq!((count("q").await, count("p").await), (1, 0));
    log.listen(&[group("g")]);
    assert_eq!(log.say(&group("g"), 1).await.waiting, 0);
}

async fn waiting_only(log: Checked) {
    for owner in 0..4 {
        let user = if owner < 2 { "ann" } else { "bob" };
        assert!(log.0.bind(&owner_id(owner), Some(user)).await.unwrap());
        let fence = log.take(&key(owner)).await.0;
        log.put(&key(owner), fence, Some(lease(&["q"], 0, 60)), owner == 3)
            .await;
    }
    let count = async |owners: &[u32], users: &[&str]| {
        let mut with = Terms::default();
        with.only = Some(Recipients {
            owners: owners.iter().map(|owner| owner_id(*owner)).collect(),
            users: users.iter().map(|user| (*user).into()).collect(),
        });
        log.append(vec![terms(said(&queue("q"), 1), with)]).await[0].waiting
    };
    assert_eq!(count(&[], &["ann"]).await, 2);
    assert_eq!(count(&[0, 2, 3, 9], &["ann", "eve"]).await, 3);
    assert_eq!(count(&[], &["bob"]).await, 1);
    assert_eq!(count(&[], &["ANN"]).await, 0);
    assert_eq!(log.heard(&[queue("q")], 0).await.1, [] as [GapCause; 0]);
}
