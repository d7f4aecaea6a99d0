//! Receive requests: the request finds its connection here; a transport then serves it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::{Response, StatusCode};
use hub_core::{
    BoxFuture, ConnectionId, Context, Cursor, Gap, GapCause, GroupName, InvalidCursor, Limit, Next,
    Peer, Rejoin, Resumed, Start, State, Topic,
};

use super::asked::Asked;
use super::query::{Receive, Verb, clamp_version};
use super::reply::{JAVASCRIPT, JSON, ResponseBody, plain, with_type};
use crate::config::Transport;
use crate::connection::busy::Carrying;
use crate::connection::claim;
use crate::connection::downlink::Downlink;
use crate::connection::lifetime::{self, Event};
use crate::connection::link::{Attach, Connection, End, Membership, Opened, topics_of};
use crate::connection::measured::Ride;
use crate::connection::registry::Attached;
use crate::meter;
use crate::node::Node;
use crate::transport::forever_frame::{self, ForeverFrame};
use crate::transport::long_polling::LongPolling;
use crate::transport::server_sent_events::{self, ServerSentEvents};
use crate::transport::spans::connection_span;
use crate::transport::stream::Stream;

/// From this version on `/start` tells the hubs, not `/connect` (`classic-signalr.md` 7.2).
const DELAYED_START: [u32; 2] = [1, 4];

/// A receive request over plain HTTP.
pub(crate) async fn stream(
    asked: Asked,
    id: ConnectionId,
    transport: Transport,
) -> Response<ResponseBody> {
    let polls = transport == Transport::LongPolling;
    let Ok(Carrier {
        downlink,
        prelude,
        content_type,
    }) = carrier(&asked, transport)
    else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, BAD_FRAME_ID);
    };
    let Ok(start) = start_of(&asked).await else {
        return with_type(ResponseBody::stream(Stream::cut(prelude)), content_type);
    };
    // A poll that is not called so has not been away (`classic-signalr.md` 10.3).
    let comes_back = !polls || Verb::of(&asked.request.path) == Verb::Receive(Receive::Reconnect);
    match place(&asked, id, start, downlink, comes_back).await {
        Ok(opened) => with_type(
            ResponseBody::stream(Stream::new(prelude, opened)),
            content_type,
        ),
        Err(Refused) => with_type(ResponseBody::stream(Stream::cut(prelude)), content_type),
    }
}

const BAD_FRAME_ID: &str = "The supplied frameId is in the incorrect format.";

struct Carrier {
    downlink: Arc<dyn Downlink>,
    prelude: Option<Bytes>,
    content_type: &'static str,
}

/// How the transport carries; an error for a foreverFrame without a number.
fn carrier(asked: &Asked, transport: Transport) -> Result<Carrier, ()> {
    Ok(match transport {
        Transport::LongPolling => Carrier {
            downlink: Arc::new(LongPolling {
                speaks: asked.speaks(),
                delay: asked.node().config.long_poll_delay,
                callback: asked.callback.clone(),
            }),
            prelude: None,
            content_type: if asked.callback.is_some() {
                JAVASCRIPT
            } else {
                JSON
            },
        },
        Transport::ForeverFrame => {
            let frame_id = asked.request.query("frameId");
            let frame_id = forever_frame::frame_id(frame_id.as_deref()).ok_or(())?;
            Carrier {
                downlink: Arc::new(ForeverFrame {
                    speaks: asked.speaks(),
                }),
                prelude: Some(forever_frame::prelude(frame_id)),
                content_type: forever_frame::CONTENT_TYPE,
            }
        }
        Transport::ServerSentEvents | Transport::WebSockets => Carrier {
            downlink: Arc::new(ServerSentEvents {
                speaks: asked.speaks(),
            }),
            prelude: Some(Bytes::from_static(server_sent_events::PRELUDE)),
            content_type: server_sent_events::CONTENT_TYPE,
        },
    })
}

/// A hub's `on_connected` failed: the request ends as soon as it began.
pub(crate) struct Refused;

/// Gives a receive request its connection and tells the hubs what is to be told; `comes_back` if a request that is no
/// connect is a reconnect. A poll is none, but a gap that it has is told in the same way (`design.md` 3).
///
/// # Errors
/// When the hubs of an old client, which never asks for `/start`, refuse it.
pub(crate) async fn place(
    asked: &Asked,
    id: ConnectionId,
    start: Start,
    downlink: Arc<dyn Downlink>,
    comes_back: bool,
) -> Result<Opened, Refused> {
    let node = asked.node().clone();
    let connect = Verb::of(&asked.request.path) == Verb::Receive(Receive::Connect);
    let items = asked.items(&id);
    let peer = asked.peer(id, items);
    let groups = restored_groups(asked, &peer).await;
    let mut attach = attach(asked, peer.clone(), asked.listed(), groups, downlink);
    if !connect {
        // The pump writes at once: nothing of this log may come before it is told that it is another one.
        attach.missed = another_log(start);
    }
    let hubs = attach.hubs.clone();
    let topics = all_topics(&attach);
    let (version, _) = clamp_version(asked.request.query("clientProtocol").as_deref());
    let delayed = version.as_slice() >= DELAYED_START.as_slice();
    // A server that goes greets nobody any more.
    let greets = connect && delayed && !node.is_leaving();
    let attached = node.registry.attach(attach, start, greets);
    // A server that goes takes on nobody. Who is not told to go yet may come back.
    let over = node.is_leaving() && (attached.new || attached.connection.is_parting());
    if over && attached.new {
        // At once: it is none of those that are yet to be told.
        attached.connection.ended.store(true, Ordering::Release);
    }
    node.settle(&peer.id, attached.settled.clone());
    let topics = with_queues(topics, &attached);
    let mut unserved = Unserved {
        node: node.clone(),
        connection: attached.connection.clone(),
        request: attached.request,
        served: false,
    };
    if attached.claims {
        // In a task of its own: a client that hangs up meanwhile leaves no half claim.
        let claimed = tokio::spawn(claim::write(node.clone(), attached.connection.clone()));
        let _ = claimed.await;
    }
    lifetime::take_over(&node, &peer, &attached.connection).await;
    if over {
        attached.connection.link().finish(End::Over);
    } else if connect && !delayed {
        if !started(&node, &attached, &peer, hubs).await {
            return Err(Refused);
        }
        let mut link = attached.connection.link();
        if link.request == attached.request {
            link.init(node.epoch);
        }
    } else if !connect {
        let mut gaps = gaps(&node, start, &topics).await;
        // Neither is told again when the log is read: a poll that ended for that would come back for ever.
        let known = gaps.iter().filter_map(|gap| gap.topic.clone()).collect();
        // What a connection listens to is never forgotten. Only the log can't tell, where a cursor is of before it began.
        gaps.retain(|gap| attached.new || gap.why != GapCause::Expired);
        // Closing a poll that has a gap would only make its client ask again: its hubs hear of the gap as of a return.
        let lost = !gaps.is_empty();
        let mut link = attached.connection.link();
        if link.request == attached.request {
            link.gaps_told = known;
            if start != Start::Foreign {
                link.miss(&gaps);
            }
            meter::gaps(&gaps);
        }
        drop(link);
        if comes_back || lost {
            tell_reconnected(&node, &attached, peer.clone(), hubs, gaps);
        } else if attached.new {
            // Its hubs were told elsewhere, or before this server began. Where they are yet to be told, by `/start`, a poll
            // that comes first waits for that like any other request.
            attached.connection.link().opened();
        }
    }
    unserved.served = true;
    Ok(opened(asked, attached, peer))
}

pub(crate) fn opened(asked: &Asked, attached: Attached, peer: Arc<Peer>) -> Opened {
    let (ride, hubs) = {
        let link = attached.connection.link();
        (Ride::of(&**link.downlink()), link.hubs.clone())
    };
    attached.connection.measured.rides(ride);
    let span = connection_span(asked.node(), &attached.connection.id, ride.transport, &hubs);
    Opened {
        node: asked.node().clone(),
        carrier: Carrying::of(&attached.connection),
        connection: attached.connection,
        request: attached.request,
        peer,
        detailed_errors: asked.mount().detailed_errors,
        receiver: asked.receiver(),
        span,
    }
}

/// A receive request that no socket serves yet. When its client hangs up meanwhile, hyper drops the request, and with it
/// this, which detaches the connection: otherwise it would be kept for ever.
struct Unserved {
    node: Arc<Node>,
    connection: Arc<Connection>,
    request: u64,
    served: bool,
}

impl Drop for Unserved {
    fn drop(&mut self) {
        if !self.served {
            lifetime::detach(&self.node, &self.connection, self.request, false);
        }
    }
}

/// Runs `on_connected` for a client that never asks for `/start`; once, also if the client tries another transport.
async fn started(
    node: &Arc<Node>,
    attached: &Attached,
    peer: &Arc<Peer>,
    hubs: Vec<usize>,
) -> bool {
    let run = || async { !attached.new || lifetime::connected(node, peer, hubs).await.is_ok() };
    *attached.connection.started.get_or_init(run).await
}

/// Tells the hubs, while messages already flow; a hub that fails ends the request (`classic-signalr.md` 10.3).
fn tell_reconnected(
    node: &Arc<Node>,
    attached: &Attached,
    peer: Arc<Peer>,
    hubs: Vec<usize>,
    gaps: Vec<Gap>,
) {
    let (node, connection, request) = (node.clone(), attached.connection.clone(), attached.request);
    tokio::spawn(async move {
        let resumed = Event::Reconnected(Resumed::with_gaps(gaps));
        if lifetime::tell(&node, &peer, &hubs, resumed).await.is_err() {
            tracing::warn!(connection = %peer.id, "on_reconnected failed");
            let mut link = connection.link();
            if link.request == request {
                link.finish(End::ComeBack);
            }
        }
    });
}

/// What a connection that comes back should have got and never will.
async fn gaps(node: &Node, start: Start, topics: &[Topic]) -> Vec<Gap> {
    match start {
        Start::After(cursor) => {
            let limit = Limit {
                entries: 0,
                upto: node.log.end(),
            };
            match node.log.read(topics, cursor, limit).await {
                Ok(page) => page.gaps,
                Err(error) => {
                    tracing::warn!(%error, "the log can't tell whether there is a gap");
                    Vec::new()
                }
            }
        }
        _ => another_log(start),
    }
}

/// The gap of a client whose cursor is of another log.
fn another_log(start: Start) -> Vec<Gap> {
    let gap = Gap {
        topic: None,
        why: GapCause::EpochChanged,
    };
    Vec::from_iter((start == Start::Foreign).then_some(gap))
}

/// Where the request wants to begin. A cursor beyond the log's end is of a log that lost its tail.
pub(crate) async fn start_of(asked: &Asked) -> Result<Start, InvalidCursor> {
    let node = asked.node();
    let start = Cursor::parse(asked.param("messageId").as_deref(), node.epoch)?;
    Ok(match start {
        // Or this node has not heard yet of what the client has from another.
        Start::After(cursor) if cursor.order > node.log.end() => {
            let upto = cursor.order;
            match node.log.read(&[], cursor, Limit { entries: 0, upto }).await {
                Ok(page) if !page.gaps.is_empty() => Start::Foreign,
                _ => start,
            }
        }
        start => start,
    })
}

/// The groups that the client brings, as far as their hubs are listed and let it in again (`classic-signalr.md` 4.2).
async fn restored_groups(asked: &Asked, peer: &Arc<Peer>) -> Vec<Membership> {
    let Some(token) = asked.param("groupsToken").filter(|token| !token.is_empty()) else {
        return Vec::new();
    };
    let names = asked.running.tokens.open_groups(&token, &peer.id);
    let mut restored = Vec::with_capacity(names.len());
    let listed = asked.listed();
    for registered in listed.iter().filter_map(|&hub| asked.node().hubs.get(hub)) {
        let of_hub = |name: &String| {
            let (hub, group) = name.split_once('.')?;
            let is = registered.name.as_str().eq_ignore_ascii_case(hub);
            is.then(|| GroupName::from(group))
        };
        let groups: Vec<GroupName> = names.iter().filter_map(of_hub).collect();
        if groups.is_empty() {
            continue;
        }
        let state = Arc::new(State::default());
        let cx = Context::new(peer.clone(), registered.name.clone(), None, state);
        let groups = match (&registered.filters, asked.receiver()) {
            (_, Some(receiver)) => receiver.connection.on_rejoining_groups(&cx, groups).await,
            (Some(filters), None) => {
                let end = |rejoin: Rejoin| -> BoxFuture<'_, _> {
                    Box::pin(std::future::ready(rejoin.groups))
                };
                Next::new(filters, end).run(Rejoin { cx, groups }).await
            }
            (None, None) => groups,
        };
        let membership = |group| (registered.name.clone(), group);
        restored.extend(groups.into_iter().map(membership));
    }
    restored
}

pub(crate) fn attach(
    asked: &Asked,
    peer: Arc<Peer>,
    hubs: Vec<usize>,
    groups: Vec<Membership>,
    downlink: Arc<dyn Downlink>,
) -> Attach {
    let id = &peer.id;
    let mut topics = Vec::with_capacity(hubs.len() * 3 + 1);
    for registered in hubs.iter().filter_map(|&hub| asked.node().hubs.get(hub)) {
        topics.extend(topics_of(&registered.name, &peer));
    }
    topics.push(Topic::Control(id.clone()));
    let (tokens, owner) = (asked.running.tokens.clone(), id.clone());
    let groups_token = move |groups: &[Membership]| {
        let names = groups.iter().map(|(hub, group)| format!("{hub}.{group}"));
        tokens.groups(&owner, &names.collect::<Vec<_>>())
    };
    Attach {
        peer,
        hubs,
        topics,
        groups,
        downlink,
        groups_token: Box::new(groups_token),
        bare: false,
        missed: Vec::new(),
    }
}

/// A client that comes back may also miss what its queues should have kept.
fn with_queues(mut topics: Vec<Topic>, attached: &Attached) -> Vec<Topic> {
    topics.extend(attached.connection.link().queues.iter().cloned());
    topics
}

fn all_topics(attach: &Attach) -> Vec<Topic> {
    let groups = attach
        .groups
        .iter()
        .map(|(hub, group)| Topic::Group(hub.clone(), group.clone()));
    attach.topics.iter().cloned().chain(groups).collect()
}
