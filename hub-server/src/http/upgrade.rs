//! Upgrades to a WebSocket, with a connection token and without.

use std::future::{Future, Ready};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use hub_core::{ConnectionId, Start, XSockets};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::admit::{reachable, status};
use super::asked::Asked;
use super::receive::{Refused, attach, opened, place, start_of};
use super::reply::{ResponseBody, later, plain};
use crate::connection::lifetime::{self, Event};
use crate::connection::link::{Attach, End};
use crate::door::Ticket;
use crate::mount::Mount;
use crate::transport::first_bytes::Begun;
use crate::transport::websocket::{self as transport, WebSocket};
use crate::transport::xsockets::{self as packets, Packeted};

/// A socket, and what was read from it before it became one.
type Socket = (Box<dyn Io>, Vec<u8>);

/// A WebSocket with a connection token: the first one, or one that comes back.
pub(crate) async fn websocket(mut asked: Asked, id: ConnectionId) -> Response<ResponseBody> {
    let upgrade = asked.upgrade.take().filter(|_| is_websocket(&asked.head));
    let Some(upgrade) = upgrade else {
        return plain(StatusCode::BAD_REQUEST, "Not a valid web socket request.");
    };
    let Ok(start) = start_of(&asked).await else {
        return refuse(&asked, upgrade);
    };
    match place(&asked, id, start, Arc::new(WebSocket(asked.speaks())), true).await {
        Err(Refused) => refuse(&asked, upgrade),
        Ok(opened) => switch(&asked.head, upgrade, |socket| async {
            let Some((socket, read)) = socket else {
                lifetime::detach(&opened.node, &opened.connection, opened.request, false);
                return None;
            };
            Some(transport::serve(socket, read, opened))
        }),
    }
}

/// A socket that is closed at once (`classic-signalr.md` 2.5 row 14, 10.3).
fn refuse(asked: &Asked, upgrade: OnUpgrade) -> Response<ResponseBody> {
    switch(&asked.head, upgrade, |socket| async {
        if let Some((socket, _)) = socket {
            transport::refuse(socket).await;
        }
        None::<Ready<()>>
    })
}

/// Whether a request without transport and token may be a connection without negotiation.
pub(crate) fn may_be_bare(asked: &Asked) -> bool {
    asked.mount().bare_websockets && is_websocket(&asked.head)
}

/// A WebSocket without negotiation (`conformance-app.md`, `/bare`). It listens to all hubs that it may reach if it lists none, starts at
/// once and can't come back.
pub(crate) async fn bare(mut asked: Asked) -> Response<ResponseBody> {
    if is_foreign(&asked) {
        return plain(StatusCode::FORBIDDEN, "");
    }
    if !asked.node().admits() {
        return later();
    }
    let Some(upgrade) = asked.upgrade.take() else {
        return plain(StatusCode::BAD_REQUEST, "Not a valid web socket request.");
    };
    let node = asked.node().clone();
    let id = ConnectionId::new(uuid::Uuid::new_v4().to_string());
    let hubs = match asked.hubs.clone() {
        Some(hubs) => hubs,
        None => {
            let all = (0..node.hubs.len()).collect();
            reachable(&node, all, &asked.request, &asked.identity).await
        }
    };
    let peer = asked.peer(id, Arc::default());
    let downlink = Arc::new(WebSocket(asked.speaks()));
    let attach = Attach {
        bare: true,
        ..attach(&asked, peer.clone(), hubs.clone(), Vec::new(), downlink)
    };
    let head = asked.head.clone();
    switch(&head, upgrade, move |socket| async move {
        let (socket, read) = socket?;
        let attached = node.registry.attach(attach, Start::End, true);
        let opened = opened(&asked, attached, peer.clone());
        lifetime::take_over(&node, &peer, &opened.connection).await;
        // The request holds the server, which must not live as long as a socket does.
        drop(asked);
        // Another one may have taken over meanwhile, and the hubs have heard of the end.
        let over = opened.connection.ended.load(Ordering::Acquire);
        if !over
            && lifetime::tell(&node, &peer, &hubs, Event::Connected)
                .await
                .is_err()
        {
            tracing::warn!(connection = %peer.id, "on_connected failed");
            opened.connection.link().finish(End::Over);
        }
        Some(transport::serve(socket, read, opened))
    })
}

/// How a client spells the sub-protocol of XSockets, if it asks for that and the mount speaks it.
fn sub_protocol(mount: &Mount, head: &Parts) -> Option<HeaderValue> {
    if !mount.xsockets || mount.connection.is_some() || !is_websocket(head) {
        return None;
    }
    let offered = head.headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let mut offered = offered.iter().filter_map(|value| value.to_str().ok());
    let name = offered.find_map(|value| {
        let mut names = value.split(',').map(str::trim);
        names.find(|name| name.eq_ignore_ascii_case(XSockets::NAME))
    });
    HeaderValue::from_str(name?).ok()
}

/// Whether a request asks for the sub-protocol of XSockets on this mount.
pub(crate) fn is_xsockets(mount: &Mount, head: &Parts) -> bool {
    sub_protocol(mount, head).is_some()
}

/// A WebSocket that speaks XSockets' sub-protocol (`delivery.md` e.2): it opens its hubs by itself.
pub(crate) async fn xsockets(mut asked: Asked) -> Response<ResponseBody> {
    let nameless = asked.mount().require_origin && asked.request.header("origin").is_none();
    if nameless || is_foreign(&asked) {
        return plain(StatusCode::FORBIDDEN, "");
    }
    if !asked.node().admits() {
        return later();
    }
    let name = sub_protocol(asked.mount(), &asked.head);
    let Some(upgrade) = asked.upgrade.take() else {
        return plain(StatusCode::BAD_REQUEST, "Not a valid web socket request.");
    };
    if asked.persistent_id.is_none() {
        let (node, user) = (asked.node(), asked.identity.name.as_deref());
        match node.persistent_ids.admit(&*node.log, None, user).await {
            Ok(made) => asked.persistent_id = Some(made),
            Err(refusal) => {
                let (status, text) = status(refusal);
                return plain(status, &text);
            }
        }
    }
    let is_on = |name| asked.request.query(name).as_deref() == Some("1");
    let (clean, numbers) = (is_on("cs"), is_on("qos"));
    let node = asked.node().clone();
    let id = ConnectionId::new(uuid::Uuid::new_v4().to_string());
    let peer = asked.peer(id, Arc::default());
    let downlink = Arc::new(Packeted { numbers });
    let attach = Attach {
        bare: true,
        ..attach(&asked, peer.clone(), Vec::new(), Vec::new(), downlink)
    };
    let head = asked.head.clone();
    let mut response = switch(&head, upgrade, move |socket| async move {
        let (socket, read) = socket?;
        if node.is_leaving() {
            transport::refuse(socket).await;
            return None;
        }
        let attached = node.registry.attach(attach, Start::End, false);
        let opened = opened(&asked, attached, peer.clone());
        lifetime::take_over(&node, &peer, &opened.connection).await;
        // The request holds the server, which must not live as long as a socket does.
        drop(asked);
        Some(packets::serve(socket, read, clean, opened))
    });
    if let Some(name) = name {
        let headers = response.headers_mut();
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, name);
    }
    response
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

/// Whether a request can become a WebSocket.
fn is_websocket(head: &Parts) -> bool {
    let has = |name, token: &str| {
        let values = head
            .headers
            .get_all(name)
            .into_iter()
            .filter_map(|value| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .any(|value| value.trim().eq_ignore_ascii_case(token))
    };
    head.method == Method::GET
        && has(header::UPGRADE, "websocket")
        && has(header::CONNECTION, "upgrade")
        && has(header::SEC_WEBSOCKET_VERSION, "13")
        && head.headers.contains_key(header::SEC_WEBSOCKET_KEY)
}

/// Answers 101 and serves the socket in a task of its own: `begin` has it, and gives what is done with it from then on. What
/// the beginning needs is let go with it, in a box.
fn switch<F, S>(
    head: &Parts,
    upgrade: OnUpgrade,
    begin: impl FnOnce(Option<Socket>) -> F + Send + 'static,
) -> Response<ResponseBody>
where
    F: Future<Output = Option<S>> + Send,
    S: Future<Output = ()> + Send,
{
    let key = head
        .headers
        .get(header::SEC_WEBSOCKET_KEY)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    let accept = HeaderValue::from_str(&derive_accept_key(key));
    // The socket counts for its address as long as it is there.
    let ticket = head.extensions.get::<Arc<Ticket>>().cloned();
    let begun = Box::pin(async move {
        let socket = upgrade.await.ok().map(|upgraded| {
            match upgraded.downcast::<TokioIo<TcpStream>>() {
                // The bare socket: hyper's own buffers go, and reads and writes are direct.
                Ok(parts) => (
                    Box::new(parts.io.into_inner()) as Box<dyn Io>,
                    parts.read_buf.to_vec(),
                ),
                Err(upgraded) => boxed(upgraded),
            }
        });
        begin(socket).await.map(Box::pin)
    });
    tokio::spawn(async move {
        let serving = begun.await;
        if let Some(serving) = serving {
            serving.await;
        }
        drop(ticket);
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

/// The same for a socket on a shared port; any other is read and written through hyper.
fn boxed(upgraded: Upgraded) -> Socket {
    match upgraded.downcast::<TokioIo<Begun<TcpStream>>>() {
        Ok(parts) => (Box::new(parts.io.into_inner()), parts.read_buf.to_vec()),
        Err(upgraded) => (Box::new(TokioIo::new(upgraded)), Vec::new()),
    }
}

trait Io: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send {}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send> Io for S {}
