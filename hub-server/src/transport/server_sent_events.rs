//! serverSentEvents (`classic-signalr.md` 6.2).

use bytes::{BufMut, Bytes, BytesMut};
use hub_core::Protocol;

use crate::connection::downlink::Downlink;

pub(crate) const CONTENT_TYPE: &str = "text/event-stream";

/// Goes first, on connect and on reconnect: with it proxies and browsers deliver the head.
pub(crate) const PRELUDE: &[u8] = b"data: initialized\n\n";

pub(crate) struct ServerSentEvents {
    /// What its clients speak.
    pub(crate) speaks: &'static dyn Protocol,
}

impl Downlink for ServerSentEvents {
    fn protocol(&self) -> &'static dyn Protocol {
        self.speaks
    }

    fn name(&self) -> &'static str {
        "server_sent_events"
    }

    fn slot(&self) -> Option<usize> {
        (!self.speaks.answers()).then_some(1)
    }

    /// One line each: the .NET client takes every `data:` line for a whole message. Payloads have no line ends.
    fn wrap(&self, payload: &[u8], out: &mut BytesMut) {
        out.put_slice(b"data: ");
        out.put_slice(payload);
        out.put_slice(b"\n\n");
    }

    fn is_silent(&self) -> bool {
        true
    }

    fn keep_alive(&self) -> Option<Bytes> {
        Some(Bytes::from_static(b"data: {}\n\n"))
    }
}
