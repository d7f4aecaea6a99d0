//! One error type per audience: [`HubError`] for the remote caller, [`ProtocolError`] for what a peer did wrong,
//! [`DeliveryError`] for a hub that sends, [`CallError`] for a client that calls.

use std::error::Error;
use std::fmt;

use serde::Serialize;

use crate::value::Payload;

/// Why a hub method failed, as far as its caller may know.
///
/// * [`HubError::new`] is meant for the caller: its text (and data) always reaches the client. It is what SignalR
///   calls a `HubException`.
/// * [`HubError::internal`], and every error that `?` turns into a `HubError`, stays on the server: the client reads a
///   neutral sentence unless the server was told to send detailed errors (`classic-signalr.md` 8.3).
pub struct HubError {
    kind: Kind,
    message: String,
    data: Option<Payload>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Public,
    Internal,
    Unfit,
    Unserializable,
}

impl HubError {
    /// An error that is meant for the caller; the text always reaches it.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Public,
            message: message.into(),
            data: None,
            source: None,
        }
    }

    /// Adds data for the caller, any value that becomes JSON (`D` in classic SignalR). Data that does not serialise
    /// is left out.
    #[must_use]
    pub fn with_data(mut self, data: &(impl Serialize + ?Sized)) -> Self {
        self.data = Payload::of(data).ok();
        self
    }

    /// An error that stays on the server: logged there, and a neutral sentence for the caller.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = source.into();
        Self {
            kind: Kind::Internal,
            message: source.to_string(),
            data: None,
            source: Some(source),
        }
    }

    /// The call does not fit: no such method, or wrong arguments. As [`internal`](Self::internal), but it is the
    /// caller's mistake, and its text may quote what the caller sent: it is not for the log.
    pub fn unfit(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Unfit,
            message: message.into(),
            data: None,
            source: None,
        }
    }

    /// A result that could not be turned into JSON. On a classic WebSocket it closes the connection at once, so that
    /// the client reconnects and fails the call instead of waiting for ever (`classic-signalr.md` 6.1).
    pub fn unserializable(source: serde_json::Error) -> Self {
        Self {
            kind: Kind::Unserializable,
            ..Self::internal(source)
        }
    }

    /// The text: for the caller if [`is_public`](Self::is_public), otherwise for the log (and for callers of servers
    /// with detailed errors).
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The data given with [`with_data`](Self::with_data).
    #[must_use]
    pub fn data(&self) -> Option<&Payload> {
        self.data.as_ref()
    }

    /// Whether the caller may always read the text.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.kind == Kind::Public
    }

    /// Whether the call did not fit; see [`unfit`](Self::unfit).
    #[must_use]
    pub fn is_unfit(&self) -> bool {
        self.kind == Kind::Unfit
    }

    /// Whether the method worked but its result could not be written.
    #[must_use]
    pub fn is_unserializable(&self) -> bool {
        self.kind == Kind::Unserializable
    }

    /// The error that caused this one, for the log.
    #[must_use]
    pub fn source(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.source.as_deref()
    }
}

impl fmt::Display for HubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for HubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubError")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

// `HubError` itself is no `Error`, so that `?` works on every error inside a hub method.
impl<E: Error + Send + Sync + 'static> From<E> for HubError {
    fn from(error: E) -> Self {
        Self::internal(error)
    }
}

/// What a peer sent that is not the protocol.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The bytes are not the JSON that the protocol asks for.
    #[error("malformed message")]
    Json(#[from] serde_json::Error),
    /// A part of a message is missing or of the wrong kind.
    #[error("malformed message: {0}")]
    Malformed(&'static str),
    /// A size limit was passed.
    #[error("{what} has exceeded the maximum length of {limit} bytes")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
}

/// Why something could not be sent. Whether anybody *received* it is not said here: sending ends when the message is
/// in the log and handed to the connections of this node.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The arguments did not become a JSON array.
    #[error("the arguments can't be sent")]
    Arguments(#[source] Option<serde_json::Error>),
    /// A target's name was empty.
    #[error("argument cannot be null or empty: {0}")]
    EmptyName(&'static str),
    /// The name under which something was to be sent once is empty or longer than 64 bytes.
    #[error("a name to send under once has 1 to 64 bytes")]
    InvalidDedupeId,
    /// Progress of a call that has its answer: clients don't listen any more. The text is the original's.
    #[error("You cannot report progress on a hub method invocation that has already completed.")]
    Completed,
    /// No connection acknowledged within the time allowed (joining or leaving a group).
    #[error("the operation was canceled")]
    TimedOut,
    /// The client has no persistent id, so that nobody would know it again.
    #[error(
        "the client has no persistent id: it must bring a `persistentId`, a GUID, in the query"
    )]
    NoPersistentId,
    /// What is kept for a client can be changed only while its connection is there, and on the node that has it.
    #[error("the client's connection has ended, or another node has it")]
    Gone,
    /// There is no room for it now, and it was not to wait.
    #[error("there is no room for the message now")]
    Full,
    /// The session is being drained: what was sent before is written, and nothing else is taken.
    #[error("the session is being drained")]
    Draining,
    /// The session has ended.
    #[error("the session is closed")]
    Closed,
    /// No index of this property and key was declared.
    #[error("no such index was declared: it takes a `session_index` on the builder")]
    NoIndex,
    /// The hub has no presence.
    #[error("the hub has no presence: it takes `presence` on the builder")]
    NoPresence,
    /// What is to be known of a connection is too long.
    #[error("an info has at most {limit} bytes")]
    InfoTooLarge {
        /// The limit in bytes of JSON.
        limit: usize,
    },
    /// A filter did not let the message pass.
    #[error("{0}")]
    Refused(String),
    /// The log did not take the entry.
    #[error("the log did not take the message")]
    Log(#[from] crate::log::LogError),
    /// The server is gone.
    #[error("the server has stopped")]
    Stopped,
}

/// Why a client's call to the server did not give a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The hub method answered with an error.
    #[error("{message}")]
    Hub {
        /// The server's text.
        message: String,
        /// The server's data, if it sent any.
        data: Option<Payload>,
        /// Whether the text was meant for the caller (a `HubException`) and is not the neutral sentence.
        public: bool,
    },
    /// The connection was lost before the result came; whether the method ran is not known.
    #[error("Connection started reconnecting before invocation result was received.")]
    Reconnecting,
    /// The connection ended before the result came; whether the method ran is not known.
    #[error("Connection was disconnected before invocation result was received.")]
    Disconnected,
    /// The call was made while there was no connection; the method did not run.
    #[error("the connection is not in the connected state")]
    NotConnected,
    /// The request that carried the call failed, or its answer was no result. If the server refused it, the method did
    /// not run; otherwise that is not known.
    #[error("the call failed on its way")]
    Send(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No result came in the time that the client allows; whether the method ran is not known.
    #[error("the call took longer than {} ms", .0.as_millis())]
    TimedOut(std::time::Duration),
    /// The arguments did not become JSON; nothing was sent.
    #[error("the arguments can't be sent")]
    Encode(#[source] serde_json::Error),
    /// The result is not of the expected type.
    #[error("the result is not of the expected type")]
    Decode(#[source] serde_json::Error),
}
