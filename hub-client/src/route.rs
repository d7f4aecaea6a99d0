//! Where the requests of one connection go and what each carries (`classic-signalr.md` 2.3): the [`Site`] that the
//! application or a redirect named, and the [`Route`] of a connection that was negotiated there.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use hub_core::BoxFuture;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::address::{Address, Query};
use crate::error::ConnectError;
use crate::http::{Agent, Ask, SMALL, unreachable, whole, within};
use crate::negotiate::CLIENT_PROTOCOL;
use crate::tokens::{Tokens, bearer};
use crate::transport::long_polling::{Answer, LongPolling};
use crate::transport::server_sent_events::ServerSentEvents;
use crate::transport::websocket::WebSocket;
use crate::transport::{Link, Place, Transport};

/// Asks a server of ours to say where events stand and what is missing. Others don't mind (`classic-signalr.md` 2.3).
const TAGS: (&str, &str) = ("tags", "1");

/// A poll that is not refused for so long has been accepted, even if the head of its answer is held back on the way.
const ACCEPTED: Duration = Duration::from_secs(2);

/// What a client takes and waits for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Of a frame, in bytes.
    pub(crate) frame: usize,
    /// For an answer that a server gives at once.
    pub(crate) http: Duration,
    /// For an answer to a poll.
    pub(crate) poll: Duration,
}

/// What a link begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verb {
    /// It is the first one.
    Connect,
    /// There was one before.
    Reconnect,
}

/// Whether the protocol has a query parameter of this name itself, whatever its case. Sent twice, it would mean nothing.
pub(crate) fn is_own(name: &str) -> bool {
    const OWN: [&str; 7] = [
        "transport",
        "clientProtocol",
        "connectionToken",
        "connectionData",
        "messageId",
        "groupsToken",
        TAGS.0,
    ];
    OWN.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// A mount, as its clients address it.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) agent: Agent,
    pub(crate) address: Address,
    /// The user's query string, encoded; or that of the last redirect.
    pub(crate) extra: Query,
    pub(crate) headers: HeaderMap,
    /// Where the application's bearer token comes from.
    pub(crate) tokens: Option<Arc<Tokens>>,
    /// The JSON array of hubs.
    pub(crate) data: String,
}

/// A request to a site.
struct Request {
    /// How errors name it, and the end of its path.
    verb: &'static str,
    method: Method,
    query: Query,
    form: Option<Bytes>,
    allowed: Option<Duration>,
}

impl Site {
    /// Where a redirect leads. Its query string replaces the user's and is never merged with it; without one, the user's
    /// own comes back. An access token replaces an earlier one, and any `Authorization` header of the user.
    pub(crate) fn redirected(
        &self,
        user: &Query,
        url: &str,
        token: Option<&str>,
    ) -> Result<Self, ConnectError> {
        let (address, extra) = match url.split_once('?') {
            Some((address, query)) => (address, Query::default().encoded(query)),
            None => (url, user.clone()),
        };
        let mut site = Self {
            address: Address::parse(address)?,
            extra,
            ..self.clone()
        };
        if let Some(token) = token {
            site.headers.insert(header::AUTHORIZATION, bearer(token)?);
            site.tokens = None;
        }
        Ok(site)
    }

    /// Asks for a connection.
    pub(crate) async fn negotiate(&self, allowed: Duration) -> Result<Bytes, ConnectError> {
        let query = Query::default()
            .pair("clientProtocol", CLIENT_PROTOCOL)
            .pair("connectionData", &self.data)
            .pair(TAGS.0, TAGS.1)
            .encoded(self.extra.as_str());
        let request = Request {
            verb: "negotiate",
            method: Method::GET,
            query,
            form: None,
            allowed: Some(allowed),
        };
        self.fetch(&request, SMALL).await
    }

    async fn fetch(&self, request: &Request, limit: usize) -> Result<Bytes, ConnectError> {
        let fetch =
            |headers| async move { self.agent.fetch(self.ask(request, headers), limit).await };
        self.authorised(fetch).await
    }

    async fn stream(&self, request: &Request) -> Result<Incoming, ConnectError> {
        let stream = |mut headers: HeaderMap| async move {
            if request.method == Method::GET {
                let events = HeaderValue::from_static("text/event-stream");
                headers.entry(header::ACCEPT).or_insert(events);
            }
            self.agent.stream(self.ask(request, headers)).await
        };
        self.authorised(stream).await
    }

    fn ask(&self, request: &Request, headers: HeaderMap) -> Ask<'_> {
        Ask {
            name: request.verb,
            method: request.method.clone(),
            address: &self.address,
            target: self.address.target(request.verb, &request.query),
            headers,
            form: request.form.clone(),
            allowed: request.allowed,
        }
    }

    /// Does `work` with the headers of every request, once more with another token if the server refuses the first.
    async fn authorised<T, W>(&self, work: impl Fn(HeaderMap) -> W) -> Result<T, ConnectError>
    where
        W: Future<Output = Result<T, ConnectError>>,
    {
        let Some(tokens) = &self.tokens else {
            return work(self.headers.clone()).await;
        };
        let headers = tokens.add_to(&self.headers, None).await?;
        match work(headers.clone()).await {
            Err(ConnectError::Refused { status: 401, .. }) => {
                work(tokens.add_to(&self.headers, Some(&headers)).await?).await
            }
            done => done,
        }
    }
}

/// A negotiated connection's requests, as one transport makes them.
pub(crate) struct Route {
    pub(crate) site: Site,
    /// The connection token.
    pub(crate) token: String,
    pub(crate) transport: Transport,
}

impl Route {
    /// Opens a link that goes on after `place`.
    pub(crate) async fn open(
        self: &Arc<Self>,
        verb: Verb,
        place: Place<'_>,
        limits: Limits,
    ) -> Result<Box<dyn Link>, ConnectError> {
        Ok(match self.transport {
            Transport::WebSockets => Box::new(self.web_socket(verb, place, limits).await?),
            Transport::ServerSentEvents => {
                let query = self.query(Some(place));
                let request = self.request(verb.name(), Method::GET, query, Some(limits.http));
                let body = self.site.stream(&request).await?;
                Box::new(ServerSentEvents::new(body, limits.frame))
            }
            Transport::LongPolling => {
                let mut head = self.turn(verb.name(), place, limits);
                let answer = match timeout(ACCEPTED, &mut head).await {
                    Ok(body) => {
                        let body = body?;
                        self.rest(async { Ok(body) }, limits)
                    }
                    Err(_) => self.rest(head, limits),
                };
                Box::new(LongPolling::new(self.clone(), limits, answer))
            }
        })
    }

    /// Asks for what comes after `place`, and waits for it.
    pub(crate) fn poll(self: &Arc<Self>, place: Place<'_>, limits: Limits) -> Answer {
        self.rest(self.turn("poll", place, limits), limits)
    }

    /// Begins a turn, up to the head of its answer.
    fn turn(
        self: &Arc<Self>,
        verb: &'static str,
        (cursor, groups): Place<'_>,
        limits: Limits,
    ) -> BoxFuture<'static, Result<Incoming, ConnectError>> {
        // In a form: what many groups make of a token is longer than servers take a URL to be.
        let form = Query::default()
            .maybe("messageId", cursor)
            .maybe("groupsToken", groups);
        let mut request = self.request(verb, Method::POST, self.query(None), Some(limits.poll));
        request.form = Some(form.into_bytes());
        let route = self.clone();
        Box::pin(async move { route.site.stream(&request).await })
    }

    /// Waits for the rest.
    fn rest(
        self: &Arc<Self>,
        head: impl Future<Output = Result<Incoming, ConnectError>> + Send + 'static,
        limits: Limits,
    ) -> Answer {
        let route = self.clone();
        Box::pin(async move {
            let body = within("poll", Some(limits.poll), async {
                let body = whole(head.await?, limits.frame).await;
                body.map_err(|error| unreachable(&route.site.address, error))
            });
            body.await
        })
    }

    /// Sends a frame; the answer is another one, or nothing.
    pub(crate) async fn send(&self, frame: &str, limits: Limits) -> Result<Bytes, ConnectError> {
        let form = Query::default().pair("data", frame).into_bytes();
        let mut request = self.request("send", Method::POST, self.query(None), None);
        request.form = Some(form);
        self.site.fetch(&request, limits.frame).await
    }

    /// Completes the start: the server runs its hubs' `connected` before it answers.
    pub(crate) async fn start(&self, allowed: Duration) -> Result<Bytes, ConnectError> {
        let request = self.request("start", Method::GET, self.query(None), Some(allowed));
        self.site.fetch(&request, SMALL).await
    }

    /// Tells the server that this client will not come back. Best effort.
    pub(crate) async fn abort(&self, allowed: Duration) {
        let request = self.request("abort", Method::POST, self.query(None), Some(allowed));
        // Once more if it was the connection, which may have waited too long.
        for _ in 0..2 {
            match self.site.fetch(&request, SMALL).await {
                Ok(_) => return,
                Err(error) => {
                    tracing::debug!(%error, "abort was not answered");
                    if !matches!(error, ConnectError::Unreachable { .. }) {
                        return;
                    }
                    self.site.agent.renew();
                }
            }
        }
    }

    async fn web_socket(
        &self,
        verb: Verb,
        place: Place<'_>,
        limits: Limits,
    ) -> Result<WebSocket, ConnectError> {
        let site = &self.site;
        let target = &site.address.target(verb.name(), &self.query(Some(place)));
        let open = |headers: HeaderMap| async move {
            WebSocket::open(&site.address, target, &headers, &site.agent, limits.frame).await
        };
        site.authorised(open).await
    }

    fn request(
        &self,
        verb: &'static str,
        method: Method,
        query: Query,
        allowed: Option<Duration>,
    ) -> Request {
        Request {
            verb,
            method,
            query,
            form: None,
            allowed,
        }
    }

    fn query(&self, place: Option<Place<'_>>) -> Query {
        let (cursor, groups) = place.unwrap_or_default();
        Query::default()
            .pair("transport", self.transport.name())
            .pair("clientProtocol", CLIENT_PROTOCOL)
            .pair("connectionData", &self.site.data)
            .pair("connectionToken", &self.token)
            .pair(TAGS.0, TAGS.1)
            .maybe("messageId", cursor)
            .maybe("groupsToken", groups)
            .encoded(self.site.extra.as_str())
    }
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Reconnect => "reconnect",
        }
    }
}
