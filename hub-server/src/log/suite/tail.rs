//! The live tail: everything that somebody listens to, in order, and the end of it.

use std::sync::Arc;

use futures_util::FutureExt;
use hub_core::{Append, DedupeId, Entry, Receipt, Topic};
use tokio::time::{Duration, advance};

use super::Cases;
use super::checked::{ALL, Checked, group, kinds, numbers, queue, said, said_also};

pub(super) fn add(cases: &mut Cases) {
    for at in 0..7 {
        let (kind, topic) = kinds("a")[at].clone();
        cases.add(format!("the tail has what {kind} is told"), move |log| {
            told(log, topic.clone())
        });
    }
    cases.add("the tail has live and kept entries in one order", mixed);
    cases.add(
        "the tail has an entry once that is found in several places",
        also,
    );
    cases.add(
        "the tail has what listeners to one of its places are owed",
        one_place,
    );
    cases.add("an entry can be read before the tail has it", read_first);
    cases.add("who waits for the tail is woken", woken);
    cases.add("dropping who waits for the tail loses nothing", dropped);
    cases.add(
        "the tail of many tasks' appends is in order and whole",
        tasks,
    );
    cases.add("the tail goes on where interest changes", changes);
    cases.add(
        "the tail reaches all that comes before what is only kept",
        unheard,
    );
    cases.add(
        "the tail reaches all that comes before what was only kept already",
        unheard_again,
    );
}

/// What concerns some topics, of what the tail has.
fn of(tail: &[Arc<Entry>], topics: &[Topic]) -> Vec<u64> {
    let concerns = |entry: &&Arc<Entry>| {
        let mut places = std::iter::once(&entry.topic).chain(&entry.also);
        places.any(|place| topics.contains(place))
    };
    let entries: Vec<Arc<Entry>> = tail.iter().filter(concerns).cloned().collect();
    numbers(&entries)
}

async fn told(log: Checked, topic: Topic) {
    log.listen(std::slice::from_ref(&topic));
    let mut last = 0;
    for n in 0..5 {
        log.say(&group("nobody listens"), 99).await;
        last = log.say(&topic, n).await.order;
    }
    let tail = log.tail(last).await;
    assert_eq!(of(&tail, &[topic]), [0, 1, 2, 3, 4]);
}

async fn mixed(log: Checked) {
    let topics = [group("a"), queue("q"), group("b")];
    log.listen(&topics);
    let mut last = 0;
    for n in 0..30 {
        last = log.say(&topics[n as usize % 3], n).await.order;
    }
    assert_eq!(
        of(&log.tail(last).await, &topics),
        (0..30).collect::<Vec<_>>()
    );
}

async fn also(log: Checked) {
    let topics = [queue("q"), group("a"), group("b")];
    log.listen(&topics);
    let entry = said_also(&topics[0], &topics[1..], 1);
    log.append(vec![entry]).await;
    let last = log.say(&topics[1], 2).await.order;
    assert_eq!(of(&log.tail(last).await, &topics), [1, 2]);
}

async fn one_place(log: Checked) {
    let topics = [group("a"), group("b")];
    log.listen(&topics);
    let places = [group("nobody"), topics[1].clone()];
    log.append(vec![said_also(&queue("q"), &places, 1)]).await;
    let last = log.say(&topics[0], 2).await.order;
    assert_eq!(of(&log.tail(last).await, &topics), [1, 2]);
}

async fn read_first(log: Checked) {
    let topics = [group("a"), queue("q")];
    log.listen(&topics);
    for (n, topic) in (0..).zip(&topics) {
        let order = log.say(topic, n).await.order;
        let page = log.read(&topics, order - 1, ALL).await;
        assert_eq!(numbers(&page.entries), [n]);
    }
}

async fn woken(log: Checked) {
    let topics = [group("a"), queue("q")];
    log.listen(&topics);
    for (n, topic) in (0..).zip(&topics) {
        let waits = log.clone();
        let waiter = tokio::spawn(async move { waits.0.next().await.unwrap() });
        tokio::task::yield_now().await;
        let order = log.say(topic, n).await.order;
        // It is the entry, or that all up to it has passed.
        let notice = waiter.await.unwrap();
        drop(notice);
        let page = log.read(&topics, order - 1, ALL).await;
        assert_eq!(page.entries.len(), 1);
        while log.0.next().now_or_never().is_some() {}
    }
}

async fn dropped(log: Checked) {
    let topic = group("a");
    log.listen(std::slice::from_ref(&topic));
    for _ in 0..5 {
        assert!(log.0.next().now_or_never().is_none());
    }
    for n in 0..5 {
        log.say(&topic, n).await;
    }
    let last = log.say(&topic, 5).await.order;
    let mut first = None;
    for _ in 0..3 {
        // A future that was made and never polled, too.
        drop(log.0.next());
        if first.is_none() {
            first = log.0.next().now_or_never();
        }
    }
    let first = match first {
        Some(Ok(hub_core::Notice::Appended(entry))) => vec![entry],
        Some(Ok(_)) | None => Vec::new(),
        Some(Err(error)) => panic!("{error}"),
    };
    let mut heard = of(&first, std::slice::from_ref(&topic));
    heard.extend(of(&log.tail(last).await, &[topic]));
    assert_eq!(heard, (0..6).collect::<Vec<_>>());
}

async fn tasks(log: Checked) {
    let topics = [group("a"), queue("q")];
    log.listen(&topics);
    let tasks: Vec<_> = (0..10)
        .map(|task| {
            let (log, topics) = (log.clone(), topics.clone());
            tokio::spawn(async move {
                let mut last = 0;
                for n in 0..10 {
                    let topic = &topics[usize::from(n % 2 == 0)];
                    last = log.say(topic, task * 10 + n).await.order;
                }
                last
            })
        })
        .collect();
    let mut last = 0;
    for task in tasks {
        last = task.await.unwrap().max(last);
    }
    let heard = of(&log.tail(last).await, &topics);
    for task in 0..10 {
        let own: Vec<u64> = heard.iter().copied().filter(|n| n / 10 == task).collect();
        assert_eq!(own, (task * 10..task * 10 + 10).collect::<Vec<_>>());
    }
}

async fn changes(log: Checked) {
    let (a, b) = (group("a"), group("b"));
    log.listen(&[a.clone(), b.clone()]);
    log.say(&a, 1).await;
    log.leave(&a);
    let last = log.say(&b, 2).await.order;
    let tail = log.tail(last).await;
    assert_eq!(of(&tail, std::slice::from_ref(&b)), [2]);
    advance(Duration::from_secs(1)).await;
    log.listen(std::slice::from_ref(&a));
    let last = log.say(&a, 3).await.order;
    assert_eq!(of(&log.tail(last).await, &[a, b]), [3]);
}

/// Something that somebody hears, and after it something that nobody does.
async fn heard_and_kept(log: &Checked) -> (u64, Receipt) {
    let heard = log.say(&group("a"), 1).await.order;
    let kept = log.append(vec![named()]).await[0];
    assert_eq!((kept.offset, kept.duplicate), (1, false));
    (heard, kept)
}

fn named() -> Append {
    let mut entry = said(&queue("q"), 2);
    entry.terms.dedupe = DedupeId::new("a");
    entry
}

/// The tail is as far as a receipt says, and the next that it has lies behind what has the receipt.
async fn comes_as_far(log: &Checked, receipt: Receipt, heard: &[u64]) {
    assert!(receipt.tail <= receipt.order);
    let tail = log.tail(receipt.tail).await;
    assert_eq!(of(&tail, &[group("a")]), heard);
    let next = log.say(&group("a"), 3).await.order;
    let tail = log.tail(next).await;
    if receipt.tail < receipt.order {
        assert!(tail.iter().all(|entry| entry.order > receipt.order));
    }
    assert_eq!(of(&tail, &[group("a")]), [3]);
}

async fn unheard(log: Checked) {
    log.listen(&[group("a")]);
    let (heard, kept) = heard_and_kept(&log).await;
    assert!(kept.tail >= heard);
    comes_as_far(&log, kept, &[1]).await;
}

async fn unheard_again(log: Checked) {
    log.listen(&[group("a")]);
    let (heard, kept) = heard_and_kept(&log).await;
    let again = log.append(vec![named()]).await[0];
    assert!(again.duplicate && again.order == kept.order && again.tail >= heard);
    comes_as_far(&log, again, &[1]).await;
    // By now the tail has gone on.
    let again = log.append(vec![named()]).await[0];
    assert!(again.duplicate && again.tail <= again.order);
}
