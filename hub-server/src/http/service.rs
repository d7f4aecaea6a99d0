//! [`HubService`]: a `tower_service::Service` that answers every request of a mount, in the order of checks that
//! `classic-signalr.md` 2.5 fixes.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request as HttpRequest, Response, StatusCode, header};
use http_body_util::Full;
use hub_core::{BoxFuture, ConnectionId, Identity, Items, Outlet, Peer, Request};
use hyper::upgrade::OnUpgrade;
use tower_service::Service;

use super::negotiate::{Negotiation, url_of};
use super::query::{Verb, below, clamp_version, listed_hubs, request_of};
use super::token::BadToken;
use super::{proxies, receive};
use crate::config::Mount;
use crate::connection::lifetime;
use crate::node::Node;
use crate::server::Running;

/// The body of an answer.
pub type ResponseBody = Full<Bytes>;

/// The server as a tower service: mount it in axum (`Router::fallback_service` or `route_service`) or hyper, with any
/// layer around it. Requests outside of its path are answered 404. Cheap to clone; the server stops with the last clone.
///
/// WebSockets need a hyper server whose connections are served `with_upgrades`, which axum's are.
#[derive(Clone)]
pub struct HubService {
    pub(crate) running: Arc<Running>,
}

impl std::fmt::Debug for HubService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubService")
            .field("path", &self.running.mount.path)
            .finish_non_exhaustive()
    }
}

impl<B: Send + 'static> Service<HttpRequest<B>> for HubService {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<B>) -> Self::Future {
        let running = self.running.clone();
        let (mut head, body) = request.into_parts();
        // Nothing is in a body that this server wants to know.
        drop(body);
        Box::pin(async move {
            let upgrade = head.extensions.remove::<OnUpgrade>();
            Ok(answer(running, head, upgrade).await)
        })
    }
}

/// A request past the checks that all have in common.
pub(crate) struct Asked {
    pub(crate) running: Arc<Running>,
    pub(crate) head: Parts,
    pub(crate) request: Request,
    pub(crate) identity: Identity,
    /// Indexes of the hubs it listed, `None` without a list.
    pub(crate) hubs: Option<Vec<usize>>,
    pub(crate) upgrade: Option<OnUpgrade>,
}

impl Asked {
    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.running.node
    }

    pub(crate) fn mount(&self) -> &Mount {
        &self.running.mount
    }

    pub(crate) fn listed(&self) -> Vec<usize> {
        self.hubs.clone().unwrap_or_default()
    }

    /// The caller of `on_connected` and of everything that comes on this request.
    pub(crate) fn peer(&self, id: ConnectionId, items: Arc<Items>) -> Arc<Peer> {
        let outlet = self.node().clone();
        Arc::new(Peer {
            id,
            identity: self.identity.clone(),
            request: self.request.clone(),
            items,
            outlet,
        })
    }
}

async fn answer(
    running: Arc<Running>,
    head: Parts,
    upgrade: Option<OnUpgrade>,
) -> Response<ResponseBody> {
    let request = request_of(&head);
    let Some(rest) = below(&running.mount.path, &request.path) else {
        return plain(StatusCode::NOT_FOUND, "");
    };
    let rest = rest.to_owned();
    if request
        .query("callback")
        .is_some_and(|callback| !callback.is_empty())
    {
        let mut refused = plain(StatusCode::FORBIDDEN, "");
        let reason = hyper::ext::ReasonPhrase::from_static(b"Forbidden: JSONP is disabled.");
        refused.extensions_mut().insert(reason);
        return refused;
    }
    let mut response = match running.authenticate.authenticate(&head).await {
        Err(status) => plain(status, ""),
        Ok(identity) => {
            let hubs = match listed(&running.node, &request) {
                Ok(hubs) => hubs,
                Err(text) => return plain(StatusCode::INTERNAL_SERVER_ERROR, &text),
            };
            route(
                Asked {
                    running,
                    head,
                    request,
                    identity,
                    hubs,
                    upgrade,
                },
                &rest,
            )
            .await
        }
    };
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// The hubs that a request lists, by index.
fn listed(node: &Node, request: &Request) -> Result<Option<Vec<usize>>, String> {
    let Ok(names) = listed_hubs(request.query("connectionData").as_deref()) else {
        return Err("connectionData is not a list of hubs".into());
    };
    let Some(names) = names else { return Ok(None) };
    let mut hubs = Vec::with_capacity(names.len());
    for name in names {
        match node.hubs.index_of(&name) {
            None => return Err(format!("'{name}' Hub could not be resolved.")),
            Some(hub) if hubs.contains(&hub) => return Err("Duplicate Hub names found.".into()),
            Some(hub) => hubs.push(hub),
        }
    }
    Ok(Some(hubs))
}

async fn route(asked: Asked, rest: &str) -> Response<ResponseBody> {
    match Verb::of(&asked.request.path) {
        Verb::Script => return script(&asked, rest),
        Verb::HubJs => return javascript(proxies::HUB_JS.to_owned()),
        Verb::Negotiate => return negotiate(&asked, rest),
        Verb::Ping => return json("{ \"Response\": \"pong\" }".into()),
        Verb::Start | Verb::Abort | Verb::Receive { .. } => {}
    }
    let transport = asked.request.query("transport");
    let token = asked
        .request
        .query("connectionToken")
        .filter(|token| !token.is_empty());
    let bare = asked.mount().bare_websockets
        && is_websocket(&asked.head)
        && transport.is_none()
        && token.is_none();
    if bare && matches!(Verb::of(&asked.request.path), Verb::Receive { .. }) {
        return receive::bare(asked);
    }
    if !transport.is_some_and(|name| name.eq_ignore_ascii_case("webSockets")) {
        return plain(
            StatusCode::BAD_REQUEST,
            "Protocol error: Unknown transport.",
        );
    }
    let Some(token) = token else {
        return plain(
            StatusCode::BAD_REQUEST,
            "Protocol error: Missing connection token.",
        );
    };
    let id = match asked
        .running
        .tokens
        .open_connection(&token, asked.identity.name.as_deref())
    {
        Ok(id) => id,
        Err(BadToken::Malformed) => {
            return plain(
                StatusCode::BAD_REQUEST,
                "The ConnectionId is in the incorrect format.",
            );
        }
        Err(BadToken::OtherUser) => return plain(StatusCode::FORBIDDEN, OTHER_USER),
    };
    match Verb::of(&asked.request.path) {
        Verb::Start => start(&asked, id).await,
        Verb::Abort => abort(&asked, id).await,
        Verb::Receive { connect } => receive::websocket(asked, id, connect).await,
        Verb::Script | Verb::HubJs | Verb::Negotiate | Verb::Ping => {
            plain(StatusCode::NOT_FOUND, "")
        }
    }
}

const OTHER_USER: &str = "Unrecognized user identity.  The user identity cannot change during an active SignalR connection.";

fn script(asked: &Asked, rest: &str) -> Response<ResponseBody> {
    if !asked.mount().javascript_proxies {
        return javascript(proxies::DISABLED.to_owned());
    }
    let path = url_of(&asked.mount().path, rest);
    let path = path.trim_end_matches('/');
    let url = path
        .rfind('/')
        .and_then(|slash| path.get(..slash))
        .unwrap_or_default();
    javascript(proxies::script(&asked.node().hubs, url))
}

fn negotiate(asked: &Asked, rest: &str) -> Response<ResponseBody> {
    let id = ConnectionId::new(uuid::Uuid::new_v4().to_string());
    let token = asked
        .running
        .tokens
        .connection(&id, asked.identity.name.as_deref());
    let (_, version) = clamp_version(asked.request.query("clientProtocol").as_deref());
    let url = url_of(&asked.mount().path, rest);
    let answer = Negotiation::new(&asked.node().config, &url, &token, id.as_str(), &version);
    json(serde_json::to_string(&answer).unwrap_or_default())
}

/// Runs `on_connected`, then answers. Not idempotent, and it does not ask whether there was a connect
/// (`classic-signalr.md` 7.3).
async fn start(asked: &Asked, id: ConnectionId) -> Response<ResponseBody> {
    let items = asked
        .node()
        .registry
        .find(&id)
        .map(|connection| connection.items.clone());
    let peer = asked.peer(id, items.unwrap_or_default());
    match lifetime::connected(asked.node(), &peer, asked.listed()).await {
        Ok(()) => json("{ \"Response\": \"started\" }".into()),
        Err(error) => {
            tracing::warn!(connection = %peer.id, "on_connected failed");
            tracing::debug!(connection = %peer.id, %error, "on_connected failed");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "")
        }
    }
}

/// Answers at once, also for connections that nobody knows.
async fn abort(asked: &Asked, id: ConnectionId) -> Response<ResponseBody> {
    if let Err(error) = asked.node().abort(&id).await {
        tracing::warn!(connection = %id, %error, "an abort was not written");
    }
    with_type(Vec::new(), "text/plain")
}

/// Whether a request can become a WebSocket.
pub(crate) fn is_websocket(head: &Parts) -> bool {
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

pub(crate) fn plain(status: StatusCode, text: &str) -> Response<ResponseBody> {
    let mut response = Response::new(Full::from(text.to_owned()));
    *response.status_mut() = status;
    response
}

fn json(text: String) -> Response<ResponseBody> {
    with_type(text.into_bytes(), "application/json; charset=UTF-8")
}

fn javascript(text: String) -> Response<ResponseBody> {
    with_type(text.into_bytes(), "application/javascript; charset=UTF-8")
}

fn with_type(body: Vec<u8>, content_type: &'static str) -> Response<ResponseBody> {
    let mut response = Response::new(Full::from(body));
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
