//! What a client did around the moment that a finding is about: its lives, how they came and went, what they got, and the
//! kills meanwhile. A finding is seldom seen again, so that it has to tell all that the book knows.

use std::fmt::Write;

use crate::book::{Account, Book, Stamp};

/// From the coming of the life that was there, or had been, at `from`, until the next one after `to` has gone.
pub(super) fn story(book: &Book, account: &Account, from: Stamp, to: Stamp) -> String {
    let mut before = account.came.iter().filter(|(_, came)| *came <= from);
    let begin = before.next_back().map_or(0, |(_, at)| *at);
    let next = account.came.iter().find(|(_, at)| *at > to);
    let next = next.map_or(to, |(_, at)| *at);
    let gone = account.leaves.iter().find(|leave| leave.to > next);
    let end = gone.map_or(Stamp::MAX, |leave| leave.to);

    let mut events: Vec<(Stamp, String)> = Vec::new();
    for (life, at) in &account.came {
        let wire = account.wire(*life).name();
        events.push((*at, format!("life {life} came on {wire}")));
    }
    for leave in &account.leaves {
        events.push((
            leave.to,
            format!("life {} left ({:?})", leave.life, leave.how),
        ));
    }
    for (life, upto) in &account.proofs {
        events.push((*upto, format!("the last proof in life {life}")));
    }
    for (from, to) in &book.kills {
        events.push((*from, "killed".to_owned()));
        events.push((*to, "started".to_owned()));
    }
    let mut run = account.got.iter().peekable();
    while let Some(first) = run.next() {
        let (mut last, mut count) = (first, 1);
        let apart = |at: Stamp| {
            events
                .iter()
                .any(|(event, _)| (first.at..at).contains(event))
        };
        while let Some(more) = run.next_if(|got| !apart(got.at)) {
            (last, count) = (more, count + 1);
        }
        let (from, to, until) = (first.letter, last.letter, last.at);
        events.push((
            first.at,
            format!("{count} from {from} to {to} until {until}"),
        ));
    }
    events.sort_by_key(|(at, _)| *at);
    let mut text = String::new();
    for (at, what) in events.iter().filter(|(at, _)| (begin..=end).contains(at)) {
        let _ = write!(text, "\n    {at} {what}");
    }
    text
}
