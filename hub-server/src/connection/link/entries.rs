//! What a link takes: entries from the pump while it is live, and pages of the log while it is behind.

use std::sync::Arc;
use std::task::Waker;

use hub_core::{Command, ConnectionId, Entry, Envelope, Epoch, Lane, Part};

use super::{Link, Mode};
use crate::connection::frames::Frames;

impl Link {
    /// Takes an entry from the pump, if the connection is with it; gives whom to wake.
    pub(crate) fn receive(
        &mut self,
        id: &ConnectionId,
        entry: &Arc<Entry>,
        frames: &mut Frames<'_>,
    ) -> Option<Waker> {
        // The log may have shown it more than the pump has handed on; and one that is found in two places comes once.
        if self.mode != Mode::Live || entry.order <= self.position {
            return None;
        }
        if entry.excepts(id) {
            self.position = entry.order;
            return None;
        }
        if self.holds_back(entry) {
            return None;
        }
        // A cursor beyond a change of groups must not reach the client before the token that has it.
        let own = self.must_tell || self.downlink.delay().is_some();
        match frames.of(&*self.downlink).filter(|_| !own) {
            None => {
                let part = entry.part(self.downlink.protocol())?;
                if !self.admits(part.len()) {
                    return None;
                }
                self.position = entry.order;
                self.frame(frames.epoch, Envelope::default(), &[part]);
            }
            Some(frame) if self.outbox.push(Lane::Post, frame).is_ok() => {
                self.outbox.mark(entry.order);
                self.position = entry.order;
                self.told = entry.order;
                self.served();
            }
            Some(_) => {
                // The log keeps it; the driver reads it there once there is room again.
                self.fall_behind();
                self.lag.note(entry);
                return None;
            }
        }
        self.waker.take()
    }

    /// Takes a change of groups, in its place among the entries.
    pub(crate) fn regroup(&mut self, command: &Command, order: u64) {
        match command {
            Command::Join(hub, group, _) => {
                if !self.groups.iter().any(|(h, g)| h == hub && g == group) {
                    self.groups.push((hub.clone(), group.clone()));
                }
            }
            Command::Leave(hub, group, _) => self.groups.retain(|(h, g)| h != hub || g != group),
            _ => return,
        }
        self.position = order;
        // Also for a join that changes nothing: the client needs the new cursor (15.25).
        self.must_tell = true;
    }

    /// Writes parts read from the log as one frame, with the groups as they are after them.
    pub(crate) fn replay(&mut self, epoch: Epoch, upto: u64, parts: &[&Part]) {
        self.position = upto;
        if self.must_tell || !parts.is_empty() {
            self.frame(epoch, Envelope::default(), parts);
        }
        self.release();
    }

    /// Everything up to `upto` is written.
    pub(crate) fn advance(&mut self, upto: u64) {
        if self.mode == Mode::Served {
            return;
        }
        self.position = self.position.max(upto);
        self.release();
    }

    /// From now on the pump writes.
    pub(crate) fn go_live(&mut self) {
        self.mode = Mode::Live;
        self.keep_up();
        self.release();
        self.wake();
    }
}
