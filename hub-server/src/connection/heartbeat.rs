//! The heartbeat: one timer for all connections (`classic-signalr.md` 10.2).

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::link::{Connection, End, Overdue};
use super::{expiry, lifetime, pressure};
use crate::meter;
use crate::node::Node;

/// How often memory is looked at between two beats: in that time a server that is sent all it can take must not get from a little
/// too much to far too much.
const LOOK: Duration = Duration::from_millis(250);

pub(crate) async fn run(node: Arc<Node>) {
    let every = node.config.beat();
    let mut ticks = interval_at(Instant::now() + every, every);
    // A beat that came late is not made up for.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = interval_at(Instant::now() + LOOK, LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut second = false;
    loop {
        let now = tokio::select! {
            now = ticks.tick() => now,
            _ = looks.tick() => {
                look(&node, false);
                continue;
            }
        };
        for connection in node.registry.connections() {
            beat(&node, &connection, now, second);
        }
        second = !second;
        look(&node, true);
        if node.load.is_heavy() {
            shed(&node);
        }
        expiry::sweep(&node).await;
    }
}

/// Looks at memory, and has the log keep more or less.
fn look(node: &Node, beats: bool) {
    node.load.look(beats, || held(node));
    if let Some(short) = node.load.turned() {
        node.log.shrink(short);
    }
}

/// How many bytes the log has in memory, and outboxes.
fn held(node: &Node) -> u64 {
    let connections = node.registry.connections().into_iter();
    let waits = connections.map(|connection| connection.link().outbox.own_bytes());
    (waits.sum::<usize>() + node.log.in_memory()) as u64
}

/// Of those for whom something waits the tenth goes for whom most does: it comes back, and reads from the log.
fn shed(node: &Node) {
    let waits = |connection: Arc<Connection>| {
        let bytes = connection.link().outbox.bytes();
        (bytes > 0).then_some((bytes, connection))
    };
    let connections = node.registry.connections().into_iter();
    let mut waiting: Vec<_> = connections.filter_map(waits).collect();
    waiting.sort_unstable_by_key(|(bytes, _)| Reverse(*bytes));
    let tenth = waiting.len().div_ceil(10);
    for (bytes, connection) in waiting.into_iter().take(tenth) {
        tracing::warn!(connection = %connection.id, bytes, "memory is short: a slow reader has to come back");
        meter::shed();
        connection.link().finish(End::ComeBack);
    }
}

fn beat(node: &Arc<Node>, connection: &Arc<Connection>, now: Instant, second: bool) {
    let away = node.config.disconnect_timeout;
    let mut link = connection.link();
    if !link.attached {
        if now.saturating_duration_since(link.active) >= away + link.downlink().grace() {
            drop(link);
            // A client that comes back in this moment has not been lost.
            if node.registry.expire(connection) {
                lifetime::end(node, connection, false);
            }
        }
        return;
    }
    let age = now.saturating_duration_since(link.active);
    if !link.outbox.is_empty() {
        // Cleared by whoever writes next.
        link.flow.block(now);
    }
    pressure::look(node, connection, &mut link);
    let deadline = link.flow.deadline(node.config.write_timeout);
    // Without keep-alives nothing else would notice that the peer is dead; long polls end in any case.
    let ends = node.config.keep_alive.is_none() || link.downlink().is_single();
    if deadline.is_some_and(|deadline| deadline <= now) {
        // The peer takes nothing any more, or next to nothing: gone without a word, or not reading. Its request may be stuck
        // for ever, so that it is not waited for.
        tracing::debug!(connection = %connection.id, "a client takes nothing; it has to come back");
        meter::slow();
        link.finish(End::ComeBack);
        let request = link.request;
        drop(link);
        lifetime::detach(node, connection, request, false);
    } else if link.look_after(now) == Overdue::Lost {
        let request = link.request;
        link.finish(End::ComeBack);
        drop(link);
        lifetime::detach(node, connection, request, false);
    } else if ends && age >= node.config.connection_timeout {
        link.finish(End::ComeBack);
    } else if second && node.config.keep_alive.is_some() {
        link.keep_alive();
    }
}
