//! What hubs hear of clients that read slowly (`on_pressure`): that one does, and that it no longer does, in this order and once
//! each. Transports and the heartbeat look; who finds a change has the hubs told, outside of every lock.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::FutureExt;
use hub_core::{Context, Peer, Pressure, State};

use super::link::{Connection, Link, Mode};
use crate::node::Node;

/// What is known of a client, and told.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Strain {
    /// Whether it reads slowly.
    high: bool,
    /// Whether its hubs were told so last.
    told: bool,
    /// Whether it did, and no longer does, before they were told.
    passed: bool,
    /// Whether somebody is telling them.
    telling: bool,
}

impl Link {
    /// Looks at what waits; whether the hubs are to be told by whoever asks.
    fn feel(&mut self) -> bool {
        let waits = self.is_slow() || self.outbox.is_pressed();
        // Little by little does not count as over.
        let rests = self.mode != Mode::Behind && self.outbox.is_empty();
        let strain = &mut self.strain;
        let high = waits || strain.high && !rests;
        strain.passed |= strain.high && !high && !strain.told;
        strain.high = high;
        let due = (high != strain.told || strain.passed) && !strain.telling;
        strain.telling |= due;
        due
    }

    /// What the hubs are to hear next, and which; `None` if they have heard it all.
    fn next_pressure(&mut self) -> Option<(Pressure, Arc<Peer>, Vec<usize>)> {
        let strain = &mut self.strain;
        let passed = std::mem::take(&mut strain.passed);
        if strain.high == strain.told && !passed {
            strain.telling = false;
            return None;
        }
        strain.told = strain.high || passed;
        let pressure = match strain.told {
            true => Pressure::Rises,
            false => Pressure::Relieved {
                left_out: std::mem::take(&mut self.left_out),
            },
        };
        Some((pressure, self.peer.clone(), self.hubs.clone()))
    }
}

/// Looks whether a client reads slowly, or no longer does, and has its hubs told of a change. Under the link's lock, which the
/// hubs don't run under.
pub(crate) fn look(node: &Arc<Node>, connection: &Arc<Connection>, link: &mut Link) {
    if link.feel() {
        node.spawn(tell(node.clone(), connection.clone()));
    }
}

async fn tell(node: Arc<Node>, connection: Arc<Connection>) {
    loop {
        let next = connection.link().next_pressure();
        let Some((pressure, peer, hubs)) = next else {
            return;
        };
        for registered in hubs.iter().filter_map(|&hub| node.hubs.get(hub)) {
            if connection.ended.load(Ordering::Acquire) {
                return;
            }
            let state = Arc::new(State::default());
            let cx = Context::new(peer.clone(), registered.name.clone(), None, state);
            let told = AssertUnwindSafe(async { registered.hub.pressure(&cx, pressure).await });
            match told.catch_unwind().await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(connection = %peer.id, %error, "on_pressure failed");
                }
                Err(_) => tracing::warn!(connection = %peer.id, "on_pressure panicked"),
            }
        }
    }
}
