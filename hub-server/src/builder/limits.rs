//! What a server takes on at most.

use super::Builder;

impl Builder {
    /// The largest body of a send over HTTP, in bytes, 16 MiB by default; a larger one is answered 413.
    #[must_use]
    pub fn max_body_size(mut self, bytes: usize) -> Self {
        self.config.max_body = bytes;
        self
    }

    /// The largest message that a client may send on a WebSocket, in bytes, 65,536 by default; a larger one cuts the
    /// socket. `None` is no limit.
    #[must_use]
    pub fn max_message_size(mut self, bytes: Option<usize>) -> Self {
        self.config.max_message = bytes;
        self
    }

    /// How much waits in memory for a slow reader before it is served from the log: 1,024 frames and 1 MiB by default.
    #[must_use]
    pub fn outbox(mut self, frames: usize, bytes: usize) -> Self {
        // With less it would count as half full while it is empty, and nothing would be read.
        self.config.outbox_frames = frames.max(2);
        self.config.outbox_bytes = bytes.max(2);
        self
    }

    /// How many calls of one connection may run at once, or wait for their turn on a hub that is `sequential`, 1,024 by
    /// default; beyond that its socket is not read.
    #[must_use]
    pub fn max_open_calls(mut self, calls: usize) -> Self {
        self.config.max_open_calls = calls.max(1);
        self
    }

    /// How many connections the server takes on, of all hubs and wires together; any number by default. Whoever is beyond that
    /// is answered 503 with a `Retry-After` of 5 to 30 s, as long as none goes. Who is connected may come back.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.config.max_connections = Some(connections);
        self
    }

    /// How many sockets one address may have (one network of 64 bits with IPv6), any number by default: behind a proxy all
    /// have one address. One that is too many is closed. For servers that listen by themselves.
    #[must_use]
    pub fn max_sockets_per_address(mut self, sockets: u32) -> Self {
        self.config.max_sockets_per_address = Some(sockets);
        self
    }

    /// How many sockets are let in a second, any number by default; more wait in the kernel. A TLS handshake takes a core about
    /// 0.2 ms. For servers that listen by themselves.
    #[must_use]
    pub fn accept_rate(mut self, a_second: u32) -> Self {
        self.config.accept_rate = a_second.max(1);
        self
    }

    /// How much memory the process may take, in bytes: 60 % of what its control group, or the machine, has by default.
    /// From three quarters of it on nobody new is taken on; from 85 % on connections end for which most waits, so that
    /// they come back and read from the log. It is looked at with every heartbeat, where the system tells (Linux).
    #[must_use]
    pub fn memory_budget(mut self, bytes: u64) -> Self {
        self.config.memory_budget = Some(bytes);
        self
    }
}
