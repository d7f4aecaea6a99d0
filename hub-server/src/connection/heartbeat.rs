//! The heartbeat: one timer for all connections (`classic-signalr.md` 10.2).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::lifetime;
use super::link::{Connection, End};
use crate::node::Node;

/// What a streaming transport's client gets on top of the disconnect timeout.
const GRACE: Duration = Duration::from_secs(5);

pub(crate) async fn run(node: Arc<Node>) {
    let every = node.config.beat();
    let mut ticks = interval_at(Instant::now() + every, every);
    // A beat that came late is not made up for.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut second = false;
    loop {
        let now = ticks.tick().await;
        for connection in node.registry.connections() {
            beat(&node, &connection, now, second);
        }
        second = !second;
    }
}

fn beat(node: &Arc<Node>, connection: &Arc<Connection>, now: Instant, second: bool) {
    let away = node.config.disconnect_timeout;
    let mut link = connection.link();
    if !link.attached {
        if now.saturating_duration_since(link.active) >= away + GRACE {
            drop(link);
            lifetime::end(node, connection, false);
        }
        return;
    }
    let age = now.saturating_duration_since(link.active);
    if link
        .blocked
        .is_some_and(|since| now.saturating_duration_since(since) >= away)
    {
        // The peer takes nothing any more: gone without a word, or not reading.
        link.finish(End::ComeBack);
    } else if node.config.keep_alive.is_none() {
        // Nothing else would notice that the peer is dead.
        if age >= node.config.connection_timeout {
            link.finish(End::ComeBack);
        }
    } else if second {
        link.keep_alive();
    }
}
