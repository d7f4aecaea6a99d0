//! [`Downlink`]: how a transport dresses the frames that it carries to the client. That is all a connection knows of
//! its transport.

use bytes::{Bytes, BytesMut};

/// One way to carry frames. What it makes of a broadcast is shared by all connections that it serves.
pub(crate) trait Downlink: Send + Sync + 'static {
    /// Its place among the carriers of this server, below [`CARRIERS`].
    fn slot(&self) -> usize;

    /// What stands before a payload of this length.
    fn header(&self, payload: usize, out: &mut BytesMut);

    /// A keep-alive, ready for the wire.
    fn keep_alive(&self) -> Bytes;
}

/// How many carriers there are.
pub(crate) const CARRIERS: usize = 1;
