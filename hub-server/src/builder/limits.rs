//! What a server takes on at most.

use std::time::Duration;

use super::Builder;
use crate::connection::inbound::Rate;

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

    /// How long a client may take nothing of what is written to it, or next to nothing, 10 s by default. Then its link ends: it has to
    /// come back, and goes on from the log, at its cursor. A client that takes 4 KiB within this time, or all that there is, is
    /// served at its own pace. Over plain HTTP it is looked at with every heartbeat, which comes twice for each keep-alive, and what counts
    /// as taken is what hyper asks for: up to 64 KiB and a frame wait there, and the kernel takes as much at a time. There a client is safe
    /// that takes 100 kB within this time, 10 kB a second by default.
    ///
    /// What the kernel takes counts as taken. Servers that listen by themselves let it take 16 KiB beyond what is on its way (Linux);
    /// whoever accepts sockets for the [service](crate::HubServer::into_service) sets `TCP_NOTSENT_LOWAT` on them, or a slow reader
    /// is noticed when some megabytes wait there.
    #[must_use]
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.config.write_timeout = timeout;
        self
    }

    /// How many calls of one connection may run at once, or wait for their turn on a hub that is `sequential`, 1,024 by
    /// default; beyond that its socket is not read.
    #[must_use]
    pub fn max_open_calls(mut self, calls: usize) -> Self {
        self.config.max_open_calls = calls.max(1);
        self
    }

    /// How many messages a second a connection may send, and how many at once after a quiet moment; any number by default. Whoever
    /// sends more is not read on a socket until it is time, so that its own writes wait; a send over HTTP is answered 429 with a
    /// `Retry-After`, where its connection is on this node.
    #[must_use]
    pub fn message_rate(mut self, a_second: u32, burst: u32) -> Self {
        self.config.message_rate = Some(Rate::new(a_second, burst));
        self
    }

    /// The same for the bytes of its messages. One message is taken whole, however large; then its connection waits for as long as
    /// that takes at the rate.
    #[must_use]
    pub fn byte_rate(mut self, a_second: u32, burst: u32) -> Self {
        self.config.byte_rate = Some(Rate::new(a_second, burst));
        self
    }

    /// How many messages a minute that it can't read a connection of XSockets' wires may send, 10 by default: with the last one it
    /// ends. Each of them is answered. Classic clients are not told, and go on, as the original has it.
    #[must_use]
    pub fn max_protocol_errors(mut self, a_minute: u32) -> Self {
        self.config.protocol_errors = a_minute.max(1);
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
    /// From 60 % of it on live topics keep a tenth of what they would, until it is below 50 %; from three quarters of it on nobody
    /// new is taken on; from 85 % on connections end for which most waits, so that they come back and read from the log. It is looked
    /// at four times a second, and with every heartbeat it is chosen who has to go, where the system tells (Linux).
    ///
    /// What counts is what the process has and can't use again. As allocators keep what was freed, the server goes by what it holds,
    /// in the log ([`Log::in_memory`](crate::Log::in_memory)) and for slow readers: what it has let go since does not count until it is
    /// taken again. What else was freed, as by connections that left or by your own code, counts on until the allocator gives it back.
    #[must_use]
    pub fn memory_budget(mut self, bytes: u64) -> Self {
        self.config.memory_budget = Some(bytes);
        self
    }
}
