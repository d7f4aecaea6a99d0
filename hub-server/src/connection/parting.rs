//! The three ends that a server puts to a session (`delivery.md` c): closed with a word, cut, or drained. Whichever it is, the
//! transport is closed first, then the calls of the session have a while to end, then its hubs hear of the end, and what its
//! client is owed is written last.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hub_core::{CloseFrame, Cursor, DrainOptions, DrainReport, Limit, Topic};
use tokio::time::{Instant, timeout, timeout_at};

use super::lifetime;
use super::link::{Connection, Drain, End};
use crate::node::Node;

pub(crate) mod stopping;

/// How long a client may take for its close frame, and a call for its end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// How long a socket that is cut may take to be closed.
const CUT: Duration = Duration::from_millis(250);

/// So many entries are counted at a time.
const PAGE: usize = 1_000;

/// Cuts a connection.
pub(crate) fn abort(node: &Arc<Node>, connection: &Arc<Connection>) {
    lifetime::part(node, connection, End::Aborted);
}

/// Closes a connection; returns when its transport is closed, or could not be in time.
pub(crate) async fn close(node: &Arc<Node>, connection: &Arc<Connection>, frame: CloseFrame) {
    {
        let mut link = connection.link();
        if link.end.is_none_or(|end| !end.is_parting()) {
            link.farewell(frame);
        }
    }
    lifetime::part(node, connection, End::Closed);
    let _ = timeout(PATIENCE + CUT, connection.carriers.none()).await;
}

/// What has to happen between the end of a connection and what its hubs hear of it.
pub(crate) async fn parted(connection: &Arc<Connection>) {
    if timeout(PATIENCE, connection.carriers.none()).await.is_err() {
        connection.link().finish(End::Aborted);
        let _ = timeout(CUT, connection.carriers.none()).await;
    }
    // As everywhere, calls that take longer run on.
    let _ = timeout(PATIENCE, connection.running.none()).await;
}

/// Ends a connection when all that was sent to it before is written, or closes it at the deadline.
pub(crate) async fn drain(
    node: &Arc<Node>,
    connection: &Arc<Connection>,
    options: DrainOptions,
    deadline: Instant,
) -> DrainReport {
    if connection.ended.load(Ordering::Acquire) {
        let _ = timeout_at(deadline, connection.carriers.none()).await;
        return DrainReport::default();
    }
    let drain = Drain {
        upto: 0,
        end: End::Closed,
        wait_acks: options.wait_acks,
        frame: options.frame,
    };
    let stretch = Stretch::begin(node, connection, drain);
    // In a task of its own: whoever asked for it may go.
    let (node, connection) = (node.clone(), connection.clone());
    let draining = tokio::spawn(async move {
        let parting = timeout_at(deadline, connection.parting.wait()).await;
        let parting = parting.ok().copied();
        let (drained, over) = (parting == Some(true), parting == Some(false));
        let (left, known) = {
            let link = connection.link();
            (link.written(), link.topics_now())
        };
        if drained {
            let _ = timeout(PATIENCE, connection.carriers.none()).await;
        }
        let had = connection.link().proven_live();
        // Somebody else ends it, in a way that may be stronger.
        if !over {
            lifetime::part(&node, &connection, End::Closed);
        }
        let _ = timeout(PATIENCE + CUT, connection.carriers.none()).await;
        let orders = stretch.meant(&node, &connection, &known).await;
        let count = |upto: u64| u64::try_from(orders.range(..=upto).count()).unwrap_or(u64::MAX);
        let all = count(u64::MAX);
        let sent = if drained { all } else { count(left) };
        DrainReport::new(sent, count(had).min(sent), all - sent)
    });
    draining.await.unwrap_or_default()
}

/// The stretch of the log that is to be written before a connection ends.
struct Stretch {
    from: u64,
    upto: u64,
}

impl Stretch {
    /// From now on a connection takes nothing newer.
    fn begin(node: &Node, connection: &Arc<Connection>, drain: Drain) -> Self {
        let from = {
            let link = connection.link();
            let had = link.position.min(link.outbox.left());
            if link.attached { had } else { link.position }
        };
        node.registry.drain(connection, drain);
        let upto = connection.link().drain.as_ref().map(|drain| drain.upto);
        let upto = upto.unwrap_or_default();
        Self { from, upto }
    }

    /// The orders of what was sent to a client in it.
    async fn meant(&self, node: &Node, connection: &Connection, topics: &[Topic]) -> BTreeSet<u64> {
        let mut orders = BTreeSet::new();
        let mut after = Cursor::at(node.epoch, self.from);
        while after.order < self.upto {
            let limit = Limit {
                entries: PAGE,
                upto: self.upto,
            };
            let Ok(page) = node.log.read(topics, after, limit).await else {
                break;
            };
            let link = connection.link();
            let events = page.entries.iter().filter(|entry| link.is_sent(entry));
            orders.extend(events.map(|entry| entry.order));
            match page.entries.last().filter(|_| page.more) {
                Some(last) => after.order = last.order,
                None => break,
            }
        }
        orders
    }
}
