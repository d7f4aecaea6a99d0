//! webSockets (`classic-signalr.md` 6.1).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{FutureExt, Stream};
use hub_core::{Protocol, Session, SessionEvent};
use tokio::io::AsyncWrite;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::driver::{Heard, Left, Socket, Work, drive};
use super::goodbye;
use super::wire::Wire;
use crate::connection::downlink::Downlink;
use crate::connection::link::{End, Opened};
use crate::http::switched::{Io, Switched};
use crate::hubs::answer::{self, answer_or_call};
use crate::hubs::dispatch::{Dispatched, dispatch};

/// tungstenite fills its whole read buffer before each read: a large one costs more than it saves.
const READ_BUFFER: usize = 4 * 1024;

/// So many bytes of pongs wait for a peer that does not read them; then only the newest is kept. Without this bound
/// tungstenite would keep them all.
const MAX_PONGS: usize = 1024;

/// How long a goodbye may take to leave.
pub(super) const CLOSING: Duration = Duration::from_millis(250);

/// A close frame with code 1000 and no reason: the only one the original sends, whatever it was sent.
pub(super) const CLOSE: &[u8] = &[0x88, 0x02, 0x03, 0xE8];

/// A close frame with code 4001: another connection of the same client has taken over.
pub(super) const TAKEN_OVER: &[u8] = &[0x88, 0x02, 0x0F, 0xA1];

/// With what its clients speak.
pub(crate) struct WebSocket(pub(crate) &'static dyn Protocol);

impl Downlink for WebSocket {
    fn protocol(&self) -> &'static dyn Protocol {
        self.0
    }

    fn name(&self) -> &'static str {
        "web_sockets"
    }

    fn slot(&self) -> Option<usize> {
        Some(if self.0.answers() { 5 } else { 0 })
    }

    fn wrap(&self, payload: &[u8], out: &mut BytesMut) {
        out.reserve(MAX_HEADER + payload.len());
        header(payload.len(), out);
        out.put_slice(payload);
    }

    fn keep_alive(&self) -> Option<Bytes> {
        Some(Bytes::from_static(b"\x81\x02{}"))
    }

    /// A ping: clients answer it before the application hears of it. Pongs that nobody asked for have another payload.
    fn probe(&self) -> Option<&'static [u8]> {
        Some(b"\x89\x01?")
    }
}

/// The longest head of a frame from the server.
const MAX_HEADER: usize = 10;

/// The head of an unfragmented text frame from the server.
pub(super) fn header(payload: usize, out: &mut BytesMut) {
    out.put_u8(0x81);
    if let Some(short) = u8::try_from(payload).ok().filter(|&len| len < 126) {
        out.put_u8(short);
    } else if let Ok(medium) = u16::try_from(payload) {
        out.put_u8(126);
        out.put_u16(medium);
    } else {
        out.put_u8(127);
        out.put_u64(payload as u64);
    }
}

/// Serves a socket until it ends, by whichever side.
pub(crate) async fn serve(socket: Switched, opened: Opened) {
    let accepted = accepted(socket, opened.node.config.max_message);
    let socket = Box::pin(accepted).await;
    let speaks = opened.connection.link().downlink().protocol();
    let session = Session::new(speaks);
    let socket = Framed { socket, session };
    let (Framed { socket, .. }, left, goodbye) = drive(socket, opened).await;
    if let Some(frame) = goodbye.frame.clone() {
        return Box::pin(goodbye.say(goodbye::close(socket, &frame))).await;
    }
    if left != Left::Lost {
        // Without waiting for the peer's answer.
        let close = match left {
            Left::Ended(Some(End::TakenOver)) => TAKEN_OVER,
            _ => CLOSE,
        };
        let _ = Box::pin(timeout(CLOSING, say_goodbye(socket.into_inner(), close))).await;
    }
}

/// A socket that has been upgraded, as tungstenite reads it.
pub(super) type Accepted = WebSocketStream<Wire<Box<dyn Io>>>;

/// Has tungstenite read a socket that has been upgraded. In a box, as is all that only begins or ends a connection: a task
/// has room for everything that it ever moves, as long as it lives.
pub(super) async fn accepted(socket: Switched, max: Option<usize>) -> Box<Accepted> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_PONGS)
        .max_message_size(max)
        .max_frame_size(max);
    let (wire, read) = wire_of(socket);
    let accepted = WebSocketStream::from_partially_read(wire, read, Role::Server, Some(config));
    Box::new(accepted.await)
}

/// The socket, with what is to be written first, and what was read from it already.
fn wire_of(switched: Switched) -> (Wire<Box<dyn Io>>, Vec<u8>) {
    let mut wire = Wire::new(switched.socket);
    if !switched.unsent.is_empty() {
        wire.push(switched.unsent);
    }
    (wire, switched.read)
}

/// Closes a socket that never became a receive request.
pub(crate) async fn refuse(socket: Switched) {
    let (wire, _) = wire_of(socket);
    let _ = timeout(CLOSING, say_goodbye(wire, CLOSE)).await;
}

pub(super) async fn say_goodbye<S: AsyncWrite + Unpin>(mut wire: Wire<S>, close: &'static [u8]) {
    wire.push(Bytes::from_static(close));
    let _ = std::future::poll_fn(|cx| Pin::new(&mut wire).poll_shutdown(cx)).await;
}

/// A WebSocket whose messages are calls.
struct Framed {
    socket: Box<Accepted>,
    session: Session,
}

impl Socket for Framed {
    fn poll_heard(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        Pin::new(&mut self.socket)
            .poll_next(cx)
            .map(|next| match next {
                Some(Ok(Frame::Text(text))) => Heard::Message(text.into()),
                Some(Ok(Frame::Pong(payload))) if *payload == *b"?" => Heard::Reached,
                Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => Heard::Alive,
                Some(Ok(Frame::Close(_))) => Heard::Goodbye,
                Some(Ok(Frame::Binary(_)) | Err(_)) | None => Heard::Lost,
            })
    }

    fn take(&mut self, opened: &Opened, message: Bytes) -> Option<Work> {
        let Opened { receiver, peer, .. } = opened;
        if let Some(receiver) = receiver {
            let text = String::from_utf8_lossy(&message).into_owned();
            let received = receiver.receive(peer.clone(), Some(text));
            // A message has no answer; a failure was logged.
            return Some(Work::Call(Box::pin(received.map(|_| None)), None));
        }
        if self.session.receive(message).is_err() {
            // Not answered: there is no id to answer to (`classic-signalr.md` 6.1).
            tracing::debug!(connection = %opened.connection.id, "a malformed message was ignored");
        }
        // A frame of this protocol is one message.
        let SessionEvent::Message(message) = self.session.poll_event()? else {
            return None;
        };
        let call = match answer_or_call(message)? {
            Ok(call) => call,
            Err(answer) => {
                answer::hand_on(&opened.node, &opened.connection, answer);
                return None;
            }
        };
        match dispatch(&opened.node.hubs, peer, call, opened.detailed_errors) {
            Dispatched::NoHub => {
                tracing::debug!(connection = %opened.connection.id, "a call of an unknown hub was ignored");
                None
            }
            Dispatched::Runs(running, turn) => Some(Work::Call(running, turn)),
        }
    }

    fn queued(&self) -> usize {
        self.socket.get_ref().queued()
    }

    fn push(&mut self, bytes: Bytes) {
        self.socket.get_mut().push(bytes);
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.get_mut().poll_drain(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_of_three_lengths() {
        for (len, head) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_535, vec![0x81, 126, 0xFF, 0xFF]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = BytesMut::new();
            header(len, &mut out);
            assert_eq!(&*out, head);
        }
    }
}
