//! The sub-protocol of XSockets on a WebSocket (`delivery.md` e.2): a frame is a packet. A hub is opened and closed on its
//! own; the connection is as long as the socket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::Stream;
use hub_core::{Packets, Protocol, XSockets};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::controller::Controller;
use super::driver::{Heard, Left, Socket, Work, drive};
use super::goodbye;
use super::websocket::{Accepted, CLOSE, CLOSING, TAKEN_OVER, accepted, header, say_goodbye};
use crate::connection::downlink::Downlink;
use crate::connection::link::{End, Opened};
use crate::http::switched::Switched;

/// A close frame with code 4002: the client broke the protocol.
const VIOLATED: &[u8] = &[0x88, 0x02, 0x0F, 0xA2];

/// Packets, each in a frame.
pub(crate) struct Packeted {
    /// Whether each message has a number, which the client acknowledges.
    pub(crate) numbers: bool,
}

impl Downlink for Packeted {
    fn protocol(&self) -> &'static dyn Protocol {
        &XSockets
    }

    fn name(&self) -> &'static str {
        "web_sockets"
    }

    fn slot(&self) -> Option<usize> {
        (!self.numbers).then_some(6)
    }

    /// A payload has a line for each message.
    fn wrap(&self, payload: &[u8], out: &mut BytesMut) {
        let lines = payload.split(|byte| *byte == b'\n');
        for line in lines.filter(|line| !line.is_empty()) {
            header(line.len(), out);
            out.put_slice(line);
        }
    }

    fn numbers(&self) -> bool {
        self.numbers
    }

    /// A packet would be for a hub.
    fn keep_alive(&self) -> Option<Bytes> {
        None
    }

    fn probe(&self) -> Option<&'static [u8]> {
        Some(b"\x89\x00")
    }
}

/// Serves a socket until it ends, by whichever side.
pub(crate) async fn serve(socket: Switched, clean: bool, opened: Opened) {
    let accepted = accepted(socket, opened.node.config.max_message);
    let socket = Packed {
        socket: Box::pin(accepted).await,
        controller: Controller::new(&XSockets, clean),
        binary: false,
        violated: false,
    };
    let (packed, left, goodbye) = drive(socket, opened).await;
    if let Some(frame) = goodbye.frame.clone() {
        return Box::pin(goodbye.say(goodbye::close(packed.socket, &frame))).await;
    }
    if left != Left::Lost {
        let close = match left {
            Left::Ended(Some(End::TakenOver)) => TAKEN_OVER,
            _ if packed.violated => VIOLATED,
            _ => CLOSE,
        };
        let goodbye = say_goodbye(packed.socket.into_inner(), close);
        let _ = Box::pin(timeout(CLOSING, goodbye)).await;
    }
}

/// A WebSocket whose frames are packets.
struct Packed {
    socket: Box<Accepted>,
    controller: Controller,
    /// Whether the frame at hand is a binary one.
    binary: bool,
    /// Whether the client broke the protocol.
    violated: bool,
}

impl Socket for Packed {
    fn poll_heard(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        if let Some(last) = self.controller.violation() {
            let mut framed = BytesMut::new();
            Packeted { numbers: true }.wrap(&last, &mut framed);
            self.push(framed.freeze());
            self.violated = true;
            return Poll::Ready(Heard::Goodbye);
        }
        // It is of the kind that was heard last.
        if let Some(message) = self.controller.again() {
            return Poll::Ready(Heard::Message(message));
        }
        Pin::new(&mut self.socket)
            .poll_next(cx)
            .map(|next| match next {
                Some(Ok(Frame::Text(text))) => {
                    self.binary = false;
                    Heard::Message(text.into())
                }
                Some(Ok(Frame::Binary(bytes))) => {
                    self.binary = true;
                    Heard::Message(bytes)
                }
                Some(Ok(Frame::Pong(_))) => Heard::Reached,
                Some(Ok(Frame::Ping(_) | Frame::Frame(_))) => Heard::Alive,
                Some(Ok(Frame::Close(_))) => Heard::Goodbye,
                Some(Err(_)) | None => Heard::Lost,
            })
    }

    fn take(&mut self, opened: &Opened, message: Bytes) -> Option<Work> {
        let binary = self.binary;
        let read = |message: &[u8]| match binary {
            true => XSockets.read_binary(message),
            false => XSockets.read(message),
        };
        self.controller.take(opened, message, read)
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
