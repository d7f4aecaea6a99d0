//! Receive requests: connect, reconnect, and WebSockets without negotiation. The request finds its connection here; the
//! transport then serves it.

use std::future::Future;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};
use hub_core::{
    ConnectionId, Cursor, Gap, GapCause, InvalidCursor, Items, Limit, Peer, Resumed, Start, Topic,
    UserId,
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::query::clamp_version;
use super::service::{Asked, ResponseBody, is_websocket, plain};
use crate::connection::lifetime::{self, Event};
use crate::connection::link::{Attach, Connection, End, Membership};
use crate::connection::registry::Attached;
use crate::node::Node;
use crate::transport::websocket::{self, Opened, WebSocket};

/// A socket, and what was read from it before it became one.
type Socket = (Box<dyn Io>, Vec<u8>);

/// From this version on `/start` tells the hubs, not `/connect` (`classic-signalr.md` 7.2).
const DELAYED_START: [u32; 2] = [1, 4];

/// A WebSocket with a connection token: the first one, or one that comes back.
pub(crate) async fn websocket(
    mut asked: Asked,
    id: ConnectionId,
    connect: bool,
) -> Response<ResponseBody> {
    let upgrade = asked.upgrade.take().filter(|_| is_websocket(&asked.head));
    let Some(upgrade) = upgrade else {
        return plain(StatusCode::BAD_REQUEST, "Not a valid web socket request.");
    };
    let Ok(start) = start_of(&asked) else {
        return switch(&asked.head, upgrade, |socket| async {
            if let Some((socket, _)) = socket {
                websocket::refuse(socket).await;
            }
        });
    };
    let node = asked.node().clone();
    let groups = restored_groups(&asked, &id);
    let items = node
        .registry
        .find(&id)
        .map(|connection| connection.items.clone())
        .unwrap_or_default();
    let attach = attach(&asked, id, items, asked.listed(), groups, false);
    let (peer, hubs) = (attach.peer.clone(), attach.hubs.clone());
    let topics = all_topics(&attach);
    let (version, _) = clamp_version(asked.request.query("clientProtocol").as_deref());
    let delayed = version.as_slice() >= DELAYED_START.as_slice();
    let greet = (connect && delayed).then_some(&*node.protocol);
    let attached = node.registry.attach(attach, start, greet);
    let mut unserved = Unserved {
        node: node.clone(),
        connection: attached.connection.clone(),
        request: attached.request,
        served: false,
    };
    if connect && !delayed {
        if !started(&node, &attached, &peer, hubs).await {
            return plain(StatusCode::INTERNAL_SERVER_ERROR, "");
        }
        let mut link = attached.connection.link();
        if link.request == attached.request {
            link.init(&*node.protocol, node.epoch);
        }
    } else if !connect {
        let gaps = gaps(&node, start, &topics).await;
        let mut link = attached.connection.link();
        if link.request == attached.request {
            link.gaps_told = gaps.iter().filter_map(|gap| gap.topic.clone()).collect();
        }
        drop(link);
        tell_reconnected(&node, &attached, peer.clone(), hubs, gaps);
    }
    unserved.served = true;
    open(&asked, upgrade, attached, peer)
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

/// A WebSocket without negotiation (`conformance-app.md`, `/bare`). It listens to all hubs if it lists none, starts at
/// once and can't come back.
pub(crate) fn bare(mut asked: Asked) -> Response<ResponseBody> {
    if is_foreign(&asked) {
        return plain(StatusCode::FORBIDDEN, "");
    }
    let Some(upgrade) = asked.upgrade.take() else {
        return plain(StatusCode::BAD_REQUEST, "Not a valid web socket request.");
    };
    let node = asked.node().clone();
    let id = ConnectionId::new(uuid::Uuid::new_v4().to_string());
    let hubs = asked
        .hubs
        .clone()
        .unwrap_or_else(|| (0..node.hubs.len()).collect());
    let attach = attach(&asked, id, Arc::default(), hubs.clone(), Vec::new(), true);
    let peer = attach.peer.clone();
    let head = asked.head.clone();
    switch(&head, upgrade, move |socket| async move {
        let Some((socket, read)) = socket else { return };
        let attached = node
            .registry
            .attach(attach, Start::End, Some(&*node.protocol));
        let opened = opened(&asked, attached, peer.clone());
        // The request holds the server, which must not live as long as a socket does.
        drop(asked);
        if lifetime::tell(&node, &peer, &hubs, Event::Connected)
            .await
            .is_err()
        {
            tracing::warn!(connection = %peer.id, "on_connected failed");
            opened.connection.link().finish(End::Over);
        }
        websocket::serve(socket, read, opened).await;
    })
}

/// Browsers send WebSockets across origins without asking; other clients send no origin.
fn is_foreign(asked: &Asked) -> bool {
    let Some(origin) = asked.request.header("origin") else {
        return false;
    };
    let own = asked.request.header("host").unwrap_or_default();
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    let allowed = &asked.mount().allowed_origins;
    !host.eq_ignore_ascii_case(own)
        && !allowed
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(origin))
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
        Start::Foreign => vec![Gap {
            topic: None,
            why: GapCause::EpochChanged,
        }],
        _ => Vec::new(),
    }
}

/// Where the request wants to begin. A cursor beyond the log's end is of a log that lost its tail.
fn start_of(asked: &Asked) -> Result<Start, InvalidCursor> {
    let start = Cursor::parse(
        asked.request.query("messageId").as_deref(),
        asked.node().epoch,
    )?;
    Ok(match start {
        Start::After(cursor) if cursor.order > asked.node().log.end() => Start::Foreign,
        start => start,
    })
}

/// The groups that the client brings, as far as their hubs are listed (`classic-signalr.md` 4.2).
fn restored_groups(asked: &Asked, id: &ConnectionId) -> Vec<Membership> {
    let Some(token) = asked
        .request
        .query("groupsToken")
        .filter(|token| !token.is_empty())
    else {
        return Vec::new();
    };
    let listed = asked.listed();
    let membership = |name: &String| {
        let (hub, group) = name.split_once('.')?;
        let index = asked
            .node()
            .hubs
            .index_of(hub)
            .filter(|index| listed.contains(index))?;
        Some((asked.node().hubs.get(index)?.name.clone(), group.into()))
    };
    asked
        .running
        .tokens
        .open_groups(&token, id)
        .iter()
        .filter_map(membership)
        .collect()
}

fn attach(
    asked: &Asked,
    id: ConnectionId,
    items: Arc<Items>,
    hubs: Vec<usize>,
    groups: Vec<Membership>,
    bare: bool,
) -> Attach {
    let user = asked
        .identity
        .name
        .clone()
        .filter(|name| !name.is_empty())
        .map(UserId::new);
    let mut topics = Vec::with_capacity(hubs.len() * 3 + 1);
    for registered in hubs.iter().filter_map(|&hub| asked.node().hubs.get(hub)) {
        let hub = &registered.name;
        topics.push(Topic::All(hub.clone()));
        topics.push(Topic::Connection(hub.clone(), id.clone()));
        topics.extend(user.clone().map(|user| Topic::User(hub.clone(), user)));
    }
    topics.push(Topic::Control(id.clone()));
    let (tokens, owner) = (asked.running.tokens.clone(), id.clone());
    let groups_token = move |groups: &[Membership]| {
        let names = groups.iter().map(|(hub, group)| format!("{hub}.{group}"));
        tokens.groups(&owner, &names.collect::<Vec<_>>())
    };
    Attach {
        peer: asked.peer(id, items),
        hubs,
        topics,
        groups,
        downlink: &WebSocket,
        groups_token: Box::new(groups_token),
        bare,
    }
}

fn all_topics(attach: &Attach) -> Vec<Topic> {
    let groups = attach
        .groups
        .iter()
        .map(|(hub, group)| Topic::Group(hub.clone(), group.clone()));
    attach.topics.iter().cloned().chain(groups).collect()
}

fn open(
    asked: &Asked,
    upgrade: OnUpgrade,
    attached: Attached,
    peer: Arc<Peer>,
) -> Response<ResponseBody> {
    let opened = opened(asked, attached, peer);
    switch(&asked.head, upgrade, |socket| async {
        match socket {
            Some((socket, read)) => websocket::serve(socket, read, opened).await,
            None => lifetime::detach(&opened.node, &opened.connection, opened.request, false),
        }
    })
}

fn opened(asked: &Asked, attached: Attached, peer: Arc<Peer>) -> Opened {
    Opened {
        node: asked.node().clone(),
        connection: attached.connection,
        request: attached.request,
        peer,
        detailed_errors: asked.mount().detailed_errors,
    }
}

/// Answers 101 and serves the socket in a task of its own.
fn switch<F>(
    head: &Parts,
    upgrade: OnUpgrade,
    serve: impl FnOnce(Option<Socket>) -> F + Send + 'static,
) -> Response<ResponseBody>
where
    F: Future<Output = ()> + Send,
{
    let key = head
        .headers
        .get(header::SEC_WEBSOCKET_KEY)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    let accept = HeaderValue::from_str(&derive_accept_key(key));
    tokio::spawn(async move {
        let socket =
            upgrade
                .await
                .ok()
                .map(|upgraded| match upgraded.downcast::<TokioIo<TcpStream>>() {
                    // The bare socket: hyper's own buffers go, and reads and writes are direct.
                    Ok(parts) => (
                        Box::new(parts.io.into_inner()) as Box<dyn Io>,
                        parts.read_buf.to_vec(),
                    ),
                    Err(upgraded) => (Box::new(TokioIo::new(upgraded)) as Box<dyn Io>, Vec::new()),
                });
        serve(socket).await;
    });
    let mut response = plain(StatusCode::SWITCHING_PROTOCOLS, "");
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = accept {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

trait Io: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send {}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send> Io for S {}
