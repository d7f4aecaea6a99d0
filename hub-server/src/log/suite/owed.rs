//! What is owed to a lease is one of five, at any time: had, waiting, expired, trimmed (which is told), or refused when it
//! was to be written. And who comes back at the end of their time has all of it, or nothing.

use std::collections::BTreeMap;

use hub_core::{Append, GapCause, LogError};
use tokio::time::{Duration, Instant, advance};

use super::Cases;
use super::checked::{ALL, Checked, key, lease, queue, said};
use super::histories::Chance;
use crate::log::options::{LogOptions, Overflow};

/// So many entries a queue keeps here.
const MOST: usize = 20;

/// The longest time of an entry, in milliseconds.
const LIFE: u64 = 20_000;

pub(super) fn add(cases: &mut Cases) {
    for (overflow, how) in [
        (Overflow::DropOldest, "drops the oldest"),
        (Overflow::RejectNew, "refuses the new"),
    ] {
        for seed in 1..=5 {
            let options = LogOptions::default().queue(MOST, 1 << 20);
            cases.add_with(
                format!("all that is owed is accounted for where a queue {how}: seed {seed}"),
                options.overflow(overflow),
                move |log| accounts(log, Chance(seed)),
            );
        }
    }
    cases.add(
        "who is back within 50 ms of the end of their time has all or nothing",
        edges,
    );
}

/// What became of an entry that is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Had,
    Waiting,
    Expired,
    Trimmed,
}

/// The books of one lease: when each entry that is owed is over, and what became of it, by order.
#[derive(Default)]
struct Books {
    owed: BTreeMap<u64, (Option<Instant>, Fate)>,
    after: u64,
}

impl Books {
    fn count(&self, fate: Fate) -> usize {
        let fates = self.owed.values().filter(|(_, it)| *it == fate);
        fates.count()
    }

    /// Looks at what the log has, and closes the books: each entry is one of the five, and none comes back.
    async fn close(&mut self, log: &Checked, step: usize) {
        let now = Instant::now();
        let page = log.read(&[queue("q")], self.after, ALL).await;
        let mut waiting = page.entries.iter().map(|entry| entry.order).peekable();
        for (order, (until, fate)) in &mut self.owed {
            let is_over = until.is_some_and(|until| until <= now);
            let found = waiting.next_if_eq(order).is_some();
            *fate = match *fate {
                _ if *order <= self.after => Fate::Had,
                Fate::Waiting if found => Fate::Waiting,
                Fate::Waiting | Fate::Expired if is_over => Fate::Expired,
                Fate::Waiting => Fate::Trimmed,
                before => before,
            };
            assert_eq!(found, *fate == Fate::Waiting, "step {step}: {order}");
        }
        assert_eq!(waiting.next(), None, "step {step}: nobody is owed it");
        let unread = self.owed.range(self.after + 1..);
        let lost = unread.clone().rev().find(|(_, it)| it.1 == Fate::Trimmed);
        let gaps: Vec<GapCause> = page.gaps.iter().map(|gap| gap.why).collect();
        let told = vec![GapCause::Trimmed; usize::from(lost.is_some())];
        assert_eq!(
            gaps, told,
            "step {step}, after {}: {:?}",
            self.after, self.owed
        );
        let first = page.entries.first().map_or(u64::MAX, |entry| entry.order);
        assert!(
            lost.is_none_or(|(order, _)| *order < first),
            "step {step}: the oldest go"
        );
        // One that was swept is not told of again.
        assert!(page.expired <= self.count(Fate::Expired) as u64);
        let fates = [Fate::Had, Fate::Waiting, Fate::Expired, Fate::Trimmed];
        let sum: usize = fates.map(|fate| self.count(fate)).iter().sum();
        assert_eq!(sum, self.owed.len(), "step {step}");
        assert!(page.entries.len() <= MOST, "step {step}");
    }
}

async fn accounts(log: Checked, mut chance: Chance) {
    let fence = log.take(&key(1)).await.0;
    let put = async |after| {
        let lease = lease(&["q"], after, 100_000);
        log.put(&key(1), fence, Some(lease), false).await;
    };
    put(0).await;
    let (mut books, mut asked, mut refused) = (Books::default(), 0, 0);
    for step in 0..200 {
        match chance.below(6) {
            0..=2 => {
                for n in 0..=chance.below(4) {
                    let life = Duration::from_millis(1 + chance.below(LIFE));
                    let life = (chance.below(3) == 0).then_some(life);
                    let mut entry: Append = said(&queue("q"), n);
                    entry.terms.expires_in = life;
                    asked += 1;
                    match log.0.append(vec![entry]).await {
                        Ok(receipts) => {
                            let until = life.map(|life| Instant::now() + life);
                            books.owed.insert(receipts[0].order, (until, Fate::Waiting));
                        }
                        Err(LogError::Full { .. }) => refused += 1,
                        Err(error) => panic!("step {step}: {error:?}"),
                    }
                    books.close(&log, step).await;
                }
            }
            3 => {
                let unread = books.owed.range(books.after + 1..).map(|(order, _)| *order);
                let unread: Vec<u64> = unread.collect();
                if let Some(order) = unread.get(chance.below(1 + unread.len() as u64) as usize) {
                    books.after = *order;
                    put(books.after).await;
                }
            }
            4 => advance(Duration::from_millis(chance.below(LIFE / 2))).await,
            _ => assert!(log.sweep().await.is_empty(), "step {step}"),
        }
        books.close(&log, step).await;
    }
    assert_eq!(asked, books.owed.len() + refused, "receipts or errors");
}

async fn edges(log: Checked) {
    for (owner, millis) in (0..).zip(950..=1_050_u64) {
        let from = log.0.end();
        let fence = log.take(&key(owner)).await.0;
        let put = lease(&["q"], from, 1);
        log.put(&key(owner), fence, Some(put.clone()), false).await;
        for n in 0..5 {
            log.say(&queue("q"), n).await;
        }
        advance(Duration::from_millis(millis)).await;
        // Sometimes the sweep is first, sometimes the client.
        let mut told = if owner % 2 == 0 {
            log.sweep().await
        } else {
            Vec::new()
        };
        let taken = log.0.take(&key(owner)).await.unwrap();
        told.extend(log.sweep().await);
        let in_time = millis < 1_000;
        assert_eq!(taken.lease, in_time.then_some(put), "after {millis} ms");
        let expected = if in_time { vec![] } else { vec![key(owner)] };
        assert_eq!(told, expected, "after {millis} ms");
        assert!(log.sweep().await.is_empty(), "after {millis} ms");
        if in_time {
            let all = ((0..5).collect(), vec![]);
            assert_eq!(log.heard(&[queue("q")], from).await, all);
        }
    }
}
