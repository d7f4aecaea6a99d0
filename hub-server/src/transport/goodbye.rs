//! The last word on a socket whose session the server has closed or drained: said, and waited for the client's own, so that
//! what was written before it has arrived. It is over at once if the session is cut meanwhile.

use std::pin::Pin;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::Stream;
use hub_core::CloseFrame;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::wire::Wire;
use crate::connection::busy::Carrying;
use crate::connection::link::Connection;
use crate::connection::parting::PATIENCE;

/// What is left of a receive request whose socket is to be closed.
pub(super) struct Goodbye {
    pub(super) connection: Arc<Connection>,
    pub(super) request: u64,
    /// What the client is told, if the server has ended its session.
    pub(super) frame: Option<CloseFrame>,
    /// The transport is closed when this is dropped.
    pub(super) carrier: Carrying,
}

impl Goodbye {
    /// Says it; `saying` gives whether the client has answered.
    pub(super) async fn say(self, saying: impl Future<Output = bool>) {
        let cut = std::future::poll_fn(|cx| self.connection.link().poll_cut(self.request, cx));
        let answered = tokio::select! {
            answered = timeout(PATIENCE, saying) => answered.unwrap_or_default(),
            () = cut => false,
        };
        if answered {
            let mut link = self.connection.link();
            if link.request == self.request {
                link.hear();
            }
        }
        drop(self.carrier);
    }
}

/// Closes a WebSocket with this frame; `true` if the client has closed it, too.
pub(super) async fn close<S>(mut socket: Box<WebSocketStream<Wire<S>>>, frame: &CloseFrame) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    socket.get_mut().push(framed(frame));
    let drained = std::future::poll_fn(|cx| socket.get_mut().poll_drain(cx)).await;
    let answered = drained.is_ok()
        && loop {
            match std::future::poll_fn(|cx| Pin::new(&mut socket).poll_next(cx)).await {
                Some(Ok(Frame::Close(_))) => break true,
                // Whatever it said before it heard.
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break false,
            }
        };
    let mut wire = socket.into_inner();
    let _ = std::future::poll_fn(|cx| Pin::new(&mut wire).poll_shutdown(cx)).await;
    answered
}

fn framed(frame: &CloseFrame) -> Bytes {
    let mut out = BytesMut::new();
    out.put_u8(0x88);
    // A text has 123 bytes at most.
    out.put_u8(u8::try_from(2 + frame.why().len()).unwrap_or(2));
    out.put_u16(frame.code());
    out.put_slice(frame.why().as_bytes());
    out.freeze()
}
