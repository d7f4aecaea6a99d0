//! [`Board`]: the dashboard's hub. Pages watch; while one does, a task reads the recorder each second, and sends what it
//! makes of it to the pages that are on this node. It keeps what it has sent in the last two minutes, for pages that come.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use hub_core::{
    Admission, Context, Filter, GroupName, HubError, HubName, Invocation, Next, Reply, Resumed,
    Topic,
};
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::recorder::Reading;
use super::snapshot::Snapshot;
use super::{Dashboard, HUB};
use crate::hubs::handle::HubHandle;
use crate::node::Node;

/// The group of the pages.
const WATCHING: &str = "watching";

const EVERY: Duration = Duration::from_secs(1);

/// So many seconds are kept.
const KEPT: usize = 120;

pub(crate) struct Board {
    pub(super) dashboard: Dashboard,
    begun: Instant,
    sampling: Mutex<Sampling>,
    /// It must not keep a server alive, which has it.
    node: OnceLock<Weak<Node>>,
}

#[derive(Default)]
struct Sampling {
    /// What was read last, and when, while somebody watches.
    last: Option<(Reading, Instant)>,
    kept: VecDeque<Snapshot>,
}

/// What a page is told first.
#[derive(Serialize)]
struct Watched {
    /// Whether metrics are recorded; without that there is little to see.
    recorded: bool,
    /// The seconds before, as far as somebody watched.
    history: Vec<Snapshot>,
}

#[hub_core::hub(name = "dashboard")]
impl Board {
    /// From now on the caller gets a snapshot each second.
    async fn watch(&self, cx: &Context) -> Result<Watched, HubError> {
        cx.join(WATCHING).await?;
        self.run();
        let history = self.sampling().kept.iter().cloned().collect();
        let recorded = self.dashboard.recorder.is_taken();
        Ok(Watched { recorded, history })
    }

    /// A page may have watched another node, or this one before it was started again.
    fn on_reconnected(&self, _cx: &Context, _resumed: Resumed) {
        self.run();
    }
}

impl Board {
    pub(crate) fn new(dashboard: Dashboard) -> Self {
        Self {
            dashboard,
            begun: Instant::now(),
            sampling: Mutex::default(),
            node: OnceLock::new(),
        }
    }

    /// The server is built.
    pub(crate) fn belongs_to(&self, node: &Arc<Node>) {
        let _ = self.node.set(Arc::downgrade(node));
    }

    /// Says what is missing, if nothing is recorded.
    pub(crate) fn warn(&self) {
        if !self.dashboard.recorder.is_taken() {
            tracing::warn!("the dashboard's recorder was not installed: it will show nothing");
        }
    }

    /// Where its page is asked for, if its own path is given.
    pub(crate) fn path(&self) -> Option<&str> {
        self.dashboard.path.as_deref()
    }

    /// Starts to look each second, unless that is done already.
    fn run(&self) {
        let Some(node) = self.node.get().and_then(Weak::upgrade) else {
            return;
        };
        let mut sampling = self.sampling();
        if sampling.last.is_some() || !is_watched(&node) {
            return;
        }
        let now = Instant::now();
        sampling.last = Some((self.dashboard.recorder.read(), now));
        node.spawn(look(Arc::downgrade(&node), now));
    }

    /// What happened since the last look; `None` when nobody watches any more. Who begins to watch in this moment finds
    /// that nobody looks, as both hold the lock.
    fn sample(&self, node: &Node) -> Option<Snapshot> {
        let mut sampling = self.sampling();
        let (then, at) = sampling.last.take()?;
        if !is_watched(node) {
            return None;
        }
        let (reading, now) = (self.dashboard.recorder.read(), Instant::now());
        let snapshot = Snapshot::between(&then, &reading, now - self.begun, now - at);
        sampling.last = Some((reading, now));
        // What is older than two minutes is of an earlier watch.
        let oldest = snapshot.at.saturating_sub(KEPT as u64 * 1_000);
        sampling.kept.retain(|kept| kept.at >= oldest);
        if sampling.kept.len() >= KEPT {
            sampling.kept.pop_front();
        }
        sampling.kept.push_back(snapshot.clone());
        Some(snapshot)
    }

    fn sampling(&self) -> MutexGuard<'_, Sampling> {
        self.sampling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_watched(node: &Node) -> bool {
    let pages = Topic::Group(HubName::from(HUB), GroupName::from(WATCHING));
    node.registry.listening(&[pages], &[]) > 0
}

/// Looks each second, until nobody watches.
async fn look(node: Weak<Node>, begun: Instant) {
    let mut ticks = interval_at(begun + EVERY, EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(node) = node.upgrade() else { return };
        let Some(snapshot) = node.board.as_ref().and_then(|board| board.sample(&node)) else {
            return;
        };
        let hub = HubHandle::new(node, HubName::from(HUB));
        // Those on this node: each node tells its own.
        let pages = hub.clients().group(WATCHING).matching(|_| true);
        if let Err(error) = pages.send("snapshot", (snapshot,)).await {
            tracing::debug!(%error, "the dashboard was not told of the last second");
        }
    }
}

/// Asked for every request that lists the hub, and for every call.
#[async_trait]
impl Filter for Board {
    async fn authorize(&self, who: Admission, next: Next<'_, Admission>) -> bool {
        self.dashboard.allows(&who.identity, &who.request) && next.run(who).await
    }

    async fn invoke(
        &self,
        call: Invocation,
        next: Next<'_, Invocation>,
    ) -> Result<Reply, HubError> {
        if !self.dashboard.allows(call.cx.identity(), call.cx.request()) {
            return Err(HubError::unfit("The dashboard is not for this caller."));
        }
        next.run(call).await
    }
}
