//! The judge: holds what callbacks got against what was promised (`delivery.md` 0 and a).
//!
//! * **Lost.** A message that exists is owed: one that was promised, or that anybody got (it is on the disk before anybody
//!   gets it). `Bar` is owed to every client that had been connected before the call, there or away; `Keep` to those who
//!   were away from before the call until after its answer.
//!   Not lost is what a client lets go by its own word: `HubClient::close` drops events that wait, and to the server a
//!   goodbye says that all had come that was written before. It can only be the end of what came in that life. Who
//!   acknowledges each message (XSockets' wires with `qos=1`) lets nothing go. On serverSentEvents what has left counts as
//!   had, since its clients can say nothing: if such a life ends, however, the end of what came in it may be missing, up to
//!   where the next life began, which has no cursor (`delivery.md` a.5). In one life, its reconnects included, nothing may.
//! * **Twice.** Never in one life of a client, its reconnects and the server's deaths included: it keeps its cursor. In a
//!   later life of the same persistent id, which brings no cursor, only where nothing proved that the message had come,
//!   or where the server died before the proof was written down.
//! * **Out of order.** `order` looks for that.
//!
//! A call that was not answered may have done its work or not; both are right.

mod order;
mod story;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::book::{Account, Book, Letter, Sent, Stamp, Way};
use story::story;

/// What the judge found; the texts say what exactly.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) lost: Vec<String>,
    pub(crate) twice: Vec<String>,
    pub(crate) disorder: Vec<String>,
    /// How many messages came again in a later life, as they may.
    pub(crate) repeats: usize,
    /// How many messages clients let go that closed while these were on their way.
    pub(crate) let_go: usize,
    /// How many unanswered calls had done their work.
    pub(crate) unsure: usize,
}

impl Verdict {
    pub(crate) fn is_clean(&self) -> bool {
        self.lost.is_empty() && self.twice.is_empty() && self.disorder.is_empty()
    }
}

pub(crate) fn judge(book: &Book) -> Verdict {
    let mut verdict = Verdict::default();
    let mut had = Vec::new();
    for (who, account) in book.accounts.iter().enumerate() {
        had.push(first_times(book, who, account, &mut verdict));
    }
    for (letter, sent) in letters(book) {
        let Some(settled) = settled(letter, sent, &had) else {
            continue;
        };
        verdict.unsure += usize::from(sent.promise.is_none());
        for ((who, account), had) in book.accounts.iter().enumerate().zip(&had) {
            if !owed(account, sent, settled) || had.contains_key(&letter) {
                continue;
            }
            if let_go(book, account, sent, settled) {
                verdict.let_go += 1;
            } else {
                let what = describe(letter, sent, settled);
                let story = story(book, account, sent.asked, settled);
                verdict
                    .lost
                    .push(format!("client {who} never got {what}{story}"));
            }
        }
    }
    verdict.disorder = order::contradictions(book);
    verdict
}

pub(crate) fn letters(book: &Book) -> impl Iterator<Item = (Letter, &Sent)> {
    let of = |(from, account): (usize, &'_ Account)| (from, account.sent.len());
    let counts: Vec<(usize, usize)> = book.accounts.iter().enumerate().map(of).collect();
    let all = counts
        .into_iter()
        .flat_map(|(from, count)| (0..count).map(move |number| Letter { from, number }));
    all.filter_map(|letter| Some((letter, book.sent(letter)?)))
}

/// When a message certainly existed, if it ever did.
fn settled(letter: Letter, sent: &Sent, had: &[HashMap<Letter, Stamp>]) -> Option<Stamp> {
    match sent.promise {
        Some(promise) => Some(promise.at),
        None => had.iter().filter_map(|had| had.get(&letter).copied()).min(),
    }
}

fn owed(account: &Account, sent: &Sent, settled: Stamp) -> bool {
    let subscribed = account.came.first().map(|(_, at)| *at);
    if subscribed.is_none_or(|at| at > sent.asked) {
        return false;
    }
    match sent.way {
        Way::Everybody => true,
        Way::Away => {
            let after = account.away.partition_point(|(from, _)| *from < sent.asked);
            let away = after.checked_sub(1).and_then(|at| account.away.get(at));
            away.is_some_and(|(_, to)| *to > settled)
        }
    }
}

/// Whether a message was on its way when a life ended that lets go of such: nothing came in that life that is certainly
/// younger.
fn let_go(book: &Book, account: &Account, sent: &Sent, settled: Stamp) -> bool {
    let mut leaves = account.leaves.iter().filter(|leave| {
        let wire = account.wire(leave.life);
        let mut later = account.came.iter().filter(|(life, _)| *life > leave.life);
        let until = match wire.counts_what_left() {
            true => later.next().map_or(Stamp::MAX, |(_, came)| *came),
            false => leave.to,
        };
        wire.lets_go(leave.how) && sent.asked < until
    });
    leaves.any(|leave| {
        let mut got = account.got.iter().filter(|got| got.life == leave.life);
        !got.any(|got| {
            let other = book.sent(got.letter);
            other.is_some_and(|other| other.topic == sent.topic && other.asked > settled)
        })
    })
}

/// When each message came first; finds those that came twice.
fn first_times(
    book: &Book,
    who: usize,
    account: &Account,
    verdict: &mut Verdict,
) -> HashMap<Letter, Stamp> {
    let mut had = HashMap::<Letter, Stamp>::new();
    let mut newest = HashMap::<Letter, (u32, Stamp)>::new();
    for got in &account.got {
        had.entry(got.letter).or_insert(got.at);
        // A third time is held against the second.
        let Some((life, at)) = newest.insert(got.letter, (got.life, got.at)) else {
            continue;
        };
        let why = if life == got.life {
            Some("in one life")
        } else {
            let known = is_proven(account, life, at) && is_written(book, account, life, at, got.at);
            known.then_some("though the server had proof that it came")
        };
        match why {
            Some(why) => {
                let (letter, again) = (got.letter, got.life);
                verdict.twice.push(format!(
                    "client {who} got {letter} twice, {why}: in life {life} ({}, step {at}) and life {again} ({}, step {}){}",
                    account.wire(life).name(),
                    account.wire(again).name(),
                    got.at,
                    story(book, account, at, at)
                ));
            }
            None => verdict.repeats += 1,
        }
    }
    had
}

/// Whether the server was told that what came then had come: by a goodbye, once that was awaited, or by something that was
/// answered after it.
fn is_proven(account: &Account, life: u32, at: Stamp) -> bool {
    let mut proofs = account.proofs.iter();
    let mut leaves = account.leaves.iter();
    proofs.any(|(of, upto)| *of == life && at <= *upto)
        || leaves.any(|leave| leave.life == life && account.wire(life).proves(leave.how))
}

/// Whether the server lived until it had written that down: when the client was connected the next time, or until the
/// message came again.
fn is_written(book: &Book, account: &Account, life: u32, at: Stamp, again: Stamp) -> bool {
    let next = account.came.iter().find(|(other, _)| *other > life);
    let until = next.map_or(again, |(_, came)| again.min(*came));
    let mut kills = book.kills.iter();
    !kills.any(|(from, to)| *from <= until && *to >= at)
}

fn describe(letter: Letter, sent: &Sent, settled: Stamp) -> String {
    let topic = sent.topic.name();
    let how = match (sent.way, sent.promise) {
        (Way::Everybody, Some(_)) => "sent and kept, promised",
        (Way::Everybody, None) => "sent and kept, not promised, but others got it",
        (Way::Away, Some(_)) => "kept, promised",
        (Way::Away, None) => "kept, not promised, but others got it",
    };
    let asked = sent.asked;
    format!("{letter} of '{topic}' ({how}; asked at step {asked}, there at {settled})")
}
