//! [`Builder`]: what a connection needs to know before it begins.

mod listening;
mod reaching;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::address::Address;
use crate::client::{Handle, HubClient};
use crate::driver::{self, Ends};
use crate::error::ConnectError;
use crate::events::{ClientEvents, Voice};
use crate::handlers::Handlers;
use crate::http::{Agent, Trust};
use crate::hub_state::HubStates;
use crate::retry::RetryPolicy;
use crate::route::Site;
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
    /// Whether the first link is tried again, too.
    pub(crate) retry_start: bool,
    /// How many calls wait for the next link.
    pub(crate) queue: usize,
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
    #[cfg(feature = "cookies")]
    cookies: bool,
    retry_start: bool,
    queue: usize,
    call_timeout: Option<Duration>,
    voice: Voice,
    pub(crate) states: Arc<HubStates>,
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
            #[cfg(feature = "cookies")]
            cookies: false,
            retry_start: false,
            queue: 0,
            call_timeout: None,
            voice: Voice::new(),
            states: Arc::default(),
        }
    }

    /// How long to wait between attempts to reconnect.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Tries again, too, when the first link can't be made for a reason that may pass ([`ConnectError::is_temporary`]):
    /// [`connect`](Self::connect) then waits as [`retry`](Self::retry) says between attempts, for as long as its future is
    /// there.
    pub fn retry_start(mut self) -> Self {
        self.retry_start = true;
        self
    }

    /// Lets up to `calls` calls wait that are made while the client reconnects, instead of failing at once. They are made
    /// in order over the next link. Calls that were on their way when the link broke fail all the same, since whether
    /// they ran is not known.
    pub fn queue_while_reconnecting(mut self, calls: usize) -> Self {
        self.queue = calls;
        self
    }

    /// Fails a call that has no result after this time ([`CallError::TimedOut`](crate::CallError::TimedOut)). By default a
    /// call may take for ever; a single one is timed by dropping its future.
    pub fn call_timeout(mut self, allowed: Duration) -> Self {
        self.call_timeout = Some(allowed);
        self
    }

    /// What happens to the connection from its beginning on.
    #[must_use]
    pub fn client_events(&self) -> ClientEvents {
        ClientEvents::of(&self.voice.events().downgrade())
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
    /// See [`ConnectError`], whose variants say what can be done. Nothing is retried but with
    /// [`retry_start`](Self::retry_start).
    ///
    /// # Cancel safety
    /// Dropping the future gives the attempt up and tells the server so.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O and time enabled.
    pub async fn connect(mut self) -> Result<HubClient, ConnectError> {
        let handlers = Arc::clone(&self.handlers);
        let call_timeout = self.call_timeout;
        let voice = std::mem::replace(&mut self.voice, Voice::new());
        let states = Arc::clone(&self.states);
        let settings = self.settings()?;
        let (changes, events) = (voice.states(), voice.events().downgrade());
        let (commands, calls) = mpsc::channel(CALLS_WAITING);
        let (end, ending) = watch::channel(false);
        let (ready, outcome) = oneshot::channel();
        let ends = Ends {
            commands: calls,
            ending,
            voice,
            handlers: Arc::clone(&handlers),
            states: Arc::clone(&states),
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
            changes,
            events,
            handlers,
            states,
            call_timeout,
        }))
    }

    fn settings(self) -> Result<Settings, ConnectError> {
        #[cfg_attr(not(feature = "cookies"), expect(unused_mut, reason = "no cookies"))]
        let mut agent = Agent::new(self.trust);
        #[cfg(feature = "cookies")]
        if self.cookies {
            agent.cookies = Some(crate::http::Cookies::default());
        }
        let site = Site {
            address: Address::parse(&self.url)?,
            extra: reaching::query(&self.query)?,
            headers: reaching::headers(&self.headers)?,
            tokens: self.tokens.map(|source| Arc::new(Tokens::of(source))),
            agent,
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
            retry_start: self.retry_start,
            queue: self.queue,
        })
    }
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
