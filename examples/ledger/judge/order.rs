//! Whether there is one order per topic that everything fits: each client's in each of its lives, the order in which a
//! publisher was answered, and the offsets that it was told. Each says of two messages which came first; where these
//! sayings form a circle, one of them is out of order.

use std::collections::{HashMap, HashSet};

use super::letters;
use crate::book::{Account, Book, Letter, Topic, Way};

/// Who says that one message comes before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Witness {
    /// A client, in one of its lives.
    Client(usize, u32),
    /// The second was called for when the first had been promised.
    Publisher,
    /// The offsets of their promises.
    Offsets,
}

/// What comes after each message, and who says so.
type Sayings = HashMap<Letter, Vec<(Letter, Witness)>>;

pub(super) fn contradictions(book: &Book) -> Vec<String> {
    let mut sayings = Sayings::new();
    for (who, account) in book.accounts.iter().enumerate() {
        heard(book, who, account, &mut sayings);
    }
    let mut found = Vec::new();
    for topic in Topic::ALL {
        published(book, topic, &mut sayings);
        offsets(book, topic, &mut sayings, &mut found);
    }
    for (who, account) in book.accounts.iter().enumerate() {
        late(book, who, account, &mut found);
    }
    circles(&sayings, &mut found);
    found
}

fn say(sayings: &mut Sayings, before: Letter, after: Letter, witness: Witness) {
    let known = sayings.entry(before).or_default();
    // Most clients say the same; one witness is enough. Twice is not a matter of order.
    if before != after && !known.iter().any(|(letter, _)| *letter == after) {
        known.push((after, witness));
    }
}

fn heard(book: &Book, who: usize, account: &Account, sayings: &mut Sayings) {
    let mut last = HashMap::<(u32, Topic), Letter>::new();
    let mut had = HashSet::new();
    for got in &account.got {
        // A second time in one life is another matter.
        if !had.insert((got.life, got.letter)) {
            continue;
        }
        let Some(sent) = book.sent(got.letter) else {
            continue;
        };
        let before = last.insert((got.life, sent.topic), got.letter);
        if let Some(before) = before {
            let witness = Witness::Client(who, got.life);
            say(sayings, before, got.letter, witness);
        }
    }
}

fn published(book: &Book, topic: Topic, sayings: &mut Sayings) {
    let mut promised = None::<Letter>;
    for (letter, sent) in letters(book).filter(|(_, sent)| sent.topic == topic) {
        // What was promised to somebody else says nothing of this one.
        promised = promised.filter(|before| before.from == letter.from);
        if let Some(before) = promised {
            say(sayings, before, letter, Witness::Publisher);
        }
        if sent.promise.is_some() {
            promised = Some(letter);
        }
    }
}

fn offsets(book: &Book, topic: Topic, sayings: &mut Sayings, found: &mut Vec<String>) {
    let of_topic = letters(book).filter(|(_, sent)| sent.topic == topic);
    let placed = of_topic.filter_map(|(letter, sent)| Some((sent.promise?.place?, letter)));
    let mut placed: Vec<_> = placed.collect();
    placed.sort_unstable();
    for (((epoch, offset), before), (place, after)) in placed.iter().zip(placed.iter().skip(1)) {
        if *epoch != place.0 {
            found.push(format!(
                "the epoch of '{}' changed: offsets no longer compare",
                topic.name()
            ));
        } else if *offset == place.1 {
            found.push(format!(
                "{before} and {after} were promised one offset, {offset}"
            ));
        }
        say(sayings, *before, *after, Witness::Offsets);
    }
}

/// What everybody is sent comes in the publisher's order from one life to the next, too: nothing comes for the first time
/// in a later life when something younger came in an earlier one.
fn late(book: &Book, who: usize, account: &Account, found: &mut Vec<String>) {
    /// The youngest of a publisher in lives that are over, and in this one.
    #[derive(Default)]
    struct Youngest {
        before: Option<usize>,
        life: u32,
        now: Option<usize>,
    }
    let mut youngest = HashMap::<usize, Youngest>::new();
    let mut had = HashSet::new();
    let mut all: Vec<_> = account.got.iter().collect();
    // A callback of an earlier life may have been written down after a later one's.
    all.sort_by_key(|got| (got.life, got.at));
    for got in all {
        let Letter { from, number } = got.letter;
        let Some(sent) = book.sent(got.letter) else {
            continue;
        };
        if sent.way != Way::Everybody {
            continue;
        }
        let youngest = youngest.entry(from).or_default();
        if youngest.life != got.life {
            youngest.before = youngest.before.max(youngest.now.take());
            youngest.life = got.life;
        }
        let is_new = had.insert(got.letter);
        let passed = youngest.before.is_some_and(|before| number < before);
        if is_new && passed && sent.promise.is_some() {
            found.push(format!(
                "client {who} got {} in life {} for the first time, after a younger one in an earlier life",
                got.letter, got.life
            ));
        }
        youngest.now = youngest.now.max(Some(number));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    OnTheWay,
    Done,
}

/// Walks along what is said to come later; whoever meets its own way again has found a circle.
fn circles(sayings: &Sayings, found: &mut Vec<String>) {
    let mut seen = HashMap::<Letter, Seen>::new();
    let mut starts: Vec<Letter> = sayings.keys().copied().collect();
    // For the same texts in every run.
    starts.sort_unstable();
    for start in starts {
        if seen.contains_key(&start) {
            continue;
        }
        seen.insert(start, Seen::OnTheWay);
        let mut way = vec![(start, 0)];
        while let Some((letter, next)) = way.last_mut() {
            let after = sayings.get(letter).and_then(|after| after.get(*next));
            *next += 1;
            let (before, Some((after, witness))) = (*letter, after) else {
                seen.insert(*letter, Seen::Done);
                way.pop();
                continue;
            };
            match seen.get(after) {
                None => {
                    seen.insert(*after, Seen::OnTheWay);
                    way.push((*after, 0));
                }
                Some(Seen::OnTheWay) => found.push(format!(
                    "{after} comes after {before} ({witness:?}), and before it for others"
                )),
                Some(Seen::Done) => {}
            }
        }
    }
}
