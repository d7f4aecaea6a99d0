//! [`Builder`]: what a connection needs to know before it begins.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use hub_core::EventRouter;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot, watch};

use crate::address::{Address, Query};
use crate::client::{Handle, HubClient};
use crate::driver::{self, Ends};
use crate::error::ConnectError;
use crate::events::Voice;
use crate::handlers::Handlers;
use crate::http::{Agent, Trust};
use crate::resync;
use crate::retry::RetryPolicy;
use crate::route::{Site, is_own};
use crate::tokens::{Source, Tokens};
use crate::transport::Transport;

/// Calls that wait for the socket; further callers wait for room.
const CALLS_WAITING: usize = 32;

/// What the driver knows of the application's wishes.
pub(crate) struct Settings {
    /// Where the application said the server is.
    pub(crate) site: Site,
    pub(crate) retry: RetryPolicy,
    pub(crate) connect_timeout: Duration,
    pub(crate) http_timeout: Duration,
    pub(crate) event_buffer: usize,
    pub(crate) max_frame: usize,
    /// In this order.
    pub(crate) transports: Vec<Transport>,
}

/// Describes a connection and makes it. [`HubClient::builder`] gives one.
#[must_use = "a builder does nothing before `connect`"]
pub struct Builder {
    url: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    trust: Trust,
    hubs: Vec<String>,
    handlers: Arc<Handlers>,
    retry: RetryPolicy,
    connect_timeout: Duration,
    http_timeout: Duration,
    event_buffer: usize,
    max_frame: usize,
    transports: Vec<Transport>,
    tokens: Option<Source>,
}

impl Builder {
    pub(crate) fn new(url: String) -> Self {
        Self {
            url,
            query: Vec::new(),
            headers: Vec::new(),
            trust: Trust::default(),
            hubs: Vec::new(),
            handlers: Arc::default(),
            retry: RetryPolicy::default(),
            connect_timeout: Duration::ZERO,
            http_timeout: Duration::from_secs(100),
            event_buffer: 256,
            max_frame: 16 * 1024 * 1024,
            transports: Transport::ALL.to_vec(),
            tokens: None,
        }
    }

    /// Listens to a hub. The server delivers events, lets groups be rejoined and says `connected` only for the hubs
    /// that are named here or by [`events`](Self::events) or [`on`](Self::on); methods can be called of any. A name that
    /// the server doesn't know makes it refuse the connection.
    pub fn hub(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        // The server refuses a hub that is named twice.
        if !self.hubs.iter().any(|hub| hub.eq_ignore_ascii_case(&name)) {
            self.hubs.push(name);
        }
        self
    }

    /// Listens to `hub` with the callbacks of `router`, which `#[hub_client]` makes of a trait:
    /// `.events("chat", ChatClientEvents(handler))`.
    pub fn events(self, hub: &str, router: impl EventRouter) -> Self {
        self.handlers.route(hub, router);
        self.hub(hub)
    }

    /// Listens to `hub` with a callback, for as long as the client lives; see [`HubClient::on`].
    pub fn on<A, F, Fut>(self, hub: &str, method: &str, callback: F) -> Self
    where
        A: DeserializeOwned,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.handlers.on(hub, method, callback).keep();
        self.hub(hub)
    }

    /// Listens to `hub` with a callback whose value goes back to a sender that waits for it; see [`HubClient::on_ask`].
    pub fn on_ask<A, R, F, Fut>(self, hub: &str, method: &str, callback: F) -> Self
    where
        A: DeserializeOwned,
        R: Serialize,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, String>> + Send + 'static,
    {
        self.handlers.on_ask(hub, method, callback).keep();
        self.hub(hub)
    }

    /// Keeps what the application knows of `hub` in step with the server, by snapshots: the first one is taken when the
    /// connection is there, and another whenever events of the hub are gone for good ([`ClientEvent::Gap`]). `snapshot`
    /// asks the server for what there is now, together with the server's `cx.position()`, takes it over in place of what it
    /// had, and gives that position.
    ///
    /// Meanwhile the hub's events are held back. Then those that the snapshot has are dropped, and the others reach their
    /// callbacks in order. A server that reads its position before what it sends gives events twice rather than not at
    /// all: callbacks should take that, or the server keep both under one lock.
    ///
    /// One snapshot is taken at a time: a gap meanwhile, or more than 10,000 held events, drop it and begin anew. One that
    /// fails ([`ClientEvent::ResyncFailed`]) is taken again after 1 to 30 seconds, or when the link is there again. A hub
    /// has one such function, the last that was given. The client that it gets keeps the connection as any clone does.
    ///
    /// ```no_run
    /// # use serde::Deserialize;
    /// use hub_client::{CallError, HubClient};
    ///
    /// #[derive(Deserialize)]
    /// struct List {
    ///     items: Vec<String>,
    ///     position: String,
    /// }
    ///
    /// # async fn run() -> Result<(), hub_client::ConnectError> {
    /// let client = HubClient::builder("http://127.0.0.1:8080/signalr")
    ///     .on("todo", "added", |(item,): (String,)| async move { println!("+ {item}") })
    ///     .resync("todo", |client| async move {
    ///         let list: List = client.invoke("todo", "list", ()).await?;
    ///         println!("{}", list.items.join("\n"));
    ///         Ok::<_, CallError>(list.position)
    ///     })
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`ClientEvent::Gap`]: crate::ClientEvent::Gap
    /// [`ClientEvent::ResyncFailed`]: crate::ClientEvent::ResyncFailed
    pub fn resync<F, Fut, E>(self, hub: &str, snapshot: F) -> Self
    where
        F: Fn(HubClient) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, E>> + Send + 'static,
        E: fmt::Display,
    {
        self.handlers.keep_in_step(hub, resync::take(snapshot));
        self.hub(hub)
    }

    /// Adds a parameter to the query string of every request, for hubs to read. A name that the protocol uses itself
    /// (`tags`, say) makes [`connect`](Self::connect) fail with [`ConnectError::Query`].
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Adds a header to every request, also to those of the server that a redirect names.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Asks for a bearer token when the connection begins, and again when the server refuses it with status 401: the
    /// request is then made once more. It is sent with every request, in place of any `Authorization` header, until a
    /// redirect brings a token of its own.
    ///
    /// ```
    /// # use hub_client::{Builder, HubClient};
    /// # async fn sign_in() -> Result<String, std::io::Error> { Ok("token".into()) }
    /// # fn with() -> Builder {
    /// HubClient::builder("https://hub.internal/signalr").access_token(sign_in)
    /// # }
    /// ```
    pub fn access_token<F, Fut, E>(mut self, source: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.tokens = Some(Arc::new(move || {
            let token = source();
            Box::pin(async { token.await.map_err(Into::into) })
        }));
        self
    }

    /// Tries these transports only, in this order; by default WebSockets, then server-sent events, then long polling. The
    /// next one is tried when one can't be made or the server does not answer on it in time.
    pub fn transports(mut self, transports: impl IntoIterator<Item = Transport>) -> Self {
        self.transports = transports.into_iter().collect();
        self
    }

    /// Connects to `https` with this configuration of `rustls` 0.23, for servers whose certificates are not signed by an
    /// authority of Mozilla's list, and for certificates of clients. Needs the feature `tls`.
    ///
    /// ```
    /// use hub_client::{Builder, HubClient};
    /// use tokio_rustls::rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};
    ///
    /// fn trusting(authority: CertificateDer<'static>) -> Result<Builder, Box<dyn std::error::Error>> {
    ///     let mut roots = RootCertStore::empty();
    ///     roots.add(authority)?;
    ///     let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    ///     Ok(HubClient::builder("https://hub.internal/signalr").tls(config))
    /// }
    /// ```
    #[cfg(feature = "tls")]
    pub fn tls(mut self, config: tokio_rustls::rustls::ClientConfig) -> Self {
        self.trust.config = Some(Arc::new(config));
        self
    }

    /// How long to wait between attempts to reconnect.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Allows this much more time for a link to be made than the server does (5 seconds by default).
    pub fn connect_timeout(mut self, more: Duration) -> Self {
        self.connect_timeout = more;
        self
    }

    /// The time allowed for each answer to negotiate and start, 100 seconds by default. A server that works long when a
    /// client connects delays its answer to start.
    pub fn http_timeout(mut self, allowed: Duration) -> Self {
        self.http_timeout = allowed;
        self
    }

    /// How many events wait for callbacks, 256 by default and at least one. When that many wait, the socket is no longer
    /// read until there is room again, and the server holds back or drops the link, to be resumed where it was. Only
    /// while calls are open the reading goes on up to as many again, since a callback may wait for a result; when that
    /// is full, too, and no callback ends for ten seconds, the link is given up ([`LinkError::Overrun`]) and resumed.
    ///
    /// [`LinkError::Overrun`]: crate::LinkError::Overrun
    pub fn event_buffer(mut self, events: usize) -> Self {
        self.event_buffer = events.max(1);
        self
    }

    /// The largest message accepted from the server, 16 MiB by default. A larger one breaks the link.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.max_frame = bytes;
        self
    }

    /// Makes the connection: negotiates, opens a link by the first transport that works and waits until the hubs' `connected` has run. Events that
    /// the server sends meanwhile are kept; their callbacks begin to run right before this returns.
    ///
    /// # Errors
    /// See [`ConnectError`], whose variants say what can be done. Nothing is retried here.
    ///
    /// # Cancel safety
    /// Dropping the future gives the attempt up and tells the server so.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O and time enabled.
    pub async fn connect(self) -> Result<HubClient, ConnectError> {
        let handlers = Arc::clone(&self.handlers);
        let settings = self.settings()?;
        let voice = Voice::new();
        let (states, events) = (voice.states(), voice.events().downgrade());
        let (commands, calls) = mpsc::channel(CALLS_WAITING);
        let (end, ending) = watch::channel(false);
        let (ready, outcome) = oneshot::channel();
        let ends = Ends {
            commands: calls,
            ending,
            voice,
            handlers: Arc::clone(&handlers),
        };
        tokio::spawn(driver::run(settings, ends, ready));
        // The driver only goes without a word when the runtime does.
        let (id, transport) = outcome
            .await
            .unwrap_or_else(|_| Err(crate::error::LinkError::Closed.into()))?;
        Ok(HubClient::new(Handle {
            id,
            transport,
            commands,
            ending: end,
            states,
            events,
            handlers,
        }))
    }

    fn settings(self) -> Result<Settings, ConnectError> {
        let site = Site {
            address: Address::parse(&self.url)?,
            extra: query(&self.query)?,
            headers: headers(&self.headers)?,
            tokens: self.tokens.map(|source| Arc::new(Tokens::of(source))),
            agent: Agent::new(self.trust),
            data: connection_data(&self.hubs),
        };
        Ok(Settings {
            site,
            retry: self.retry,
            connect_timeout: self.connect_timeout,
            http_timeout: self.http_timeout,
            event_buffer: self.event_buffer,
            max_frame: self.max_frame,
            transports: self.transports,
        })
    }
}

fn query(pairs: &[(String, String)]) -> Result<Query, ConnectError> {
    let mut query = Query::default();
    for (name, value) in pairs {
        if is_own(name) {
            return Err(ConnectError::Query(name.clone()));
        }
        query = query.pair(name, value);
    }
    Ok(query)
}

fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, ConnectError> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let (Ok(key), Ok(mut value)) = (
            HeaderName::try_from(name),
            HeaderValue::try_from(value.as_str()),
        ) else {
            return Err(ConnectError::Header(name.clone()));
        };
        // What an application adds is usually a credential, and logs are no place for those.
        value.set_sensitive(true);
        headers.append(key, value);
    }
    Ok(headers)
}

/// `[{"name":"chat"}]` (`classic-signalr.md` 4.3).
fn connection_data(hubs: &[String]) -> String {
    let hubs = hubs.iter().map(|name| serde_json::json!({ "name": name }));
    serde_json::Value::from_iter(hubs).to_string()
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("url", &self.url)
            .field("hubs", &self.hubs)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_is_listed_once_however_it_is_named() {
        let builder = Builder::new("http://h/signalr".into())
            .hub("chat")
            .on("Chat", "message", |_: Vec<u8>| async {})
            .hub("stock\"");
        let settings = builder.settings().unwrap();
        assert_eq!(
            settings.site.data,
            r#"[{"name":"chat"},{"name":"stock\""}]"#
        );
        let none = Builder::new("http://h".into()).settings().unwrap();
        assert_eq!(none.site.data, "[]");
    }

    #[test]
    fn names_of_the_protocol_are_refused_in_the_query() {
        let settings = |name| Builder::new("http://h".into()).query(name, "x").settings();
        for name in ["tags", "Tags", "connectiontoken", "messageId"] {
            let Err(error @ ConnectError::Query(_)) = settings(name) else {
                panic!("{name} is taken");
            };
            assert!(error.to_string().contains(name), "{error}");
        }
        let extra = settings("tag").unwrap().site.extra;
        assert_eq!(extra.as_str(), "tag=x");
    }

    #[test]
    fn headers_are_checked_and_kept_from_logs() {
        let builder = Builder::new("http://h".into()).header("authorization", "Bearer secret");
        let settings = builder.settings().unwrap();
        assert!(!format!("{:?}", settings.site.headers).contains("secret"));
        for (name, value) in [("a b", "x"), ("a", "x\n")] {
            let builder = Builder::new("http://h".into()).header(name, value);
            assert!(matches!(builder.settings(), Err(ConnectError::Header(n)) if n == name));
        }
    }
}
