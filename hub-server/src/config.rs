//! Limits and timeouts, each with its default and the reason for it.

use std::time::Duration;

use crate::connection::inbound::Rate;

/// How a client receives (`classic-signalr.md` 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// `webSockets`
    WebSockets,
    /// `serverSentEvents`
    ServerSentEvents,
    /// `foreverFrame`
    ForeverFrame,
    /// `longPolling`
    LongPolling,
}

impl Transport {
    pub(crate) const ALL: [Self; 4] = [
        Self::WebSockets,
        Self::ServerSentEvents,
        Self::ForeverFrame,
        Self::LongPolling,
    ];

    /// Its name in requests, which is compared ignoring case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebSockets => "webSockets",
            Self::ServerSentEvents => "serverSentEvents",
            Self::ForeverFrame => "foreverFrame",
            Self::LongPolling => "longPolling",
        }
    }
}

/// What one server is set to. Built by [`Builder`](crate::Builder); the names and defaults are the original's
/// (`classic-signalr.md` 10.1) wherever it has the setting.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// How often a keep-alive is sent; `None` sends none. Clients give up after twice as long.
    pub(crate) keep_alive: Option<Duration>,
    /// How long a connection may be away before it counts as gone.
    pub(crate) disconnect_timeout: Duration,
    /// When keep-alive is off: how long a receive request lasts, since nothing else would notice a dead peer.
    pub(crate) connection_timeout: Duration,
    /// How long clients wait for the first frame of a transport. Never zero: clients would give up at once.
    pub(crate) transport_connect_timeout: Duration,
    /// How long clients wait between two long polls.
    pub(crate) long_poll_delay: Duration,
    /// The transports on offer.
    pub(crate) transports: Vec<Transport>,
    /// The largest body of a request, in bytes.
    pub(crate) max_body: usize,
    /// The largest message from a client, in bytes.
    pub(crate) max_message: Option<usize>,
    /// How many entries a topic keeps for those who come back.
    pub(crate) retained_entries: usize,
    /// How many bytes a topic keeps.
    pub(crate) retained_bytes: usize,
    /// How many frames wait for a slow reader before it is served from the log at its own pace.
    pub(crate) outbox_frames: usize,
    /// How many bytes wait for it.
    pub(crate) outbox_bytes: usize,
    /// How long a peer may take nothing of what is written to it.
    pub(crate) write_timeout: Duration,
    /// How many calls of one connection run at once; beyond that its socket is not read.
    pub(crate) max_open_calls: usize,
    /// How many messages of one connection come in, if that is bounded.
    pub(crate) message_rate: Option<Rate>,
    /// How many bytes of its messages.
    pub(crate) byte_rate: Option<Rate>,
    /// How many protocol errors a minute end a connection that is told of them.
    pub(crate) protocol_errors: u32,
    /// How many connections there may be, if that is bounded.
    pub(crate) max_connections: Option<usize>,
    /// How many sockets one address may have, if that is bounded.
    pub(crate) max_sockets_per_address: Option<u32>,
    /// How many sockets a second are let in.
    pub(crate) accept_rate: u32,
    /// How many bytes of memory the process may take, if it is not to be found out.
    pub(crate) memory_budget: Option<u64>,
    /// How long a join or leave waits for the connection to acknowledge it.
    pub(crate) ack_timeout: Duration,
    /// Where it is asked whether the server is ready.
    pub(crate) ready_at: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            keep_alive: Some(Duration::from_secs(10)),
            disconnect_timeout: Duration::from_secs(30),
            connection_timeout: Duration::from_secs(110),
            transport_connect_timeout: Duration::from_secs(5),
            long_poll_delay: Duration::ZERO,
            transports: Transport::ALL.to_vec(),
            max_body: 16 << 20,
            max_message: Some(64 * 1024),
            retained_entries: 1_000,
            retained_bytes: 1 << 20,
            outbox_frames: 1_024,
            outbox_bytes: 1 << 20,
            write_timeout: Duration::from_secs(10),
            max_open_calls: 1_024,
            message_rate: None,
            byte_rate: None,
            protocol_errors: 10,
            max_connections: None,
            max_sockets_per_address: None,
            accept_rate: u32::MAX,
            memory_budget: None,
            ack_timeout: Duration::from_secs(30),
            ready_at: None,
        }
    }
}

impl Config {
    /// The texts are the original's, except that it takes a connect timeout of zero.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.disconnect_timeout < Duration::from_secs(6) {
            return Err("DisconnectTimeout must be at least six seconds.");
        }
        if self.transport_connect_timeout.is_zero() {
            return Err("TransportConnectTimeout must be longer than zero.");
        }
        if self.write_timeout.is_zero() {
            return Err("the write timeout must be longer than zero");
        }
        match self.keep_alive {
            Some(keep_alive) if keep_alive < Duration::from_secs(2) => {
                Err("KeepAlive value must be greater than two seconds.")
            }
            Some(keep_alive) if keep_alive > self.disconnect_timeout / 3 => {
                Err("KeepAlive value must be no more than a third of the DisconnectTimeout.")
            }
            _ => Ok(()),
        }
    }

    /// How often connections are looked at (`classic-signalr.md` 10.2).
    pub(crate) fn beat(&self) -> Duration {
        self.keep_alive
            .map_or(self.disconnect_timeout / 6, |keep_alive| keep_alive / 2)
    }

    /// How long a topic without listeners is kept: whoever may still come back can read what it missed (5.4).
    pub(crate) fn topic_life(&self) -> Duration {
        (self.disconnect_timeout + self.keep_alive.unwrap_or_default() * 2) * 2
    }
}
