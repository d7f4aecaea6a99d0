//! [`HubService`]: a `tower_service::Service` that answers every request of a mount, in the order of checks that
//! `classic-signalr.md` 2.5 fixes.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::request::Parts;
use http::{HeaderValue, Request as HttpRequest, Response, StatusCode, header};
use http_body::Body;
use hub_core::{BoxFuture, ConnectionId, Outlet, Request};
use hyper::upgrade::OnUpgrade;
use tower_service::Service;

use super::admit::{admitted, has_place, persistent_id};
use super::asked::{Asked, Unread, unread};
use super::jsonp::is_callback;
use super::negotiate::{Negotiation, url_of};
use super::query::{Receive, Verb, below, clamp_version, listed_hubs, request_of};
use super::reply::{ResponseBody, javascript, json, later, plain, typed};
use super::token::BadToken;
use super::{proxies, receive, send, upgrade};
use crate::config::Transport;
use crate::connection::lifetime;
#[cfg(feature = "dashboard")]
use crate::dashboard;
use crate::node::Node;
use crate::readiness::{Readiness, is_asked, is_ready};
use crate::server::{Running, Served};
use crate::shutdown::{self, ShutdownOptions, ShutdownReport};

/// The server as a tower service: mount it in axum (`Router::fallback_service` or `route_service`) or hyper, with any
/// layer around it. Requests outside of its path are answered 404. Cheap to clone; the server stops with the last clone.
///
/// WebSockets need a hyper server whose connections are served `with_upgrades`, which axum's are.
#[derive(Clone)]
pub struct HubService {
    pub(crate) running: Arc<Running>,
}

impl HubService {
    /// Lets the clients go at once, for a host that stops: long polls are answered with `T:1`, WebSockets are closed, streams
    /// end, and requests that come later are told the same. No hub hears of it. What waits for slow readers is theirs when
    /// they come back, if the log still has it, and what clients with a persistent id have had lately is not written down:
    /// prefer [`shutdown_gracefully`](Self::shutdown_gracefully).
    pub fn shutdown(&self) {
        self.running.leave();
    }

    /// Lets the clients go as [`Bound::with_graceful_shutdown`](crate::Bound::with_graceful_shutdown) does, for a host that goes
    /// on taking sockets meanwhile: clients that are yet to be told come with new ones. Let the host stop when this is done.
    ///
    /// ```no_run
    /// # async fn run(service: hub_server::HubService, signal: impl Future<Output = ()>) {
    /// use hub_server::ShutdownOptions;
    ///
    /// // axum::serve(listener, app).with_graceful_shutdown(stop)
    /// let stop = async move {
    ///     signal.await;
    ///     println!("{}", service.shutdown_gracefully(ShutdownOptions::default()).await);
    /// };
    /// # stop.await
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// When it is dropped before it is ready, the server takes on nobody and tells nobody else: call
    /// [`shutdown`](Self::shutdown).
    pub async fn shutdown_gracefully(&self, options: ShutdownOptions) -> ShutdownReport {
        let report = shutdown::run(&self.running.node, &options).await;
        self.running.leave();
        report
    }

    /// Whether the server takes on clients, for a load balancer that asks.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        Readiness::of(&self.running.node)
    }
}

impl std::fmt::Debug for HubService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubService")
            .field("mounts", &self.running.mounts)
            .finish_non_exhaustive()
    }
}

impl<B> Service<HttpRequest<B>> for HubService
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<B>) -> Self::Future {
        let running = self.running.clone();
        let (mut head, body) = request.into_parts();
        let body = unread(body, running.node.config.max_body);
        Box::pin(async move {
            let upgrade = head.extensions.remove::<OnUpgrade>();
            Ok(answer(running, head, body, upgrade).await)
        })
    }
}

async fn answer(
    running: Arc<Running>,
    head: Parts,
    body: Unread,
    upgrade: Option<OnUpgrade>,
) -> Response<ResponseBody> {
    let request = request_of(&head);
    if is_asked(&running.node, &head.method, &request.path) {
        return match is_ready(&running.node) {
            true => plain(StatusCode::OK, "ready"),
            false => later(),
        };
    }
    #[cfg(feature = "dashboard")]
    if dashboard::is_asked(&running, &head.method, &request.path) {
        return dashboard::answer(&running, &head, &request).await;
    }
    let matching = running
        .mounts
        .iter()
        .find_map(|served| Some((served.clone(), below(&served.mount.path, &request.path)?)));
    // Clients of XSockets know no path.
    let at_root = || {
        let mut mounts = running.mounts.iter().filter(|_| request.path == "/");
        let served = mounts.find(|served| upgrade::is_xsockets(&served.mount, &head))?;
        Some((served.clone(), ""))
    };
    let Some((served, rest)) = matching.or_else(at_root) else {
        return plain(StatusCode::NOT_FOUND, "");
    };
    let mount = &served.mount;
    let rest = rest.to_owned();
    let callback = request.query("callback").filter(|name| !name.is_empty());
    if callback.is_some() && !mount.jsonp {
        let mut refused = plain(StatusCode::FORBIDDEN, "");
        let reason = hyper::ext::ReasonPhrase::from_static(b"Forbidden: JSONP is disabled.");
        refused.extensions_mut().insert(reason);
        return refused;
    }
    let authenticate = mount.authenticate.as_ref().unwrap_or(&running.authenticate);
    nosniff(match authenticate.authenticate(&head).await {
        Err(unauthenticated) => unauthenticated.answer(),
        Ok(identity) => {
            let listed = match listed(&running.node, &served, &request) {
                Ok(listed) => listed,
                Err(text) => return plain(StatusCode::INTERNAL_SERVER_ERROR, &text),
            };
            let node = &running.node;
            let hubs = match admitted(node, &served, listed, &request, &identity).await {
                Ok(hubs) => hubs,
                Err(status) => return nosniff(plain(status, "")),
            };
            match persistent_id(node, &served, &request, &identity).await {
                Err((status, text)) => plain(status, &text),
                Ok(persistent_id) => {
                    let asked = Asked {
                        served: served.clone(),
                        running,
                        head,
                        request: Arc::new(request),
                        identity,
                        persistent_id,
                        hubs,
                        upgrade,
                        callback,
                        form: Vec::new(),
                    };
                    route(asked, body, &rest).await
                }
            }
        }
    })
}

fn nosniff(mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// The hubs that a request lists, by index.
fn listed(node: &Node, served: &Served, request: &Request) -> Result<Option<Vec<usize>>, String> {
    if let Some(connection) = served.connection {
        return Ok(Some(vec![connection]));
    }
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

async fn route(asked: Asked, body: Unread, rest: &str) -> Response<ResponseBody> {
    let mut verb = Verb::of(&asked.request.path);
    if asked.mount().connection.is_some() && matches!(verb, Verb::Script | Verb::HubJs) {
        // Scripts are of hubs.
        verb = Verb::Receive(Receive::Other);
    }
    let names_callback = asked.callback.as_deref().is_none_or(is_callback);
    match verb {
        Verb::Script => return script(&asked, rest),
        Verb::HubJs => return javascript(proxies::HUB_JS.clone()),
        _ if !names_callback => return plain(StatusCode::INTERNAL_SERVER_ERROR, BAD_CALLBACK),
        Verb::Negotiate => return negotiate(&asked, rest),
        Verb::Ping => return json(&asked, "{ \"Response\": \"pong\" }".into()),
        Verb::Start | Verb::Abort | Verb::Send | Verb::Receive(_) => {}
    }
    let name = asked.request.query("transport");
    let token = asked.request.query("connectionToken");
    let token = token.filter(|token| !token.is_empty());
    let receives = matches!(verb, Verb::Receive(_));
    if receives && upgrade::is_xsockets(asked.mount(), &asked.head) {
        return upgrade::xsockets(asked).await;
    }
    if receives && name.is_none() && token.is_none() && upgrade::may_be_bare(&asked) {
        return upgrade::bare(asked).await;
    }
    let known = |name: String| {
        let mut transports = asked.node().config.transports.iter().copied();
        transports.find(|transport| transport.name().eq_ignore_ascii_case(&name))
    };
    let Some(transport) = name.and_then(known) else {
        return plain(
            StatusCode::BAD_REQUEST,
            "Protocol error: Unknown transport.",
        );
    };
    let Some(token) = token else {
        return plain(
            StatusCode::BAD_REQUEST,
            "Protocol error: Missing connection token.",
        );
    };
    let user = asked.identity.name.as_deref();
    let id = match asked.running.tokens.open_connection(&token, user) {
        Ok(id) => id,
        Err(BadToken::Malformed) => {
            return plain(
                StatusCode::BAD_REQUEST,
                "The ConnectionId is in the incorrect format.",
            );
        }
        Err(BadToken::OtherUser) => return plain(StatusCode::FORBIDDEN, OTHER_USER),
    };
    // A goodbye is heard whoever has taken over (`classic-signalr.md` 15.39).
    if verb != Verb::Abort && asked.node().owners.is_taken(&id) {
        return plain(StatusCode::FORBIDDEN, TAKEN_OVER);
    }
    if let Verb::Receive(receive) = verb
        && !has_place(asked.node(), &id, receive, transport)
    {
        return later();
    }
    match (verb, transport) {
        (Verb::Start, _) => return start(&asked, id).await,
        (Verb::Abort, _) => return abort(&asked, id).await,
        (_, Transport::WebSockets) => return upgrade::websocket(asked, id).await,
        _ => {}
    }
    let asked = match body.await {
        Ok(body) => asked.with_form(&body),
        Err(status) => return plain(status, ""),
    };
    match verb {
        Verb::Send => send::send(asked, id, transport).await,
        _ => receive::stream(asked, id, transport).await,
    }
}

const BAD_CALLBACK: &str = "The callback is no name of a function.";

const TAKEN_OVER: &str = "Another connection with the same persistentId has taken over.";

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
    let decide = asked.mount().on_negotiate.as_ref();
    let decided = decide.map(|decide| decide(&asked.request, &asked.identity));
    if let Some(answer) = decided.and_then(|decided| decided.elsewhere()) {
        return json(asked, answer);
    }
    if !asked.node().admits() {
        return later();
    }
    let id = ConnectionId::new(uuid::Uuid::new_v4().to_string());
    let token = asked
        .running
        .tokens
        .connection(&id, asked.identity.name.as_deref());
    let (_, version) = clamp_version(asked.request.query("clientProtocol").as_deref());
    let url = url_of(&asked.mount().path, rest);
    let answer = Negotiation::new(&asked.node().config, &url, &token, id.as_str(), &version);
    json(asked, serde_json::to_string(&answer).unwrap_or_default())
}

/// Runs `on_connected`, then answers. Not idempotent, and it does not ask whether there was a connect
/// (`classic-signalr.md` 7.3).
async fn start(asked: &Asked, id: ConnectionId) -> Response<ResponseBody> {
    let items = asked.items(&id);
    let peer = asked.peer(id, items);
    match lifetime::connected(asked.node(), &peer, asked.listed()).await {
        Ok(()) => json(asked, "{ \"Response\": \"started\" }".into()),
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
    typed(Vec::new(), "text/plain")
}
