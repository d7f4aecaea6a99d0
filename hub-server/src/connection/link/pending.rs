//! What a link's client was asked and has not answered yet (`delivery.md` b.1).

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use hub_core::{Ack, Entry, Lane};
use tokio::time::Instant;

use super::Link;

/// So many answers a client may owe.
const MOST: usize = 1_024;

/// After so long without an answer the link is asked for a sign of life.
const OVERDUE: Duration = Duration::from_secs(10);

/// How long that sign may take.
const PONG: Duration = Duration::from_secs(5);

/// Events that want an answer, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    waits: VecDeque<Wait>,
    /// When the link was asked for a sign of life.
    probed: Option<Instant>,
}

#[derive(Debug)]
struct Wait {
    order: u64,
    ack: Ack,
    since: Instant,
}

/// What an overdue answer asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// Nothing.
    No,
    /// The peer is gone: not even a ping was answered.
    Lost,
}

impl Link {
    /// The client is to get an entry that wants an answer; `false` if it owes so many that this one can't be noted.
    pub(crate) fn expect(&mut self, entry: &Entry, ack: Ack) -> bool {
        let pending = self.pending.get_or_insert_default();
        let order = entry.order;
        if pending.waits.iter().any(|wait| wait.order == order) {
            return true;
        }
        if pending.waits.len() >= MOST {
            return false;
        }
        let since = Instant::now();
        pending.waits.push_back(Wait { order, ack, since });
        true
    }

    /// The client answers the ask of this number; who is waiting for that. `None` where nobody is, or not any more, or where
    /// the client was not asked.
    pub(crate) fn answered(&mut self, ask: u64) -> Option<Ack> {
        let pending = self.pending.as_mut()?;
        let mut waits = pending.waits.iter();
        let at = waits.position(|wait| wait.ack.number == ask)?;
        let wait = pending.waits.remove(at)?;
        if pending.waits.is_empty() {
            self.pending = None;
        }
        Some(wait.ack)
    }

    /// What a client has by now that can't answer: what has left for it, or what its next request has shown.
    pub(crate) fn settled(&mut self) -> Vec<Ack> {
        if self.pending.is_none() || self.downlink.protocol().answers() {
            return Vec::new();
        }
        let had = self.had_live();
        let Some(pending) = &mut self.pending else {
            return Vec::new();
        };
        let waits = std::mem::take(&mut pending.waits).into_iter();
        let (settled, rest) = waits.partition::<VecDeque<_>, _>(|wait| wait.order <= had);
        pending.waits = rest;
        if pending.waits.is_empty() {
            self.pending = None;
        }
        settled.into_iter().map(|wait| wait.ack).collect()
    }

    /// Everything that is pending, also if it stays so.
    pub(crate) fn pending(&self) -> Vec<Ack> {
        let waits = self.pending.iter().flat_map(|pending| &pending.waits);
        waits.map(|wait| wait.ack).collect()
    }

    /// Looks for an answer that is overdue: the link is asked for a sign of life, and is lost without one.
    pub(crate) fn look_after(&mut self, now: Instant) -> Overdue {
        let probe = self.downlink.probe();
        let (Some(pending), Some(probe)) = (&mut self.pending, probe) else {
            return Overdue::No;
        };
        let oldest = pending.waits.front().map(|wait| now - wait.since);
        match (oldest, pending.probed) {
            (_, Some(probed)) if now - probed >= PONG => return Overdue::Lost,
            (Some(age), None) if age >= OVERDUE => pending.probed = Some(now),
            _ => return Overdue::No,
        }
        if self.probed.is_none() {
            let probe = Bytes::from_static(probe);
            let asked = self.outbox.push(Lane::Control, &probe).is_ok();
            self.probed = asked.then_some(self.flushed);
            self.wake();
        }
        Overdue::No
    }

    /// The client was heard of: nothing is overdue from before.
    pub(super) fn alive(&mut self) {
        if let Some(pending) = &mut self.pending {
            pending.probed = None;
        }
    }
}
