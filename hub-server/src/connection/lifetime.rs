//! The events of a connection's life: connected or reopened, reconnected, closed, for every hub that it listed
//! (`classic-signalr.md` 10.3).

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{join_all, poll_immediate};
use hub_core::{
    AckError, BoxFuture, Closed, Connect, Context, Disconnect, HubError, Next, Peer, Reconnect,
    Resumed, State,
};
use tokio::time::timeout;

use super::link::{Connection, End, topics_of};
use super::{expiry, parting, pressure, sessions};
use crate::hubs::table::Registered;
use crate::meter::Closure;
use crate::node::Node;

/// What happened.
#[derive(Clone)]
pub(crate) enum Event {
    Connected,
    Reconnected(Resumed),
    Closed(Closed),
}

/// Tells all hubs at once; the first failure is returned. One that fails before it first waits keeps the hubs after it
/// from being told, as in the original.
pub(crate) async fn tell(
    node: &Arc<Node>,
    peer: &Arc<Peer>,
    hubs: &[usize],
    event: Event,
) -> Result<(), HubError> {
    // What is kept for a client is for a connection that is here: one that is over, or elsewhere, takes no lease.
    let comes = !matches!(event, Event::Closed(_));
    let connection = node.registry.find(&peer.id).filter(|_| comes);
    if peer.persistent_id.is_some() && connection.is_some() {
        for registered in hubs.iter().filter_map(|&hub| node.hubs.get(hub)) {
            sessions::open(node, peer, &registered.name).await;
            // Before the hub hears of the client again, it has heard that the client's time was over.
            expiry::told(node, peer, &registered.name).await;
            sessions::restore(node, peer, &registered.name);
        }
    }
    let comes_back = matches!(event, Event::Reconnected(_));
    let mut running = Vec::new();
    let mut first = Ok(());
    for registered in hubs.iter().filter_map(|&hub| node.hubs.get(hub)) {
        let cx = Context::new(
            peer.clone(),
            registered.name.clone(),
            None,
            Arc::new(State::default()),
        );
        let reopened = sessions::is_known(peer, &registered.name);
        let told = tell_one(registered, cx, event.clone(), reopened);
        let mut caught: BoxFuture<'_, _> = Box::pin(async {
            let outcome = AssertUnwindSafe(told).catch_unwind().await;
            outcome.unwrap_or_else(|_| Err(HubError::internal("the hub panicked")))
        });
        match poll_immediate(&mut caught).await {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                first = Err(error);
                break;
            }
            None => running.push(caught),
        }
    }
    let rest = join_all(running).await;
    let outcome = rest.into_iter().fold(first, Result::and);
    // Whose return a hub refuses is sent nothing: its request ends, and it comes back for what was kept.
    if let Some(connection) = connection {
        if outcome.is_ok() || !comes_back {
            connection.link().opened();
        }
        tidy(node, peer, &connection);
    }
    outcome
}

/// A connection that ended while its hubs were being told of it may have opened some after all were closed.
fn tidy(node: &Arc<Node>, peer: &Arc<Peer>, connection: &Arc<Connection>) {
    if peer.persistent_id.is_some() && connection.ended.load(Ordering::Acquire) {
        let (node, peer, connection) = (node.clone(), peer.clone(), connection.clone());
        tokio::spawn(async move {
            connection.gone.wait().await;
            sessions::close_all(&node, &peer, &connection).await;
        });
    }
}

/// Tells one hub, through its filters.
async fn tell_one(
    registered: &Registered,
    cx: Context,
    event: Event,
    reopened: bool,
) -> Result<(), HubError> {
    let filters = registered.filters.as_deref().unwrap_or_default();
    let hub = &registered.hub;
    match event {
        Event::Connected => {
            let end = |event: Connect| -> BoxFuture<'_, _> {
                Box::pin(async move {
                    if event.reopened {
                        hub.reopened(&event.cx).await
                    } else {
                        hub.connected(&event.cx).await
                    }
                })
            };
            Next::new(filters, end).run(Connect { cx, reopened }).await
        }
        Event::Reconnected(resumed) => {
            let end = |event: Reconnect| -> BoxFuture<'_, _> {
                Box::pin(async move { hub.reconnected(&event.cx, event.resumed).await })
            };
            Next::new(filters, end).run(Reconnect { cx, resumed }).await
        }
        Event::Closed(reason) => {
            let end = |event: Disconnect| -> BoxFuture<'_, _> {
                Box::pin(async move { hub.closed(&event.cx, event.reason).await })
            };
            Next::new(filters, end).run(Disconnect { cx, reason }).await
        }
    }
}

/// Tells `on_connected` in a task of its own: a client that hangs up meanwhile does not cut a hub's method short.
pub(crate) async fn connected(
    node: &Arc<Node>,
    peer: &Arc<Peer>,
    hubs: Vec<usize>,
) -> Result<(), HubError> {
    let (node, peer) = (node.clone(), peer.clone());
    let telling = tokio::spawn(async move { tell(&node, &peer, &hubs, Event::Connected).await });
    telling
        .await
        .unwrap_or_else(|_| Err(HubError::internal("the runtime stopped")))
}

/// Ends a connection, once: its request is closed, it is forgotten, and its hubs are told.
pub(crate) fn end(node: &Arc<Node>, connection: &Arc<Connection>, stopped: bool) {
    end_as(node, connection, stopped, End::Over);
}

/// Ends a connection as the server wants it: one that is ending already, too, if it is to end faster.
pub(crate) fn part(node: &Arc<Node>, connection: &Arc<Connection>, end: End) {
    if !end_as(node, connection, false, end) {
        connection.link().finish(end);
    }
}

/// `false` if it has ended before.
fn end_as(node: &Arc<Node>, connection: &Arc<Connection>, stopped: bool, end: End) -> bool {
    if connection.ended.swap(true, Ordering::AcqRel) {
        return false;
    }
    node.registry.remove(connection);
    let _ = connection.parting.set(false);
    let (peer, hubs) = {
        let mut link = connection.link();
        // A client that is to come back answers there.
        let lost = link.pending().into_iter().filter(|_| end != End::Stopping);
        for ack in lost {
            node.answer(ack, &connection.id, Err(AckError::Gone));
        }
        link.finish(end);
        if stopped {
            // Its client was alive just now.
            link.hear();
        }
        sessions::settle_all(&link.peer, &link, node.tide.passed());
        (link.peer.clone(), link.hubs.clone())
    };
    let reason = match end {
        End::TakenOver => Closed::TakenOver,
        End::Closed | End::Aborted => Closed::Ended,
        _ if stopped => Closed::Stopped,
        _ => Closed::Lost,
    };
    connection.measured.end(match reason {
        _ if end == End::Stopping => Closure::Shutdown,
        Closed::Lost => Closure::Timeout,
        _ => Closure::Normal,
    });
    let over = over(node.clone(), connection.clone(), peer, hubs, end, reason);
    node.spawn(over);
    true
}

/// What is left to do for a connection that has ended.
async fn over(
    node: Arc<Node>,
    connection: Arc<Connection>,
    peer: Arc<Peer>,
    hubs: Vec<usize>,
    end: End,
    reason: Closed,
) {
    // That the server goes no hub hears: its clients come back, here or elsewhere.
    let heard = end != End::Stopping;
    if end.is_parting() && heard {
        parting::parted(&connection).await;
    }
    if heard && let Err(error) = tell(&node, &peer, &hubs, Event::Closed(reason)).await {
        tracing::warn!(connection = %peer.id, %error, "on_disconnected failed");
    }
    if let Some(owner) = &peer.persistent_id {
        sessions::close_all(&node, &peer, &connection).await;
        node.owners.release(owner, &connection);
    }
    let _ = connection.gone.set(());
}

/// Ends other connections of the same client, so that what is kept for it is this one's. Their hubs have a while to hear of
/// the end; what they do later does not count.
pub(crate) async fn take_over(node: &Arc<Node>, peer: &Peer, connection: &Arc<Connection>) {
    let Some(owner) = &peer.persistent_id else {
        return;
    };
    let older = node.owners.claim(owner, connection);
    let mut patience = FAREWELL;
    for connection in &older {
        let mut link = connection.link();
        // Its client has left a socket whose close frame it should answer; its calls have their time.
        if link.end.is_some_and(End::is_parting) {
            link.finish(End::Aborted);
            patience = FAREWELL + parting::PATIENCE;
        }
        drop(link);
        end_as(node, connection, false, End::TakenOver);
    }
    let gone = join_all(older.iter().map(|connection| connection.gone.wait()));
    let _ = timeout(patience, gone).await;
}

/// How long the hubs of a connection that was taken over have for their `on_disconnected`.
const FAREWELL: Duration = Duration::from_secs(5);

/// Opens one hub on a connection that lives.
///
/// # Errors
/// When the hub refuses.
pub(crate) async fn open(
    node: &Arc<Node>,
    connection: &Arc<Connection>,
    peer: &Arc<Peer>,
    hub: usize,
) -> Result<(), HubError> {
    if let Some(registered) = node.hubs.get(hub) {
        let topics = topics_of(&registered.name, peer).collect();
        node.registry.open(connection, hub, topics);
    }
    tell(node, peer, &[hub], Event::Connected).await
}

/// Closes one hub on a connection that goes on: for the hub its client has gone.
pub(crate) async fn close(
    node: &Arc<Node>,
    connection: &Arc<Connection>,
    peer: &Arc<Peer>,
    hub: usize,
) {
    let Some(registered) = node.hubs.get(hub) else {
        return;
    };
    {
        let mut link = connection.link();
        // It was heard just now.
        link.hear();
        sessions::settle(peer, &registered.name, &link, node.tide.passed());
    }
    node.registry.close(connection, hub, &registered.name);
    let closed = Event::Closed(Closed::HubClosed);
    if let Err(error) = tell(node, peer, &[hub], closed).await {
        tracing::warn!(connection = %peer.id, %error, "on_disconnected failed");
    }
    sessions::close(node, peer, &registered.name).await;
}

/// A receive request's link is gone. A connection without negotiation ends with it; others may come back.
pub(crate) fn detach(node: &Arc<Node>, connection: &Arc<Connection>, request: u64, goodbye: bool) {
    let (bare, pending) = {
        let mut link = connection.link();
        if link.request != request || !link.attached {
            return;
        }
        link.detach();
        pressure::look(node, connection, &mut link);
        // Whoever has drained it is to end it, when its transport is closed.
        let drained = link.drain.is_some() && link.end.is_some_and(End::is_parting);
        (link.bare && !drained, link.pending())
    };
    node.asks_lost(&connection.id, &pending);
    if bare {
        end(node, connection, goodbye);
    }
}
