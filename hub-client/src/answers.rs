//! Answers to events whose sender waits for them: on their way out, and kept for the next link. Pure.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use hub_core::{ClassicClient, Completion, Failure, InvocationId, Message, Payload, Protocol};

/// How many answers are kept: the newest ones.
const KEPT: usize = 1024;

/// How many bytes of answers that were written are kept.
const KEPT_BYTES: usize = 1024 * 1024;

/// How often an answer is written at most. One that is longer than the server takes would break every link.
const TIMES: u8 = 8;

/// What came of an event: a value, nothing to say, or the text of what went wrong.
pub(crate) type Outcome = Result<Option<Payload>, String>;

/// An answer, ready for the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer(Bytes);

impl Answer {
    /// Answers the ask of this number.
    pub(crate) fn new(ask: u64, outcome: Outcome) -> Self {
        let message = match outcome {
            Ok(None) => Message::Ack(ask),
            outcome => Message::Complete(Completion {
                id: Some(InvocationId::new(ask.to_string())),
                outcome: outcome.map_err(|message| Failure {
                    message,
                    public: true,
                    data: None,
                }),
                state: None,
            }),
        };
        let mut frame = BytesMut::new();
        ClassicClient.write(&message, &mut frame);
        Self(frame.freeze())
    }
}

/// The answers of one connection. A link that broke may have lost what was written to it, and nothing tells: so the next
/// one gets them again. A server knows those that it has, and those that are for another one.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    kept: VecDeque<Kept>,
    /// How many of them were written to this link.
    written: usize,
    /// The bytes of those.
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    frame: Bytes,
    times: u8,
}

impl Answers {
    /// Takes an answer, and lets the oldest go where they are too many.
    pub(crate) fn push(&mut self, Answer(frame): Answer) {
        if self.kept.len() == KEPT {
            self.forget();
        }
        self.kept.push_back(Kept { frame, times: 0 });
    }

    /// The next one to write.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        let next = self.kept.get_mut(self.written)?;
        next.times += 1;
        let frame = next.frame.clone();
        self.written += 1;
        self.bytes += frame.len();
        while self.bytes > KEPT_BYTES {
            self.forget();
        }
        Some(frame)
    }

    /// There is another link: all of them once more.
    pub(crate) fn again(&mut self) {
        self.kept.retain(|kept| kept.times < TIMES);
        (self.written, self.bytes) = (0, 0);
    }

    fn forget(&mut self) {
        let oldest = self.kept.pop_front();
        if self.written > 0 {
            self.written -= 1;
            self.bytes -= oldest.map_or(0, |oldest| oldest.frame.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(order: u64) -> Answer {
        Answer::new(order, Ok(None))
    }

    fn written(answers: &mut Answers) -> Vec<Bytes> {
        std::iter::from_fn(|| answers.next()).collect()
    }

    #[test]
    fn answers_are_written_as_the_wire_has_them() {
        let value = Payload::of(&["a\"b"]).unwrap();
        for (outcome, frame) in [
            (Ok(None), r#"{"K":"2F"}"#),
            (Ok(Some(value)), r#"{"K":"2F","R":["a\"b"]}"#),
            (Err("no \"way\"".into()), r#"{"K":"2F","E":"no \"way\""}"#),
        ] {
            assert_eq!(Answer::new(0x2F, outcome), Answer(Bytes::from(frame)));
        }
        assert_eq!(ack(u64::MAX).0, r#"{"K":"FFFFFFFFFFFFFFFF"}"#);
    }

    #[test]
    fn every_link_gets_what_the_last_one_may_have_lost() {
        let mut answers = Answers::default();
        answers.push(ack(1));
        answers.push(ack(2));
        assert_eq!(answers.next(), Some(ack(1).0));
        answers.again();
        answers.push(ack(3));
        assert_eq!(written(&mut answers), [ack(1).0, ack(2).0, ack(3).0]);
        assert_eq!(answers.next(), None);
        answers.push(ack(4));
        assert_eq!(written(&mut answers), [ack(4).0]);
    }

    #[test]
    fn an_answer_that_breaks_links_is_given_up() {
        let mut answers = Answers::default();
        answers.push(ack(1));
        for _ in 0..TIMES {
            assert_eq!(written(&mut answers), [ack(1).0]);
            answers.again();
        }
        assert_eq!(answers.next(), None);
    }

    #[test]
    fn only_the_newest_are_kept() {
        let mut answers = Answers::default();
        for order in 0..10 {
            answers.push(ack(order));
        }
        written(&mut answers);
        for order in 10..2000 {
            answers.push(ack(order));
        }
        assert_eq!(answers.next(), Some(ack(2000 - KEPT as u64).0));
        let long = Payload::of(&"x".repeat(KEPT_BYTES / 3)).unwrap();
        for order in 2000..2005 {
            answers.push(Answer::new(order, Ok(Some(long.clone()))));
        }
        assert_eq!(written(&mut answers).len(), KEPT);
        answers.again();
        assert_eq!(written(&mut answers).len(), 2);
    }
}
