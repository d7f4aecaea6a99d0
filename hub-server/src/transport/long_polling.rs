//! longPolling: a request for each payload (`classic-signalr.md` 6.4).

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use hub_core::Protocol;

use crate::connection::downlink::Downlink;

pub(crate) struct LongPolling {
    /// What its clients speak.
    pub(crate) speaks: &'static dyn Protocol,
    /// What clients are told to wait between two polls.
    pub(crate) delay: Duration,
    /// The JSONP function that wants the payload.
    pub(crate) callback: Option<String>,
}

impl Downlink for LongPolling {
    fn protocol(&self) -> &'static dyn Protocol {
        self.speaks
    }

    fn name(&self) -> &'static str {
        "long_polling"
    }

    fn slot(&self) -> Option<usize> {
        let plain = self.callback.is_none() && !self.speaks.answers();
        plain.then_some(3)
    }

    fn wrap(&self, payload: &[u8], out: &mut BytesMut) {
        match &self.callback {
            None => out.put_slice(payload),
            Some(callback) => {
                out.put_slice(callback.as_bytes());
                out.put_u8(b'(');
                out.put_slice(payload);
                out.put_slice(b");");
            }
        }
    }

    /// A blank, which JSON's parsers skip; in a script it would be one more thing that goes wrong.
    fn keep_alive(&self) -> Option<Bytes> {
        self.callback.is_none().then(|| Bytes::from_static(b" "))
    }

    fn is_single(&self) -> bool {
        true
    }

    fn delay(&self) -> Option<Duration> {
        Some(self.delay).filter(|delay| !delay.is_zero())
    }

    fn grace(&self) -> Duration {
        self.delay
    }
}
