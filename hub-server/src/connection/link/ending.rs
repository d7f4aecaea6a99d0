//! How a link ends: at once, or when what is on its way has left.

use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use hub_core::{Body, CloseFrame, Entry, Lane, Topic};
use tokio::time::Instant;

use super::{Connection, Link, Membership, Mode};

/// Why a receive request ends from this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The connection is over: abort, timeout, or the server goes.
    Over,
    /// The client must come back to hear of something: a gap, a result that could not be written.
    ComeBack,
    /// Another connection of the same client has taken over.
    TakenOver,
    /// The server has closed the session: what overtakes is written, and then the client is told why.
    Closed,
    /// The server has cut the session.
    Aborted,
    /// The server stops: all is written, and the client is to come back elsewhere.
    Stopping,
}

impl End {
    /// The stronger one wins.
    fn strength(self) -> u8 {
        match self {
            Self::Over | Self::ComeBack | Self::TakenOver | Self::Stopping => 0,
            Self::Closed => 1,
            Self::Aborted => 2,
        }
    }

    /// Whether the server has ended the session by itself.
    pub(crate) fn is_parting(self) -> bool {
        matches!(self, Self::Closed | Self::Aborted | Self::Stopping)
    }

    /// Whether the client is told why, and its answer waited for.
    pub(crate) fn says_goodbye(self) -> bool {
        matches!(self, Self::Closed | Self::Stopping)
    }
}

/// A link that takes nothing more, and ends when all it has had to write is written.
#[derive(Debug, Clone)]
pub(crate) struct Drain {
    /// What comes after this order is not for it.
    pub(crate) upto: u64,
    /// How it ends then.
    pub(crate) end: End,
    /// Whether that waits until the client is known to have had everything.
    pub(crate) wait_acks: bool,
    /// What a WebSocket is told then.
    pub(crate) frame: CloseFrame,
}

impl Connection {
    /// Whether its client has been told to go, or it is over.
    pub(crate) fn is_parting(&self) -> bool {
        self.parting.get().is_some() || self.ended.load(Ordering::Acquire)
    }
}

impl Link {
    pub(crate) fn finish(&mut self, end: End) {
        if self.end.is_none_or(|now| now.strength() < end.strength()) {
            self.end = Some(end);
            match end {
                // A payload that a poll carries is on its way already.
                End::Closed if self.mode != Mode::Served => {
                    self.outbox.forget(Lane::Post);
                    self.held.clear();
                }
                End::Aborted => {
                    self.outbox.clear();
                    self.held.clear();
                }
                _ => {}
            }
        }
        self.wake();
    }

    /// Ready when the session is cut after this request has ended.
    pub(crate) fn poll_cut(&mut self, request: u64, cx: &mut Context<'_>) -> Poll<()> {
        if self.end == Some(End::Aborted) {
            return Poll::Ready(());
        }
        // A newer request waits for other things.
        if self.request == request {
            self.park(cx.waker());
        }
        Poll::Pending
    }

    /// What a WebSocket is told as it is closed.
    pub(crate) fn farewell(&mut self, frame: CloseFrame) {
        self.farewell = Some(Box::new(frame));
    }

    /// What to tell the client whose request ends so.
    pub(crate) fn last_word(&self) -> Option<CloseFrame> {
        let drained = self.drain.as_ref().map(|drain| &drain.frame);
        let frame = self.farewell.as_deref().or(drained);
        let told = self.end.is_some_and(End::says_goodbye);
        told.then(|| frame.cloned().unwrap_or_default())
    }

    /// From now on nothing newer is taken than what the pump has `passed`, or than `reach` by a link that reads the log. When
    /// all of that is written, its request ends as it is said in `drain`, whose own `upto` does not count. The first call does.
    pub(crate) fn drain(&mut self, passed: u64, reach: u64, mut drain: Drain) {
        if self.drain.is_some() {
            return;
        }
        drain.upto = if self.mode == Mode::Live {
            passed
        } else {
            reach
        };
        self.drain = Some(Box::new(drain));
        self.leave();
        self.wake();
    }

    /// A receive request begins where it stands, and takes no more than it has if it is being drained.
    pub(crate) fn begin(&mut self) {
        self.outbox.begin(self.position);
        self.leave();
    }

    /// A link that has everything takes no more, if it is being drained.
    pub(crate) fn leave(&mut self) {
        let Some(drain) = &self.drain else { return };
        if self.mode == Mode::Live {
            self.mode = Mode::Leaving;
            self.position = self.position.max(drain.upto);
            self.release();
        }
    }

    /// Where reading the log ends for it, of what the pump has reached.
    pub(crate) fn bound(&self, reach: u64) -> u64 {
        let drain = self.drain.as_ref();
        drain.map_or(reach, |drain| drain.upto.min(reach))
    }

    /// Everything in the outbox has left: whether that was all of a link that is being drained. Then its request ends.
    pub(crate) fn drained(&mut self) -> bool {
        let Some(drain) = &self.drain else {
            return false;
        };
        let (upto, end, wait_acks) = (drain.upto, drain.end, drain.wait_acks);
        // A poll whose payload was the last one has nothing more to say; its next one shows that it has had it.
        let served = self.mode == Mode::Served && self.position >= upto && !wait_acks;
        if self.mode != Mode::Leaving && !served || self.catching().is_some() {
            return false;
        }
        if self.downlink.is_silent() {
            // Nothing is ever heard on it: that everything could leave has to do.
            self.hear();
        }
        if wait_acks && !(self.has_had(upto) && self.pending.is_none()) {
            return false;
        }
        if self.mode == Mode::Leaving {
            self.end.get_or_insert(end);
        }
        true
    }

    /// How far what has left for the client goes.
    pub(crate) fn written(&self) -> u64 {
        match self.mode {
            Mode::Detached => self.proven.live,
            _ => self.outbox.left(),
        }
    }

    /// What the client is known to have had of what goes to everybody who listens.
    pub(crate) fn proven_live(&self) -> u64 {
        self.proven.live
    }

    /// What it listens to now.
    pub(crate) fn topics_now(&self) -> Vec<Topic> {
        let group = |(hub, group): &Membership| Topic::Group(hub.clone(), group.clone());
        let groups = self.groups.iter().map(group);
        self.topics.iter().cloned().chain(groups).collect()
    }

    /// Whether an entry is an event that was sent to what it listens to.
    pub(crate) fn is_sent(&self, entry: &Entry) -> bool {
        !matches!(entry.body, Body::Command(_)) && !entry.excepts(&self.peer.id)
    }

    /// From now on no call is taken: its client hears of the end in place of an answer, and may call again elsewhere without
    /// having it done twice.
    pub(crate) fn refuse_calls(&mut self) {
        self.refuses_calls = true;
    }

    /// Whether the client is to be asked what has reached it before its link may end.
    pub(super) fn awaits_proof(&self) -> bool {
        self.drain.as_ref().is_some_and(|drain| drain.wait_acks)
    }

    /// Whether the client is known to have had everything up to here.
    fn has_had(&self, upto: u64) -> bool {
        self.proven.live >= upto && self.catching().is_none() && !self.owes()
    }

    /// A newer receive request goes on with what the older one was to be drained of.
    pub(super) fn go_on_draining(&mut self, older: &mut Self) {
        self.drain = older.drain.take();
        self.farewell = older.farewell.take();
        self.refuses_calls = older.refuses_calls;
    }

    /// The receive request is gone; the connection stays for a while.
    pub(crate) fn detach(&mut self) {
        self.attached = false;
        self.mode = Mode::Detached;
        self.outbox.clear();
        self.held.clear();
        self.active = Instant::now();
        self.flow.clear();
        self.waker = None;
        self.keep_up();
    }

    /// Another node has the connection: the request here is replaced by one there. Gives whom to wake.
    pub(crate) fn give_up(&mut self) -> Option<Waker> {
        let waker = self.waker.take();
        self.detach();
        self.request += 1;
        waker
    }
}
