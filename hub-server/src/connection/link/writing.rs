//! What a link writes beside shared frames: its own ones with cursor and groups, answers, keep-alives.

use bytes::{Bytes, BytesMut};
use hub_core::{Envelope, Epoch, Gap, Lane, Part};

use super::{Link, Membership, Mode};

impl Link {
    /// Writes the frame that says the transport works (`classic-signalr.md` 5.1).
    pub(crate) fn init(&mut self, epoch: Epoch) {
        let envelope = Envelope {
            init: true,
            ..Envelope::default()
        };
        self.frame(epoch, envelope, &[]);
    }

    /// The client is told, if it can be, what it has missed for good.
    pub(crate) fn miss(&mut self, gaps: &[Gap]) {
        if self.downlink.protocol().answers() && !gaps.is_empty() {
            for gap in gaps {
                if !self.untold.contains(gap) {
                    self.untold.push(gap.clone());
                }
            }
            self.must_tell = true;
            self.wake();
        }
    }

    /// Writes a frame without messages, if one is due: new groups, or only a new cursor.
    pub(crate) fn settle(&mut self, epoch: Epoch) {
        if self.must_tell {
            self.frame(epoch, Envelope::default(), &[]);
        }
    }

    /// Writes the payload with which a request ends that carries one and had nothing to say (`classic-signalr.md` 6.4).
    pub(crate) fn conclude(&mut self, epoch: Epoch, leave: bool) {
        if self.downlink.is_single() && self.mode != Mode::Served {
            let envelope = Envelope {
                leave,
                ..Envelope::default()
            };
            self.frame(epoch, envelope, &[]);
        }
    }

    /// The payload that [`conclude`](Self::conclude) would write now, for when it is too late to.
    pub(crate) fn way_back(&self, epoch: Epoch) -> Option<Bytes> {
        if !self.downlink.is_single() || self.mode == Mode::Served {
            return None;
        }
        let cursor = self.cursor(epoch);
        let mut payload = BytesMut::new();
        self.downlink
            .protocol()
            .frame(cursor, self.envelope(), &[], &mut payload);
        let mut wrapped = BytesMut::new();
        self.downlink.wrap(&payload, &mut wrapped);
        Some(wrapped.freeze())
    }

    fn envelope<'a>(&self) -> Envelope<'a> {
        let delay = self.downlink.delay();
        let delay = delay.and_then(|delay| u64::try_from(delay.as_millis()).ok());
        Envelope {
            delay,
            ..Envelope::default()
        }
    }

    /// Queues a call's answer behind everything up to the order that the pump had `passed` when the call ended: a
    /// connection that reads the log at its own pace has the method's events still before it.
    pub(crate) fn answer(&mut self, payload: &[u8], passed: u64) {
        if self.mode == Mode::Behind && self.position < passed && !self.waits() {
            self.held
                .push_back((passed, Bytes::copy_from_slice(payload)));
        } else {
            self.write(payload);
        }
    }

    /// Queues a keep-alive, and first the position if the client does not know it: entries that it was excepted from
    /// advance the cursor, too (15.29).
    pub(crate) fn keep_alive(&mut self) {
        if self.outbox.is_empty() && self.downlink.is_silent() {
            // Nothing is ever heard on it: that everything could leave has to do.
            self.hear();
        }
        if let Some(bytes) = self.downlink.keep_alive() {
            let _ = self.outbox.push(Lane::Control, &bytes);
        }
        // A request that ends with its first payload would end for nothing but a number.
        self.must_tell |= self.position != self.told && !self.downlink.is_single();
        self.wake();
    }

    /// Queues a message of this connection alone.
    pub(crate) fn write(&mut self, payload: &[u8]) {
        let downlink = &self.downlink;
        self.outbox
            .push_own(Lane::Post, |tail| downlink.wrap(payload, tail));
    }

    pub(super) fn release(&mut self) {
        let live = matches!(self.mode, Mode::Live | Mode::Leaving);
        while let Some((_, answer)) = self
            .held
            .pop_front_if(|(passed, _)| live || *passed <= self.position)
        {
            self.write(&answer);
        }
    }

    /// Writes a frame of this connection alone: its cursor, and its groups if the client does not know them yet.
    pub(super) fn frame(&mut self, epoch: Epoch, envelope: Envelope<'_>, parts: &[&Part]) {
        let changed = !same_groups(&self.groups, &self.groups_told);
        let token = changed.then(|| (self.groups_token)(&self.groups));
        let untold = std::mem::take(&mut self.untold);
        let envelope = Envelope {
            groups: token.as_deref(),
            delay: self.envelope().delay,
            gaps: &untold,
            first: self.number(parts.iter().map(|part| part.len())),
            ..envelope
        };
        let cursor = self.cursor(epoch);
        let mut payload = BytesMut::new();
        self.downlink
            .protocol()
            .frame(cursor, envelope, parts, &mut payload);
        // Some protocols have nothing to say without messages.
        if !payload.is_empty() {
            self.write(&payload);
            self.outbox.mark(self.position);
        }
        if changed {
            self.groups_told.clone_from(&self.groups);
        }
        self.told = self.position;
        self.must_tell = false;
        self.served();
    }

    pub(super) fn served(&mut self) {
        if self.downlink.is_single() {
            self.mode = Mode::Served;
        }
    }
}

fn same_groups(a: &[Membership], b: &[Membership]) -> bool {
    a.len() == b.len() && a.iter().all(|group| b.contains(group))
}
