//! [`Node`]: what all parts of one server share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use hub_core::scheduler::KeyedScheduler;
use hub_core::{
    Ack, AckError, Answered, Append, Body, Command, ConnectionId, Epoch, Log, NodeId, Payload,
    Topic,
};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::config::Config;
use crate::connection::expiry::Expiring;
use crate::connection::indexes::Indexes;
use crate::connection::owners::Owners;
use crate::connection::persistent::PersistentIds;
use crate::connection::presence::Presences;
use crate::connection::properties::Declared;
use crate::connection::pump::Tide;
use crate::connection::registry::Registry;
use crate::hubs::asks::Asks;
use crate::hubs::dispatch::Turn;
use crate::hubs::live::Tried;
use crate::hubs::table::HubTable;
use crate::load::Load;
use crate::meter;

pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) config: Config,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) epoch: Epoch,
    pub(crate) hubs: HubTable,
    pub(crate) registry: Registry,
    pub(crate) tide: Tide,
    pub(crate) acks: Acks,
    pub(crate) asks: Asks,
    pub(crate) owners: Owners,
    pub(crate) persistent_ids: PersistentIds,
    pub(crate) expiring: Expiring,
    pub(crate) load: Load,
    /// Runs calls of hubs that take one at a time.
    pub(crate) turns: KeyedScheduler<Turn>,
    pub(crate) indexes: Indexes,
    pub(crate) properties: Declared,
    pub(crate) tried: Tried,
    /// If any hub has it.
    pub(crate) presences: Option<Arc<Presences>>,
    /// Whether the server is on its way out.
    pub(crate) leaving: AtomicBool,
    /// Whether nobody is taken on any more, as it goes by and by. One that goes at once does what the original does.
    pub(crate) closed: AtomicBool,
    /// What runs the server's tasks, once it is served.
    pub(crate) runtime: OnceLock<Handle>,
    #[cfg(feature = "dashboard")]
    pub(crate) board: Option<Arc<crate::dashboard::Board>>,
}

impl Node {
    /// Whether one more connection may come.
    pub(crate) fn admits(&self) -> bool {
        if self.is_closed() {
            return false;
        }
        let admits = self.load.admits(self.registry.len());
        if !admits {
            meter::refused();
        }
        admits
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Runs a task, also when asked from outside of the runtime.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        match self.runtime.get() {
            Some(runtime) => drop(runtime.spawn(task)),
            None => drop(tokio::spawn(task)),
        }
    }

    /// Tells whoever waits, on whatever node, that it has been done.
    pub(crate) fn acknowledge(self: &Arc<Self>, ack: Ack) {
        if ack.node == self.id {
            return self.acks.acknowledge(ack.number);
        }
        self.tell(ack.node, Command::Acknowledge(ack.number));
    }

    /// Tells whoever asked, on whatever node, what somebody answered.
    pub(crate) fn answer(
        self: &Arc<Self>,
        ack: Ack,
        who: &ConnectionId,
        outcome: Result<Option<Payload>, AckError>,
    ) {
        if ack.node == self.id {
            return self.asks.settle(ack.number, who, outcome);
        }
        let answered = Answered {
            number: ack.number,
            who: who.clone(),
            outcome,
        };
        self.tell(ack.node, Command::Answered(answered));
    }

    /// A client that can't answer has what it was asked.
    pub(crate) fn settle(self: &Arc<Self>, who: &ConnectionId, settled: Vec<Ack>) {
        for ack in settled {
            self.answer(ack, who, Ok(None));
        }
    }

    /// A client that owes answers has lost its link.
    pub(crate) fn asks_lost(&self, who: &ConnectionId, pending: &[Ack]) {
        for ack in pending.iter().filter(|ack| ack.node == self.id) {
            self.asks.lost(ack.number, who);
        }
    }

    /// Says something to another node.
    fn tell(self: &Arc<Self>, to: NodeId, command: Command) {
        let node = self.clone();
        // Not here: the pump must not wait for the log that waits for the pump.
        self.spawn(async move {
            let said = Append::new(Topic::Node(to), Body::Command(command));
            if let Err(error) = node.log.append(vec![said]).await {
                tracing::warn!(%error, "another node waits in vain for an acknowledgement");
            }
        });
    }
}

/// Joins and leaves that wait until the connection has applied them.
#[derive(Default)]
pub(crate) struct Acks {
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<()>>>,
}

impl Acks {
    pub(crate) fn expect(&self) -> (u64, oneshot::Receiver<()>) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(number, sender);
        (number, receiver)
    }

    pub(crate) fn acknowledge(&self, number: u64) {
        if let Some(waiting) = self.forget(number) {
            let _ = waiting.send(());
        }
    }

    pub(crate) fn forget(&self, number: u64) -> Option<oneshot::Sender<()>> {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&number)
    }
}
