//! The pump: one task that takes the log's tail in order and hands it to this node's connections. Because one task does
//! it, every connection sees entries in order, and one number is enough for a cursor.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hub_core::{Answered, Notice};
use tokio::sync::oneshot;

use super::{claim, lifetime};
use crate::node::Node;

pub(crate) async fn run(node: Arc<Node>) {
    loop {
        let entry = match node.log.next().await {
            Ok(Notice::Appended(entry)) => entry,
            Ok(Notice::Passed(order)) => {
                node.registry.pass(order);
                node.tide.rise(order);
                continue;
            }
            Ok(_) => continue,
            Err(error) => {
                tracing::info!(%error, "the pump stops");
                return;
            }
        };
        let effects = node.registry.hand_on(&entry);
        if let Some(ack) = effects.acknowledged {
            node.acknowledge(ack);
        }
        if let Some(ack) = entry.ack.filter(|ack| ack.node == node.id) {
            for (who, noted) in &effects.asked {
                node.asks.expect(ack.number, who, *noted);
            }
        }
        if let Some(Answered {
            number,
            who,
            outcome,
        }) = effects.answered
        {
            node.asks.settle(number, &who, outcome);
        }
        if let Some(connection) = effects.claims_again {
            tokio::spawn(claim::write(node.clone(), connection));
        }
        for waker in effects.wake {
            waker.wake();
        }
        if let Some(connection) = effects.aborted {
            lifetime::end(&node, &connection, true);
        }
        node.tide.rise(entry.order);
    }
}

/// How far the pump has come, for those who wait until it has passed their entry.
pub(crate) struct Tide {
    passed: AtomicU64,
    waiting: Mutex<BinaryHeap<Waiting>>,
}

struct Waiting {
    order: Reverse<u64>,
    reached: oneshot::Sender<()>,
}

impl Tide {
    /// A pump that begins after what a log has already.
    pub(crate) fn at(order: u64) -> Self {
        Self {
            passed: AtomicU64::new(order),
            waiting: Mutex::default(),
        }
    }

    pub(crate) async fn reach(&self, order: u64) {
        if self.passed() >= order {
            return;
        }
        let reached = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if self.passed.load(Ordering::Acquire) >= order {
                return;
            }
            let (reached, wait) = oneshot::channel();
            waiting.push(Waiting {
                order: Reverse(order),
                reached,
            });
            wait
        };
        // The sender is dropped only with the server.
        let _ = reached.await;
    }

    /// The order of the last entry that everybody who listens has, or reads for himself.
    pub(crate) fn passed(&self) -> u64 {
        self.passed.load(Ordering::Acquire)
    }

    /// The pump is gone: nobody is to wait for it any more.
    pub(crate) fn end(&self) {
        self.rise(u64::MAX);
    }

    /// Everything up to this order has been handed on.
    pub(crate) fn rise(&self, order: u64) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.passed.fetch_max(order, Ordering::Release);
        while waiting.peek().is_some_and(|first| first.order.0 <= order) {
            if let Some(first) = waiting.pop() {
                let _ = first.reached.send(());
            }
        }
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order.cmp(&other.order)
    }
}
