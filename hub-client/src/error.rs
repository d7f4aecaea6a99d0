//! Why connecting failed ([`ConnectError`]), a link broke ([`LinkError`]), a connection ended ([`CloseReason`]) or an
//! event did not reach its callback ([`EventError`]).

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use hub_core::{HubName, ProtocolError};

use crate::transport::Transport;

/// Why [`Builder::connect`](crate::Builder::connect) gave no connection. Nothing of a failed attempt stays behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL, or the one that the server redirected to, can't be used: correct it.
    #[error("can't use the url '{url}': {problem}")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A header given to the builder is no HTTP header: correct it.
    #[error("can't send the header '{0}'")]
    Header(String),
    /// A query parameter given to the builder has a name that the protocol uses itself: give it another one.
    #[error("can't send the query parameter '{0}': the protocol has one of that name")]
    Query(String),
    /// The URL asks for TLS and the crate was built without its feature `tls`: enable it, or use `http`.
    #[error("TLS is not supported: enable the feature `tls` of hub-client")]
    Tls,
    /// The server could not be reached, or the conversation broke off: try again later.
    #[error("can't reach {authority}")]
    Unreachable {
        /// Host and port.
        authority: String,
        /// What failed.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server refused a request. 401 and 403 ask for other credentials, 404 for another path; hubs that the server
    /// doesn't know give 500.
    #[error("the server refused '{request}' with status {status}{}", after(body))]
    Refused {
        /// The request: `negotiate`, `connect`, `start`.
        request: &'static str,
        /// The HTTP status.
        status: u16,
        /// The first part of the server's text.
        body: String,
    },
    /// The server speaks ASP.NET Core SignalR: use a client for that.
    #[error(
        "Detected a connection attempt to an ASP.NET Core SignalR Server. This client only supports connecting to an \
         ASP.NET SignalR Server. See https://aka.ms/signalr-core-differences for details."
    )]
    CoreServer,
    /// The server speaks a version of the protocol that this client doesn't.
    #[error(
        "You are using a version of the client that isn't compatible with the server. Client version {client}, server \
         version {server}."
    )]
    Version {
        /// What this client asked for.
        client: &'static str,
        /// What the server answered, empty if nothing.
        server: String,
    },
    /// The server, or the gateway before it, said why it doesn't want this client.
    #[error("Error message received from the server: '{0}'.")]
    Server(String),
    /// Redirects went on and on: the gateway is misconfigured.
    #[error("Negotiate redirection limit exceeded.")]
    TooManyRedirects,
    /// An answer is not what a SignalR server says: probably the URL is that of something else.
    #[error("the answer to '{request}' is not that of a SignalR server")]
    Answer {
        /// The request: `negotiate`, `start`.
        request: &'static str,
        /// Where it stopped making sense.
        #[source]
        source: Option<serde_json::Error>,
    },
    /// None of the transports works that the client may use: what became of each that the server offers.
    #[error("no transport works{}", list(.0))]
    NoTransport(Vec<(Transport, Self)>),
    /// The application gave no [`access_token`](crate::Builder::access_token).
    #[error("there is no access token")]
    Token(#[source] Box<dyn Error + Send + Sync>),
    /// An answer took too long: try again, or allow more time.
    #[error("'{request}' took longer than {} ms", allowed.as_millis())]
    TimedOut {
        /// The request: `negotiate`, `connect`, `start`.
        request: &'static str,
        /// The time that was allowed.
        allowed: Duration,
    },
    /// The link broke before the connection was complete: try again.
    #[error("the link broke while connecting")]
    Link(#[from] LinkError),
    /// The server sent what is not the protocol.
    #[error("the server broke the protocol while connecting")]
    Protocol(#[from] ProtocolError),
}

impl ConnectError {
    /// Whether trying again may help without any change: the server was not there, too slow, or in trouble.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Link(_) | Self::Token(_) => {
                true
            }
            Self::Refused { status, .. } => *status >= 500 || matches!(status, 408 | 425 | 429),
            Self::NoTransport(tried) => tried.iter().any(|(_, error)| error.is_temporary()),
            _ => false,
        }
    }
}

/// What a server said, if it said anything.
fn after(body: &str) -> String {
    match body {
        "" => String::new(),
        text => format!(": {text}"),
    }
}

fn list(tried: &[(Transport, ConnectError)]) -> String {
    let told = tried.iter().enumerate().map(|(n, (transport, error))| {
        let before = if n == 0 { ": " } else { "; " };
        format!("{before}{transport}: {error}")
    });
    told.collect()
}

/// Why a link to the server is no more. The client comes back by itself.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The server, or something on the way, ended it.
    #[error("the link was closed")]
    Closed,
    /// It failed.
    #[error("the link failed")]
    Failed(#[source] Arc<dyn Error + Send + Sync>),
    /// Nothing was heard for all of the server's keep-alive timeout.
    #[error("nothing was heard for {} ms", .0.as_millis())]
    Silent(Duration),
    /// The server is about to stop and asked its clients to reconnect.
    #[error("the server is going")]
    Leaving,
    /// Callbacks were stuck while the queue before them was full and calls were waiting for results behind it. The link
    /// is given up so that those calls end; what was not delivered comes again.
    #[error("callbacks did not keep up")]
    Overrun,
}

/// Why a connection is over for good. Connect again for a new one.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// [`HubClient::close`](crate::HubClient::close) was called, or the last handle dropped.
    #[error("closed by this client")]
    Client,
    /// The server ended it with an error.
    #[error("closed by the server: {0}")]
    Server(String),
    /// The server could not be reached again within its disconnect timeout.
    #[error("Couldn't reconnect within the configured timeout of {} ms, disconnecting.", after.as_millis())]
    GaveUp {
        /// The disconnect timeout.
        after: Duration,
        /// Why the last attempt failed.
        #[source]
        last: Option<Arc<ConnectError>>,
    },
    /// This client itself stood still for so long that the server has forgotten it: its machine slept, say.
    #[error(
        "The client has been inactive for {} ms, which exceeds the inactivity timeout of {} ms. Stopping the connection.",
        stood.as_millis(),
        allowed.as_millis()
    )]
    Inactive {
        /// For how long.
        stood: Duration,
        /// The server's disconnect timeout and keep-alive timeout together.
        allowed: Duration,
    },
    /// The server sent what is not the protocol.
    #[error("the server broke the protocol")]
    Protocol(#[source] Arc<ProtocolError>),
}

/// An event whose callback failed. The connection is not affected.
#[derive(Debug, Clone, thiserror::Error)]
#[error("callback '{method}' of hub '{hub}': {reason}")]
#[non_exhaustive]
pub struct EventError {
    /// The hub that spoke.
    pub hub: HubName,
    /// The callback, as the server wrote it.
    pub method: String,
    /// What went wrong: arguments that don't fit, the callback's own error, or a panic.
    pub reason: String,
}
