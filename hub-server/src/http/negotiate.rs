//! The answer to negotiate (`classic-signalr.md` 3).

use serde::Serialize;

use crate::config::{Config, Transport};

/// Ten fields, in the original's order, whatever the client's version.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Negotiation<'a> {
    pub(crate) url: &'a str,
    pub(crate) connection_token: &'a str,
    pub(crate) connection_id: &'a str,
    keep_alive_timeout: Option<f64>,
    disconnect_timeout: f64,
    connection_timeout: f64,
    try_web_sockets: bool,
    protocol_version: &'a str,
    transport_connect_timeout: f64,
    long_poll_delay: f64,
}

impl<'a> Negotiation<'a> {
    pub(crate) fn new(
        config: &Config,
        url: &'a str,
        token: &'a str,
        id: &'a str,
        version: &'a str,
    ) -> Self {
        Self {
            url,
            connection_token: token,
            connection_id: id,
            // Twice the interval: a client that allowed only one would flap (15.16).
            keep_alive_timeout: config.keep_alive.map(|every| (every * 2).as_secs_f64()),
            disconnect_timeout: config.disconnect_timeout.as_secs_f64(),
            connection_timeout: config.connection_timeout.as_secs_f64(),
            try_web_sockets: config.transports.contains(&Transport::WebSockets),
            protocol_version: version,
            transport_connect_timeout: config.transport_connect_timeout.as_secs_f64(),
            long_poll_delay: config.long_poll_delay.as_secs_f64(),
        }
    }
}

/// What an application answers to negotiate (`classic-signalr.md` 3.2): see
/// [`Mount::on_negotiate`](crate::Mount::on_negotiate).
///
/// Clients older than protocol 2.0 understand no answer but [`Here`](Self::Here): their start fails.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Negotiated {
    /// The client connects here.
    Here,
    /// The client negotiates again elsewhere.
    Redirect {
        /// A whole URL. Its query string, if it has one, replaces the client's own.
        url: String,
        /// What the client brings along from then on, as bearer header or as `access_token` in the query.
        access_token: Option<String>,
    },
    /// The client's start fails with this text.
    Error(String),
}

impl Negotiated {
    /// A redirect without a token.
    pub fn redirect(url: impl Into<String>) -> Self {
        Self::Redirect {
            url: url.into(),
            access_token: None,
        }
    }

    /// The answer in place of a connection; `None` if there is to be one.
    pub(crate) fn elsewhere(&self) -> Option<String> {
        let mut answer = Elsewhere {
            protocol_version: "2.0",
            redirect_url: None,
            access_token: None,
            error: None,
        };
        match self {
            Self::Here => return None,
            Self::Redirect { url, access_token } => {
                answer.redirect_url = Some(url);
                answer.access_token = access_token.as_deref();
            }
            Self::Error(text) => answer.error = Some(text),
        }
        serde_json::to_string(&answer).ok()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Elsewhere<'a> {
    protocol_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// The path that clients build their other URLs from: the request's own, the mount in its registered casing, and every
/// lower-case `/negotiate` taken out.
pub(crate) fn url_of(mount: &str, rest: &str) -> String {
    format!("{}{rest}", mount.trim_end_matches('/')).replace("/negotiate", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_without_a_connection() {
        assert_eq!(Negotiated::Here.elsewhere(), None);
        let redirect = Negotiated::redirect("http://b/signalr?x=1").elsewhere();
        let text = r#"{"ProtocolVersion":"2.0","RedirectUrl":"http://b/signalr?x=1"}"#;
        assert_eq!(redirect.as_deref(), Some(text));
        let error = Negotiated::Error("full".into()).elsewhere();
        let text = r#"{"ProtocolVersion":"2.0","Error":"full"}"#;
        assert_eq!(error.as_deref(), Some(text));
    }

    #[test]
    fn the_url_is_the_path_without_negotiate_item_4() {
        assert_eq!(url_of("/signalr", "/negotiate"), "/signalr");
        assert_eq!(url_of("/signalr", "//negotiate"), "/signalr/");
        assert_eq!(url_of("/signalr", "/NEGOTIATE"), "/signalr/NEGOTIATE");
        assert_eq!(url_of("/signalr", "/a b/negotiate"), "/signalr/a b");
    }
}
