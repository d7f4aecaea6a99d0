//! One connection's receiving half, without I/O: bytes in, messages out, and the watch over a peer that falls silent.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::error::ProtocolError;
use crate::message::Message;
use crate::protocol::Protocol;

/// What a [`Session`] tells its driver.
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionEvent {
    /// The peer said something.
    Message(Message),
    /// Nothing was heard for two thirds of the allowed silence; told once until the peer speaks again
    /// (`classic-signalr.md` 10.5).
    Slow,
    /// Nothing was heard for all of the allowed silence: the link is dead.
    Lost,
}

/// The receiving half of one link: a state machine that a driver feeds with bytes and the time, and asks what happened.
#[derive(Debug)]
pub struct Session {
    protocol: &'static dyn Protocol,
    rest: Bytes,
    inbox: VecDeque<Message>,
    silence: Option<Silence>,
}

#[derive(Debug)]
struct Silence {
    allowed: Duration,
    heard: Instant,
    told: Told,
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Due(Silent),
    Said(Silent),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Silent {
    Slow,
    Lost,
}

impl Session {
    /// A session that decodes with `protocol`.
    #[must_use]
    pub fn new(protocol: &'static dyn Protocol) -> Self {
        Self {
            protocol,
            rest: Bytes::new(),
            inbox: VecDeque::new(),
            silence: None,
        }
    }

    /// Watches the peer from `now` on: silence for `allowed` means that the link is dead.
    #[must_use]
    pub fn with_silence(mut self, now: Instant, allowed: Duration) -> Self {
        self.silence = Some(Silence {
            allowed,
            heard: now,
            told: Told::Nothing,
        });
        self
    }

    /// The peer gave a sign of life; for sessions that watch it.
    pub fn heard(&mut self, now: Instant) {
        if let Some(silence) = &mut self.silence {
            silence.heard = now;
            silence.told = Told::Nothing;
        }
    }

    /// Takes bytes from the peer: any number of messages, or a part of one where the protocol allows that.
    ///
    /// # Errors
    /// When the bytes are not the protocol. Messages before the bad one can still be polled.
    pub fn receive(&mut self, bytes: Bytes) -> Result<(), ProtocolError> {
        if self.rest.is_empty() {
            self.rest = bytes;
        } else {
            self.rest = [&*self.rest, &*bytes].concat().into();
        }
        if self.inbox.capacity() == 0 {
            // Most frames are one message, and most sessions wait.
            self.inbox.reserve_exact(1);
        }
        self.protocol.decode(&mut self.rest, &mut self.inbox)
    }

    /// What happened, one thing after the other.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        if let Some(message) = self.inbox.pop_front() {
            return Some(SessionEvent::Message(message));
        }
        let silence = self.silence.as_mut()?;
        let Told::Due(silent) = silence.told else {
            return None;
        };
        silence.told = Told::Said(silent);
        Some(match silent {
            Silent::Slow => SessionEvent::Slow,
            Silent::Lost => SessionEvent::Lost,
        })
    }

    /// When [`on_deadline`](Self::on_deadline) wants to be called.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let silence = self.silence.as_ref()?;
        match silence.told {
            Told::Nothing => Some(silence.heard + silence.allowed * 2 / 3),
            Told::Due(Silent::Slow) | Told::Said(Silent::Slow) => {
                Some(silence.heard + silence.allowed)
            }
            Told::Due(Silent::Lost) | Told::Said(Silent::Lost) => None,
        }
    }

    /// Looks at the time.
    pub fn on_deadline(&mut self, now: Instant) {
        let Some(silence) = &mut self.silence else {
            return;
        };
        let quiet = now.saturating_duration_since(silence.heard);
        if quiet >= silence.allowed && silence.told != Told::Said(Silent::Lost) {
            silence.told = Told::Due(Silent::Lost);
        } else if quiet >= silence.allowed * 2 / 3 && silence.told == Told::Nothing {
            silence.told = Told::Due(Silent::Slow);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ClassicClient;

    #[test]
    fn silence_is_told_once_at_two_thirds_and_once_at_the_end() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut session = Session::new(&ClassicClient).with_silence(start, Duration::from_secs(30));
        assert_eq!(session.deadline(), Some(at(20)));
        session.on_deadline(at(19));
        assert!(session.poll_event().is_none());
        session.on_deadline(at(20));
        session.on_deadline(at(21));
        assert!(matches!(session.poll_event(), Some(SessionEvent::Slow)));
        assert!(session.poll_event().is_none());
        assert_eq!(session.deadline(), Some(at(30)));
        session.heard(at(25));
        session.receive(Bytes::from_static(b"{}")).unwrap();
        assert!(matches!(
            session.poll_event(),
            Some(SessionEvent::Message(Message::Ping))
        ));
        assert_eq!(session.deadline(), Some(at(45)));
        session.on_deadline(at(55));
        assert!(matches!(session.poll_event(), Some(SessionEvent::Lost)));
        session.on_deadline(at(56));
        assert!(session.poll_event().is_none());
    }
}
