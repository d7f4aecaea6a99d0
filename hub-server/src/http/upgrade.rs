//! Upgrades to a WebSocket, with a connection token and without.

use std::future::{Future, Ready};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::poll_immediate;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use hub_core::{ConnectionId, Start, XSockets};
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::admit::{reachable, status};
use super::asked::Asked;
use super::receive::{Refused, attach, opened, place, start_of};
use super::reply::{ResponseBody, later, plain};
use super::switched::Switched;
use crate::connection::lifetime::{self, Event};
use crate::connection::link::{Attach, End};
use crate::door::Ticket;
use crate::mount::Mount;
use crate::transport::websocket::{self as transport, WebSocket};
use crate::transport::xsockets::{self as packets, Packeted};

/// A WebSocket with a connection token: the first one, or one that comes back.
pub(crate) async fn websocket(mut asked: Asked, id: ConnectionId) -> Response<ResponseBody> {
    let upgrade = Upgrade::of(&mut asked).filter(|_| is_websocket(&asked.head));
    let Some(upgrade) = upgrade else {
        return plain(StatusCode::BAD_REQUEST, "Not a valid web socket request.");
    };
    let Ok(start) = start_of(&asked).await else {
        return upgrade.refuse();
    };
    match place(&asked, id, start, Arc::new(WebSocket(asked.speaks())), true).await {
        Err(Refused) => upgrade.refuse(),
        Ok(opened) => upgrade.switch(|socket| async {
            let Some(socket) = socket else {
                lifetime::detach(&opened.node, &opened.connection, opened.request, false);
                return None;
            };
            Some(transport::serve(socket, opened))
        }),
    }
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
    let Some(upgrade) = Upgrade::of(&mut asked) else {
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
    upgrade.switch(move |socket| async move {
        let mut socket = socket?;
        let attached = node.registry.attach(attach, Start::End, true);
        let opened = opened(&asked, attached, peer.clone());
        // The request holds the server, which must not live as long as a socket does.
        drop(asked);
        let begins = async {
            lifetime::take_over(&node, &peer, &opened.connection).await;
            // Another one may have taken over meanwhile, and the hubs have heard of the end.
            match opened.connection.ended.load(Ordering::Acquire) {
                true => Ok(()),
                false => lifetime::tell(&node, &peer, &hubs, Event::Connected).await,
            }
        };
        let mut begins = Box::pin(begins);
        let begun = match poll_immediate(&mut begins).await {
            Some(begun) => begun,
            None => {
                // The client is not kept waiting for hubs that take their time. If it is gone, reading tells.
                let _ = socket.settle().await;
                begins.as_mut().await
            }
        };
        drop(begins);
        if begun.is_err() {
            tracing::warn!(connection = %peer.id, "on_connected failed");
            opened.connection.link().finish(End::Over);
        }
        Some(transport::serve(socket, opened))
    })
}

/// How a client spells the sub-protocol of XSockets, if it asks for that and the mount speaks it.
fn sub_protocol(mount: &Mount, head: &Parts) -> Option<HeaderValue> {
    let offers = head.headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL);
    if !offers || !mount.xsockets || mount.connection.is_some() || !is_websocket(head) {
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
    let Some(upgrade) = Upgrade::of(&mut asked) else {
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
    let mut response = upgrade.switch(move |socket| async move {
        let mut socket = socket?;
        if node.is_leaving() {
            transport::refuse(socket).await;
            return None;
        }
        // Its hubs are opened by what it says.
        let _ = socket.settle().await;
        let attached = node.registry.attach(attach, Start::End, false);
        let opened = opened(&asked, attached, peer.clone());
        lifetime::take_over(&node, &peer, &opened.connection).await;
        // The request holds the server, which must not live as long as a socket does.
        drop(asked);
        Some(packets::serve(socket, clean, opened))
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

/// What the answer to an upgrade needs of its request.
struct Upgrade {
    upgrade: OnUpgrade,
    accept: Option<HeaderValue>,
    /// The socket counts for its address as long as it is there.
    ticket: Option<Arc<Ticket>>,
}

impl Upgrade {
    /// `None` if the connection can't be upgraded.
    fn of(asked: &mut Asked) -> Option<Self> {
        let upgrade = asked.upgrade.take()?;
        let key = asked.head.headers.get(header::SEC_WEBSOCKET_KEY);
        let accept = derive_accept_key(key.map(HeaderValue::as_bytes).unwrap_or_default());
        Some(Self {
            upgrade,
            accept: HeaderValue::from_str(&accept).ok(),
            ticket: asked.head.extensions.get::<Arc<Ticket>>().cloned(),
        })
    }

    /// Answers 101 and serves the socket in a task of its own: `begin` has it, and gives what is done with it from then on. What
    /// the beginning needs is let go with it, in a box.
    fn switch<F, S>(
        self,
        begin: impl FnOnce(Option<Switched>) -> F + Send + 'static,
    ) -> Response<ResponseBody>
    where
        F: Future<Output = Option<S>> + Send,
        S: Future<Output = ()> + Send,
    {
        let Self {
            upgrade,
            accept,
            ticket,
        } = self;
        let begun = Box::pin(async move {
            let socket = upgrade.await.ok().map(Switched::of);
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
        if let Some(accept) = accept {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        response
    }

    /// A socket that is closed at once (`classic-signalr.md` 2.5 row 14, 10.3).
    fn refuse(self) -> Response<ResponseBody> {
        self.switch(|socket| async {
            if let Some(socket) = socket {
                transport::refuse(socket).await;
            }
            None::<Ready<()>>
        })
    }
}
