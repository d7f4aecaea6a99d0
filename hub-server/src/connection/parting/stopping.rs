//! How a server that stops lets go of one connection: its calls come to their end, what was sent to it is written, and its
//! client is told to come back elsewhere, by the deadline. No hub hears of it, and what the client has had is written into
//! its leases.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hub_core::CloseFrame;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::{CUT, PATIENCE, Stretch, lifetime};
use crate::connection::link::{Connection, Drain, End};
use crate::node::Node;

/// With what a WebSocket is closed (`delivery.md` c).
const SHUTDOWN: u16 = 3001;

/// What became of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// All that was sent to it was written.
    Drained,
    /// It has ended by itself meanwhile, or no transport carried it: its client comes back in any case.
    Gone,
    /// The deadline came before so many messages were written and so many calls had ended.
    Cut { left: usize, calls: usize },
}

/// Lets go of a connection.
pub(crate) async fn let_go(
    node: &Arc<Node>,
    connection: &Arc<Connection>,
    deadline: Instant,
) -> Farewell {
    finish_calls(connection, deadline).await;
    if connection.ended.load(Ordering::Acquire) {
        return Farewell::Gone;
    }
    let drain = Drain {
        upto: 0,
        end: End::Stopping,
        // Of what such a client does not acknowledge nobody knows that it has it. Others come with a cursor, or answer the
        // last word.
        wait_acks: connection.link().is_numbered(),
        frame: CloseFrame::new(SHUTDOWN, "").unwrap_or_default(),
    };
    let stretch = Stretch::begin(node, connection, drain);
    // Who only had calls that did not end is told to go all the same.
    let last = deadline.max(Instant::now() + CUT);
    let written = tokio::select! {
        biased;
        drained = connection.parting.wait() => if *drained { Written::All } else { Written::Over },
        () = away(connection) => Written::Away,
        () = sleep_until(last) => Written::Late,
    };
    if written == Written::Over {
        let _ = timeout_at(last, connection.gone.wait()).await;
        return Farewell::Gone;
    }
    if written == Written::All {
        // What its client answers to the last word shows what it has had.
        let _ = timeout_at(last, connection.carriers.none()).await;
        // The pump may still be at what has left for it: that would count as not had.
        let passed = node.registry.passed().min(stretch.upto);
        let _ = timeout_at(last, node.tide.reach(passed)).await;
    }
    let calls = connection.running.count();
    let (had_left, known) = {
        let link = connection.link();
        (link.written(), link.topics_now())
    };
    lifetime::part(node, connection, End::Stopping);
    // Whoever does not take the last word is not waited for.
    connection.link().finish(End::Aborted);
    let _ = timeout(CUT, connection.carriers.none()).await;
    let _ = timeout(PATIENCE, connection.gone.wait()).await;
    match written {
        Written::All if calls == 0 => Farewell::Drained,
        Written::All => Farewell::Cut { left: 0, calls },
        Written::Over | Written::Away => Farewell::Gone,
        Written::Late => {
            let orders = stretch.meant(node, connection, &known).await;
            let left = orders.range(had_left.saturating_add(1)..).count();
            Farewell::Cut { left, calls }
        }
    }
}

/// How far writing what was sent to a connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    All,
    /// Somebody else has ended it.
    Over,
    /// No transport carried it.
    Away,
    Late,
}

/// Waits until no call runs. Those that come meanwhile are taken for half of the time, as a client may need one to end
/// another; then no more.
async fn finish_calls(connection: &Connection, deadline: Instant) {
    let half = deadline.saturating_duration_since(Instant::now()) / 2;
    if timeout(half, connection.running.none()).await.is_ok() {
        connection.link().refuse_calls();
    } else {
        connection.link().refuse_calls();
        let _ = timeout_at(deadline, connection.running.none()).await;
    }
}

/// Returns when no transport carries a connection any more. Between two polls that does not say much: then its client has a
/// while for the next one.
async fn away(connection: &Connection) {
    loop {
        connection.carriers.none().await;
        let (request, polls) = {
            let link = connection.link();
            (link.request, link.downlink().is_single())
        };
        if !polls {
            return;
        }
        sleep(PATIENCE).await;
        let link = connection.link();
        if link.request == request && !link.attached {
            return;
        }
    }
}
