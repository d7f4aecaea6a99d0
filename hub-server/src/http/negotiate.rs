//! The answer to negotiate (`classic-signalr.md` 3.1).

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

/// The path that clients build their other URLs from: the request's own, the mount in its registered casing, and every
/// lower-case `/negotiate` taken out.
pub(crate) fn url_of(mount: &str, rest: &str) -> String {
    format!("{}{rest}", mount.trim_end_matches('/')).replace("/negotiate", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_the_path_without_negotiate_item_4() {
        assert_eq!(url_of("/signalr", "/negotiate"), "/signalr");
        assert_eq!(url_of("/signalr", "//negotiate"), "/signalr/");
        assert_eq!(url_of("/signalr", "/NEGOTIATE"), "/signalr/NEGOTIATE");
        assert_eq!(url_of("/signalr", "/a b/negotiate"), "/signalr/a b");
    }
}
