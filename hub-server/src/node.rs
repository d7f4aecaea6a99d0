//! [`Node`]: what all parts of one server share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hub_core::{Ack, Append, Body, Command, Epoch, Log, NodeId, Protocol, Topic};
use tokio::sync::oneshot;

use crate::config::Config;
use crate::connection::expiry::Expiring;
use crate::connection::owners::Owners;
use crate::connection::pump::Tide;
use crate::connection::registry::Registry;
use crate::hubs::table::HubTable;

pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) config: Config,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) epoch: Epoch,
    pub(crate) protocol: Arc<dyn Protocol>,
    pub(crate) hubs: HubTable,
    pub(crate) registry: Registry,
    pub(crate) tide: Tide,
    pub(crate) acks: Acks,
    pub(crate) owners: Owners,
    pub(crate) expiring: Expiring,
    /// Whether the server is on its way out.
    pub(crate) leaving: AtomicBool,
}

impl Node {
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    /// Tells whoever waits, on whatever node, that it has been done.
    pub(crate) fn acknowledge(self: &Arc<Self>, ack: Ack) {
        if ack.node == self.id {
            return self.acks.acknowledge(ack.number);
        }
        let node = self.clone();
        // Not here: the pump must not wait for the log that waits for the pump.
        tokio::spawn(async move {
            let acknowledge = Body::Command(Command::Acknowledge(ack.number));
            let done = Append::new(Topic::Node(ack.node), acknowledge);
            if let Err(error) = node.log.append(vec![done]).await {
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
