//! [`Sequence`]: the messages of a client that acknowledges each (QoS 1, `delivery.md` e.1). They bear numbers, from 1 on
//! each connection, whatever their hub. What such a client has had is what it says, not what has left for it; and if it owes
//! too much, its link waits, and reads on from the log.

use std::collections::VecDeque;

use super::{Had, Link};

/// So many messages may be unacknowledged.
const MAX_MESSAGES: usize = 1_024;

/// So many bytes.
const MAX_BYTES: usize = 1 << 20;

/// What a client owes acknowledgements of. None of this exists for one that gives none.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    /// The number of the last message.
    last: u64,
    /// The oldest first.
    unacknowledged: VecDeque<Sent>,
    bytes: usize,
    /// Whether a message waits for room.
    waits: bool,
}

#[derive(Debug)]
struct Sent {
    /// How far the client is once it has this one.
    had: Had,
    bytes: usize,
}

/// An acknowledgement of a message that was never sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unsent;

impl Sequence {
    fn takes(&self, bytes: usize) -> bool {
        let count = self.unacknowledged.len();
        count < MAX_MESSAGES && (count == 0 || self.bytes + bytes <= MAX_BYTES)
    }

    /// Gives a message its number.
    fn give(&mut self, had: Had, bytes: usize) -> u64 {
        self.last += 1;
        self.bytes += bytes;
        self.unacknowledged.push_back(Sent { had, bytes });
        self.last
    }

    /// Takes an acknowledgement of everything up to a number, of those that begin anew after `highest`; gives how far the
    /// client is. Numbers that have been used again are taken for the last message that had them, and if that is
    /// acknowledged, for nothing.
    fn acknowledge(&mut self, number: u64, highest: u64) -> Result<Option<Had>, Unsent> {
        let last = self.last.checked_sub(1).ok_or(Unsent)? % highest + 1;
        if number == 0 || number > highest {
            return Err(Unsent);
        }
        let back = match last.checked_sub(number) {
            Some(back) => back,
            None => highest - (number - last),
        };
        let upto = self.last.checked_sub(back).filter(|upto| *upto > 0);
        let upto = upto.ok_or(Unsent)?;
        let acknowledged = self.last - self.unacknowledged.len() as u64;
        let mut had = None;
        for _ in acknowledged..upto {
            if let Some(sent) = self.unacknowledged.pop_front() {
                self.bytes -= sent.bytes;
                had = Some(sent.had);
            }
        }
        if had.is_some() {
            self.waits = false;
        }
        if self.unacknowledged.is_empty() {
            // An idle connection keeps no memory for it.
            self.unacknowledged = VecDeque::new();
        }
        Ok(had)
    }

    /// What the client has had of what is kept for it goes back to here.
    fn replay_from(&mut self, at: u64) {
        for sent in &mut self.unacknowledged {
            sent.had.replay = sent.had.replay.min(at);
        }
    }
}

impl Link {
    /// Whether messages bear numbers: then each is a frame of its own, so that each can be acknowledged.
    pub(crate) fn is_numbered(&self) -> bool {
        self.sequence.is_some()
    }

    /// Whether one more message of so many bytes may be sent. If not, the link waits for acknowledgements and reads on from
    /// the log then. Answers don't wait: a client may want one before it acknowledges anything.
    pub(crate) fn admits(&mut self, bytes: usize) -> bool {
        let Some(sequence) = &mut self.sequence else {
            return true;
        };
        if sequence.takes(bytes) {
            return true;
        }
        sequence.waits = true;
        self.fall_behind();
        while let Some((_, answer)) = self.held.pop_front() {
            self.write(&answer);
        }
        false
    }

    /// Whether nothing is to be read from the log until the client acknowledges something.
    pub(crate) fn waits(&self) -> bool {
        self.sequence.as_ref().is_some_and(|it| it.waits)
    }

    /// Whether the client owes an acknowledgement.
    pub(super) fn owes(&self) -> bool {
        let sequence = self.sequence.as_ref();
        sequence.is_some_and(|it| !it.unacknowledged.is_empty())
    }

    /// Takes an acknowledgement; nothing, if this client need not give any.
    ///
    /// # Errors
    /// When there was no such message.
    pub(crate) fn acknowledge(&mut self, number: Option<u64>, highest: u64) -> Result<(), Unsent> {
        let Some(sequence) = &mut self.sequence else {
            return Ok(());
        };
        if let Some(had) = sequence.acknowledge(number.ok_or(Unsent)?, highest)? {
            self.proven = had;
            self.wake();
        }
        Ok(())
    }

    /// Numbers messages that are written now; gives the first number.
    pub(super) fn number(&mut self, messages: impl Iterator<Item = usize>) -> Option<u64> {
        let live = self.position;
        let replay = self.catching().map_or(live, |catch| catch.at);
        let had = Had { live, replay };
        let sequence = self.sequence.as_mut()?;
        let mut numbers = messages.map(|bytes| sequence.give(had, bytes));
        let first = numbers.next();
        numbers.for_each(drop);
        first
    }

    /// What has left for the client counts as what it has had only if it owes no acknowledgement; it never counts back.
    pub(super) fn proven_of(&self, flushed: Had) -> Had {
        match &self.sequence {
            None => flushed,
            Some(sequence) if !sequence.unacknowledged.is_empty() => self.proven,
            Some(_) => Had {
                live: self.proven.live.max(flushed.live),
                replay: self.proven.replay.max(flushed.replay),
            },
        }
    }

    /// What was kept is sent again from here.
    pub(super) fn replays_from(&mut self, at: u64) {
        if let Some(sequence) = &mut self.sequence {
            sequence.replay_from(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(messages: u64) -> Sequence {
        let mut sequence = Sequence::default();
        for n in 1..=messages {
            let had = Had { live: n, replay: n };
            assert_eq!(sequence.give(had, 10), n);
        }
        sequence
    }

    fn live(answer: Result<Option<Had>, Unsent>) -> Result<Option<u64>, Unsent> {
        answer.map(|had| had.map(|had| had.live))
    }

    #[test]
    fn acknowledgements_are_cumulative_and_of_what_was_sent() {
        let mut sequence = sequence(5);
        for (number, expected) in [
            (6, Err(Unsent)),
            (0, Err(Unsent)),
            (u64::MAX, Err(Unsent)),
            (3, Ok(Some(3))),
            (3, Ok(None)),
            (1, Ok(None)),
            (5, Ok(Some(5))),
            (6, Err(Unsent)),
        ] {
            assert_eq!(
                live(sequence.acknowledge(number, u64::MAX)),
                expected,
                "{number}"
            );
        }
        assert_eq!((sequence.bytes, sequence.unacknowledged.capacity()), (0, 0));
        assert_eq!(Sequence::default().acknowledge(1, u64::MAX), Err(Unsent));
    }

    #[test]
    fn numbers_of_sixteen_bits_are_of_the_last_message_that_had_them() {
        const HIGHEST: u64 = 0xFFFF;
        let mut few = sequence(3);
        for wrong in [0, 4, 40_000, HIGHEST, HIGHEST + 1] {
            assert_eq!(few.acknowledge(wrong, HIGHEST), Err(Unsent), "{wrong}");
        }
        let mut sequence = sequence(HIGHEST - 1);
        assert_eq!(
            live(sequence.acknowledge(HIGHEST - 2, HIGHEST)),
            Ok(Some(65_533))
        );
        assert_eq!(sequence.acknowledge(HIGHEST, HIGHEST), Err(Unsent));
        for n in 0..3 {
            let had = Had {
                live: HIGHEST + n,
                replay: 0,
            };
            sequence.give(had, 10);
        }
        // 65,534, 65,535, 1 and 2 are owed.
        assert_eq!(
            live(sequence.acknowledge(HIGHEST, HIGHEST)),
            Ok(Some(HIGHEST))
        );
        assert_eq!(live(sequence.acknowledge(9, HIGHEST)), Ok(None));
        assert_eq!(
            live(sequence.acknowledge(2, HIGHEST)),
            Ok(Some(HIGHEST + 2))
        );
    }

    #[test]
    fn it_takes_so_many_messages_and_so_many_bytes() {
        let mut full = sequence(1_023);
        assert!(full.takes(10));
        full.give(Had::default(), 10);
        assert!(!full.takes(0));
        full.acknowledge(1, u64::MAX).unwrap();
        assert!(full.takes(10));
        let mut heavy = Sequence::default();
        assert!(heavy.takes(2 << 20), "a large one must not wait for ever");
        heavy.give(Had::default(), 1);
        assert!(heavy.takes((1 << 20) - 1));
        assert!(!heavy.takes(1 << 20));
    }
}
