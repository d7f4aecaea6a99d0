//! [`Downlink`]: how a transport dresses the frames that it carries to the client. That is all a connection knows of
//! its transport.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hub_core::Protocol;

/// One way to carry frames.
pub(crate) trait Downlink: Send + Sync + 'static {
    /// What its connections speak.
    fn protocol(&self) -> &'static dyn Protocol;

    /// Its name for metrics and spans, as ASP.NET Core has them where it has the transport.
    fn name(&self) -> &'static str;

    /// Its place among the carriers whose frames are the same for all their connections, below [`CARRIERS`]: what it
    /// makes of a broadcast is shared. `None` where each connection's frames are its own.
    fn slot(&self) -> Option<usize>;

    /// Writes a payload as it goes out.
    fn wrap(&self, payload: &[u8], out: &mut BytesMut);

    /// A keep-alive, ready for the wire; `None` where the transport can't carry one.
    fn keep_alive(&self) -> Option<Bytes>;

    /// What the client answers by itself when everything before it has come, where there is such a thing. One is under
    /// way at a time.
    fn probe(&self) -> Option<&'static [u8]> {
        None
    }

    /// Whether each message has a number, which the client acknowledges. Such frames are not shared: it has no
    /// [`slot`](Self::slot).
    fn numbers(&self) -> bool {
        false
    }

    /// Whether nothing ever comes back on it.
    fn is_silent(&self) -> bool {
        false
    }

    /// Whether a request carries one payload and ends.
    fn is_single(&self) -> bool {
        false
    }

    /// What each payload tells the client to wait before its next request.
    fn delay(&self) -> Option<Duration> {
        None
    }

    /// What a client gets on top of the disconnect timeout (`classic-signalr.md` 10.2).
    fn grace(&self) -> Duration {
        Duration::from_secs(5)
    }
}

/// How many carriers share frames.
pub(crate) const CARRIERS: usize = 7;
