//! What a client that reads slowly is not sent (`delivery.md` c, "Slow consumer"): of events whose senders want it so, only the
//! newest, or the last of each key. It is decided as a page of the log is read, so that what was left out is never in an
//! outbox.

use std::collections::HashSet;
use std::sync::Arc;

use hub_core::{Entry, Gap, GapCause, Topic, WhenFull};

use super::{Link, Mode};
use crate::meter;

/// So many of those events wait for a slow client of which the oldest go.
const NEWEST: usize = 64;

/// With so many frames in its outbox a link reads the log for what may be superseded meanwhile.
const FEW: usize = 16;

/// How a link that reads the log stands to what may be left out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lag {
    /// Whether it reads the log since its client does not take what waits.
    slow: bool,
    /// Whether there is something that may be left out.
    sheds: bool,
}

impl Lag {
    /// An entry is to be read from the log.
    pub(super) fn note(&mut self, entry: &Entry) {
        self.sheds |= entry.when_full != WhenFull::Wait;
    }
}

/// Why an entry is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// A newer one of its key is there.
    Superseded,
    /// There are enough newer ones.
    TooOld,
}

impl Why {
    fn name(self) -> &'static str {
        match self {
            Self::Superseded => "coalesced",
            Self::TooOld => "slow",
        }
    }
}

/// What of a page is left out: nothing, of most pages.
pub(crate) struct Chosen(Vec<Option<Why>>);

impl Link {
    /// Whether an entry is for when the client takes what waits, as a newer one of its key may come before that.
    pub(super) fn holds_back(&mut self, entry: &Entry) -> bool {
        let WhenFull::Coalesce(_) = entry.when_full else {
            return false;
        };
        let waits = self.flow.is_blocked() && !self.outbox.is_empty();
        let holds = waits || self.outbox.frames() >= FEW;
        if holds {
            self.fall_behind();
            self.lag.note(entry);
        }
        holds
    }

    /// The client does not take what waits: what comes now it reads from the log.
    pub(super) fn fall_behind(&mut self) {
        self.mode = Mode::Behind;
        self.lag.slow = true;
        meter::fell_behind();
    }

    /// It reads as fast as it is written.
    pub(super) fn keep_up(&mut self) {
        self.lag = Lag::default();
    }

    /// Whether it reads the log since its client does not take what waits.
    pub(crate) fn is_slow(&self) -> bool {
        self.lag.slow
    }

    /// Whether more may be read from the log, as far as the outbox goes. Where something may be left out it stays in the log until
    /// nothing else waits.
    pub(crate) fn has_room(&mut self) -> bool {
        if self.outbox.is_pressed() {
            self.lag.slow = true;
            return false;
        }
        !self.lag.sheds || self.outbox.is_empty() && !self.flow.is_blocked()
    }

    /// Whether it is worth reading far ahead: what is there may be left out.
    pub(crate) fn sheds(&self) -> bool {
        self.lag.sheds
    }

    /// What of a page is left out for this client, and how many entries of the page are to be written now: of one that
    /// was read far ahead, `most` of those that stay.
    pub(crate) fn choose(&mut self, entries: &[Arc<Entry>], most: usize) -> (Chosen, usize) {
        let any = entries.iter().any(|it| it.when_full != WhenFull::Wait);
        if !any {
            return (Chosen(Vec::new()), entries.len().min(most));
        }
        self.lag.sheds = true;
        let mut fates = vec![None; entries.len()];
        let (mut keys, mut newer) = (HashSet::new(), 0);
        for (entry, fate) in entries.iter().zip(&mut fates).rev() {
            *fate = match &entry.when_full {
                WhenFull::Coalesce(key) if self.is_meant(entry) => {
                    let last = keys.insert((&entry.topic, key));
                    (!last).then_some(Why::Superseded)
                }
                WhenFull::DropOldest if self.lag.slow && self.is_meant(entry) => {
                    newer += 1;
                    (newer > NEWEST).then_some(Why::TooOld)
                }
                _ => None,
            };
        }
        let stays = fates.iter().enumerate();
        let mut stays = stays.filter(|(_, fate)| fate.is_none());
        let end = stays.nth(most).map_or(entries.len(), |(at, _)| at);
        (Chosen(fates), end)
    }

    /// An entry is passed over: it is counted, and told where that is a gap.
    pub(crate) fn leave_out(&mut self, entry: &Entry, why: Why) {
        meter::left_out(entry.topic.hub(), why.name(), 1);
        if why == Why::TooOld {
            self.left_out += 1;
            let gap = dropped(&entry.topic);
            if !self.untold.contains(&gap) {
                self.miss(&[gap]);
            }
        }
    }
}

impl Chosen {
    /// Why the entry at this place of the page is left out, if it is.
    pub(crate) fn leaves_out(&self, at: usize) -> Option<Why> {
        self.0.get(at).copied().flatten()
    }
}

fn dropped(topic: &Topic) -> Gap {
    Gap {
        topic: Some(topic.clone()),
        why: GapCause::Dropped,
    }
}
