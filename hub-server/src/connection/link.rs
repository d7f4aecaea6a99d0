//! [`Connection`] and its [`Link`]: one client on this node, and the receive request that it currently has.
//!
//! The connection outlives its requests. While no request is there it stays subscribed, so that commands reach it
//! (`classic-signalr.md` 10.3); messages are not kept for it, since the client comes back with its cursor.

mod ending;
mod entries;
mod flow;
mod overtaking;
mod pending;
mod replay;
mod sequence;
mod shedding;
mod writing;

use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::Bytes;
use hub_core::{CloseFrame, ConnectionId, Gap, GroupName, HubName, Items, Outbox, Peer, Topic};
use tokio::sync::{OnceCell, SetOnce};
use tokio::time::Instant;
use tracing::Span;

use super::busy::{Busy, Carrying};
use super::claim::Claim;
use super::downlink::Downlink;
use super::inbound::Inbound;
use super::measured::{Measured, Ride};
use super::pressure::Strain;
use crate::hubs::raw::Receiver;
use crate::node::Node;
pub(crate) use ending::{Drain, End};
use flow::Flow;
pub(crate) use pending::{Overdue, Pending};
pub(crate) use replay::{Catch, Had};
use sequence::Sequence;
pub(crate) use shedding::Chosen;
use shedding::Lag;

/// So many answers may wait behind the log before no more calls are read.
const MAX_HELD: usize = 64;

/// A group with its hub.
pub(crate) type Membership = (HubName, GroupName);

/// Seals groups for the client to bring back.
pub(crate) type GroupsToken = Box<dyn Fn(&[Membership]) -> String + Send + Sync>;

/// One client on this node.
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    /// Tells connections apart faster than their ids do.
    pub(crate) serial: u64,
    pub(crate) items: Arc<Items>,
    pub(crate) measured: Measured,
    /// Calls that run, those of replaced sockets included.
    pub(crate) running: Busy,
    /// How much the client may say, by whatever request.
    pub(crate) inbound: Inbound,
    /// Transports that are not closed yet, replaced ones included.
    pub(crate) carriers: Busy,
    /// Set when nothing more is to be written: whether it was drained, or is over.
    pub(crate) parting: SetOnce<bool>,
    /// Whether `on_disconnected` has run or is running.
    pub(crate) ended: AtomicBool,
    /// Set when all that its end asks for is done.
    pub(crate) gone: SetOnce<()>,
    /// For clients before protocol 1.4: whether `on_connected` went well (7.2).
    pub(crate) started: OnceCell<bool>,
    link: Mutex<Link>,
}

impl Connection {
    pub(crate) fn new(id: ConnectionId, serial: u64, link: Link) -> Self {
        Self {
            id,
            serial,
            items: link.peer.items.clone(),
            measured: Measured::begin(Ride::of(&*link.downlink)),
            running: Busy::default(),
            inbound: Inbound::default(),
            carriers: Busy::default(),
            parting: SetOnce::new(),
            ended: AtomicBool::new(false),
            gone: SetOnce::new(),
            started: OnceCell::new(),
            link: Mutex::new(link),
        }
    }

    pub(crate) fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A receive request that has its place, as its transport knows it.
pub(crate) struct Opened {
    pub(crate) node: Arc<Node>,
    pub(crate) connection: Arc<Connection>,
    pub(crate) request: u64,
    pub(crate) peer: Arc<Peer>,
    pub(crate) detailed_errors: bool,
    /// What takes messages in place of the hubs.
    pub(crate) receiver: Option<Receiver>,
    pub(crate) carrier: Carrying,
    pub(crate) span: Span,
}

/// What a receive request brings.
pub(crate) struct Attach {
    pub(crate) peer: Arc<Peer>,
    /// Indexes of the hubs it listed.
    pub(crate) hubs: Vec<usize>,
    /// What it listens to, without groups.
    pub(crate) topics: Vec<Topic>,
    /// The groups that its token restored.
    pub(crate) groups: Vec<Membership>,
    pub(crate) downlink: Arc<dyn Downlink>,
    pub(crate) groups_token: GroupsToken,
    /// Whether it came without negotiation and can't come back.
    pub(crate) bare: bool,
    /// What its client has missed for good: told before anything of the log, if it can be told.
    pub(crate) missed: Vec<Gap>,
}

/// What a client of a hub listens to, beside its groups.
pub(crate) fn topics_of(hub: &HubName, peer: &Peer) -> impl Iterator<Item = Topic> {
    let all = Topic::All(hub.clone());
    let own = Topic::Connection(hub.clone(), peer.id.clone());
    let user = peer.identity.user_id();
    let user = user.map(|user| Topic::User(hub.clone(), user));
    [all, own].into_iter().chain(user)
}

/// How far a connection is with the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The pump writes into its outbox.
    Live,
    /// It reads the log at its own pace, after `position`.
    Behind,
    /// It has all that it is to write, and takes nothing more.
    Leaving,
    /// Its request's one payload is on its way; what follows is for the next request.
    Served,
    /// There is no receive request.
    Detached,
}

pub(crate) struct Link {
    /// Counts the receive requests; a driver whose number is not this one has been replaced.
    pub(crate) request: u64,
    pub(crate) attached: bool,
    pub(crate) mode: Mode,
    pub(crate) outbox: Outbox,
    /// Everything up to this order that concerns the connection is in the outbox, or was.
    pub(crate) position: u64,
    /// Up to this order, gaps in `gaps_told` have been reported to `on_reconnected`.
    pub(crate) forgiven: u64,
    pub(crate) gaps_told: Vec<Topic>,
    pub(crate) groups: Vec<Membership>,
    pub(crate) end: Option<End>,
    /// Whether it takes nothing more.
    pub(crate) drain: Option<Box<Drain>>,
    farewell: Option<Box<CloseFrame>>,
    /// Whether calls are left out, as the client is about to be told to go.
    pub(crate) refuses_calls: bool,
    pub(crate) peer: Arc<Peer>,
    pub(crate) hubs: Vec<usize>,
    pub(crate) topics: Vec<Topic>,
    pub(crate) bare: bool,
    pub(crate) claim: Claim,
    /// When the connection last had a living request.
    pub(crate) active: Instant,
    /// Whether the client takes what waits.
    pub(crate) flow: Flow,
    /// Queues that keep for this client while it is away.
    pub(crate) queues: Vec<Topic>,
    /// Up to this order the client may have been away: what its queues kept is read together with the rest.
    pub(crate) away: u64,
    /// What was kept for the client while it was another connection, on its way.
    pub(crate) replay: Option<Catch>,
    /// Whether its hubs are yet to be told of the client. It is sent nothing till then: what was kept comes before what is live.
    pub(crate) opening: bool,
    /// What its cursor says that it has had of what was kept for it; nothing, without one.
    brought: u64,
    /// What the client was asked and has not answered yet.
    pending: Option<Box<Pending>>,
    /// What the client has missed for good and is not told yet.
    untold: Vec<Gap>,
    /// What is known to have reached the client.
    proven: Had,
    /// What has left for the client.
    flushed: Had,
    /// What had left before the probe that is under way.
    probed: Option<Had>,
    lag: Lag,
    pub(crate) strain: Strain,
    /// How many events it was not sent since its hubs were told so.
    pub(crate) left_out: u64,
    /// What the client owes acknowledgements of, if it gives any.
    sequence: Option<Box<Sequence>>,
    downlink: Arc<dyn Downlink>,
    groups_token: GroupsToken,
    groups_told: Vec<Membership>,
    /// Answers that wait until everything up to this order is written: their methods' own events are among it.
    held: VecDeque<(u64, Bytes)>,
    /// The position that the client knows.
    told: u64,
    /// Whether a frame without messages is due: the client needs its new position or groups token.
    must_tell: bool,
    waker: Option<Waker>,
}

impl Link {
    pub(crate) fn new(attach: Attach, outbox: Outbox) -> Self {
        let Attach {
            peer,
            hubs,
            topics,
            groups,
            downlink,
            groups_token,
            bare,
            mut missed,
        } = attach;
        let opening = peer.persistent_id.is_some() && !hubs.is_empty();
        missed.retain(|_| downlink.protocol().answers());
        Self {
            request: 0,
            attached: true,
            mode: Mode::Live,
            outbox,
            position: 0,
            forgiven: 0,
            gaps_told: Vec::new(),
            groups_told: groups.clone(),
            held: VecDeque::new(),
            groups,
            end: None,
            drain: None,
            farewell: None,
            refuses_calls: false,
            peer,
            hubs,
            topics,
            bare,
            claim: Claim::default(),
            active: Instant::now(),
            flow: Flow::default(),
            queues: Vec::new(),
            away: 0,
            replay: None,
            opening,
            brought: 0,
            pending: None,
            must_tell: !missed.is_empty(),
            untold: missed,
            proven: Had::default(),
            flushed: Had::default(),
            probed: None,
            lag: Lag::default(),
            strain: Strain::default(),
            left_out: 0,
            sequence: downlink.numbers().then(Box::default),
            downlink,
            groups_token,
            told: 0,
            waker: None,
        }
    }

    /// A newer receive request takes over.
    pub(crate) fn replace(&mut self, attach: Attach) {
        let mut outbox = std::mem::replace(&mut self.outbox, Outbox::new(0, 0));
        outbox.clear();
        self.wake();
        let mut newer = Self {
            request: self.request + 1,
            claim: self.claim,
            queues: std::mem::take(&mut self.queues),
            replay: self.replay.take(),
            opening: self.opening,
            pending: self.pending.take(),
            proven: self.proven,
            flushed: self.proven,
            strain: self.strain,
            left_out: self.left_out,
            ..Self::new(attach, outbox)
        };
        // What was found between two requests is told on the next one.
        newer.miss(&std::mem::take(&mut self.untold));
        newer.go_on_draining(self);
        *self = newer;
    }

    /// Whether so much waits that what causes more of it should not be read.
    pub(crate) fn is_pressed(&self) -> bool {
        self.outbox.is_pressed() || self.held.len() >= MAX_HELD
    }

    pub(crate) fn downlink(&self) -> &Arc<dyn Downlink> {
        &self.downlink
    }

    pub(crate) fn park(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(own) => own.clone_from(waker),
            None => self.waker = Some(waker.clone()),
        }
    }

    pub(crate) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    pub(crate) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
