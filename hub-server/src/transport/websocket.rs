//! WebSockets: one task per connection that reads all it can, runs what was asked, writes all that is ready, and flushes
//! once (`classic-signalr.md` 6.1).

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{FutureExt, Stream};
use hub_core::{BoxFuture, Message, Session, SessionEvent};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message as Frame, Utf8Bytes};

use super::wire::Wire;
use crate::connection::downlink::Downlink;
use crate::connection::lifetime;
use crate::connection::link::{Connection, End, Opened};
use crate::connection::resume::Reader;
use crate::hubs::dispatch::{Dispatched, Outcome, dispatch};
use crate::node::Node;

/// tungstenite fills its whole read buffer before each read: a large one costs more than it saves.
const READ_BUFFER: usize = 4 * 1024;

/// So many bytes of pongs wait for a peer that does not read them; then only the newest is kept. Without this bound
/// tungstenite would keep them all.
const MAX_PONGS: usize = 1024;

/// So many messages are taken before others get their turn.
const MESSAGES_A_TURN: usize = 64;

/// So many bytes are gathered for one flush.
const BYTES_A_FLUSH: usize = 64 * 1024;

/// How long a goodbye may take to leave.
const CLOSING: Duration = Duration::from_millis(250);

/// A close frame with code 1000 and no reason: the only one the original sends, whatever it was sent.
const CLOSE: &[u8] = &[0x88, 0x02, 0x03, 0xE8];

/// A close frame with code 4001: another connection of the same client has taken over.
const TAKEN_OVER: &[u8] = &[0x88, 0x02, 0x0F, 0xA1];

pub(crate) struct WebSocket;

impl Downlink for WebSocket {
    fn slot(&self) -> Option<usize> {
        Some(0)
    }

    fn wrap(&self, payload: &[u8], out: &mut BytesMut) {
        header(payload.len(), out);
        out.put_slice(payload);
    }

    fn keep_alive(&self) -> Option<Bytes> {
        Some(Bytes::from_static(b"\x81\x02{}"))
    }

    /// A ping: clients answer it before the application hears of it.
    fn probe(&self) -> Option<&'static [u8]> {
        Some(b"\x89\x00")
    }
}

/// The head of an unfragmented text frame from the server.
fn header(payload: usize, out: &mut BytesMut) {
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

/// Serves a socket until it ends, by whichever side. `read` is what was read from it already.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    socket: S,
    read: Vec<u8>,
    opened: Opened,
) {
    let max = opened.node.config.max_message;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_PONGS)
        .max_message_size(max)
        .max_frame_size(max);
    let socket =
        WebSocketStream::from_partially_read(Wire::new(socket), read, Role::Server, Some(config))
            .await;
    let session = Session::new(opened.node.protocol.clone());
    let mut driver = Driver {
        socket,
        session,
        opened,
        reader: Reader::default(),
        scratch: BytesMut::new(),
        heard: false,
    };
    let left = std::future::poll_fn(|cx| driver.poll(cx)).await;
    let Driver { socket, opened, .. } = driver;
    let Opened {
        node,
        connection,
        request,
        ..
    } = opened;
    lifetime::detach(&node, &connection, request, left == Left::Goodbye);
    if left != Left::Lost {
        // Without waiting for the peer's answer.
        let close = match left {
            Left::Ended(Some(End::TakenOver)) => TAKEN_OVER,
            _ => CLOSE,
        };
        let _ = timeout(CLOSING, say_goodbye(socket.into_inner(), close)).await;
    }
}

/// Closes a socket that never became a receive request.
pub(crate) async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(socket: S) {
    let _ = timeout(CLOSING, say_goodbye(Wire::new(socket), CLOSE)).await;
}

async fn say_goodbye<S: AsyncWrite + Unpin>(mut wire: Wire<S>, close: &'static [u8]) {
    wire.push(Bytes::from_static(close));
    let _ = std::future::poll_fn(|cx| Pin::new(&mut wire).poll_shutdown(cx)).await;
}

/// How a socket ended.
#[derive(Debug, PartialEq, Eq)]
enum Left {
    /// The client closed it properly.
    Goodbye,
    /// It broke, or what came was not the protocol's framing: cut without a word.
    Lost,
    /// This side ends it, or a newer request has replaced it.
    Ended(Option<End>),
}

struct Driver<S> {
    socket: WebSocketStream<Wire<S>>,
    session: Session,
    opened: Opened,
    reader: Reader,
    scratch: BytesMut,
    /// Whether the client was heard of since the last look.
    heard: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Left> {
        loop {
            let reading = match self.read(cx) {
                Ok(reading) => reading,
                Err(left) => return Poll::Ready(left),
            };
            self.reader.poll(cx, &self.opened);
            let written = match self.write(cx) {
                Poll::Ready(Err(left)) => return Poll::Ready(left),
                written => written.is_ready(),
            };
            if reading == Reading::HadItsTurn {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            // Writing made room: there may be more to read, from the log or from the socket.
            let room = written
                && (self.reader.is_due(&self.opened.connection)
                    || reading == Reading::Paused && self.may_read());
            if !room {
                return Poll::Pending;
            }
        }
    }

    fn may_read(&self) -> bool {
        let Opened {
            node, connection, ..
        } = &self.opened;
        let room = connection.running.load(Ordering::Acquire) < node.config.max_open_calls;
        room && !connection.link().is_pressed()
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Result<Reading, Left> {
        for _ in 0..MESSAGES_A_TURN {
            if !self.may_read() {
                return Ok(Reading::Paused);
            }
            let polled = Pin::new(&mut self.socket).poll_next(cx);
            self.heard |= matches!(polled, Poll::Ready(Some(Ok(_))));
            match polled {
                Poll::Pending => return Ok(Reading::Dry),
                Poll::Ready(Some(Ok(Frame::Text(text)))) => self.receive(text),
                Poll::Ready(Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_)))) => {}
                Poll::Ready(Some(Ok(Frame::Close(_)))) => {
                    self.opened.connection.link().hear();
                    return Err(Left::Goodbye);
                }
                Poll::Ready(Some(Ok(Frame::Binary(_)) | Err(_)) | None) => return Err(Left::Lost),
            }
        }
        Ok(Reading::HadItsTurn)
    }

    fn receive(&mut self, text: Utf8Bytes) {
        let Opened { receiver, peer, .. } = &self.opened;
        if let Some(receiver) = receiver {
            let received = receiver.receive(peer.clone(), Some(text.as_str().to_owned()));
            // A message has no answer; a failure was logged.
            return self.run(Box::pin(received.map(|_| None)));
        }
        if self
            .session
            .receive(Instant::now().into_std(), text.into())
            .is_err()
        {
            // Not answered: there is no id to answer to (`classic-signalr.md` 6.1).
            tracing::debug!(connection = %self.opened.connection.id, "a malformed message was ignored");
        }
        while let Some(event) = self.session.poll_event() {
            let SessionEvent::Message(Message::Call(call)) = event else {
                continue;
            };
            let Opened {
                node,
                peer,
                detailed_errors,
                ..
            } = &self.opened;
            match dispatch(&node.hubs, peer, call, *detailed_errors) {
                Dispatched::NoHub => {
                    tracing::debug!(connection = %self.opened.connection.id, "a call of an unknown hub was ignored");
                }
                Dispatched::Runs(running) => self.run(running),
            }
        }
    }

    /// Runs a call: here as far as it goes without waiting, so that calls start in order and short ones cost no task.
    fn run(&mut self, mut running: BoxFuture<'static, Option<Outcome>>) {
        let Opened {
            node,
            connection,
            request,
            ..
        } = &self.opened;
        if let Poll::Ready(outcome) = running
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            if let Some(outcome) = outcome {
                answer(node, connection, *request, &outcome, &mut self.scratch);
            }
            return;
        }
        connection.running.fetch_add(1, Ordering::AcqRel);
        let (node, connection, request) = (node.clone(), connection.clone(), *request);
        tokio::spawn(async move {
            if let Some(outcome) = running.await {
                let mut scratch = BytesMut::new();
                answer(&node, &connection, request, &outcome, &mut scratch);
            }
            connection.running.fetch_sub(1, Ordering::AcqRel);
            connection.link().wake();
        });
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Left>> {
        let Opened {
            node,
            connection,
            request,
            ..
        } = &self.opened;
        let wire = self.socket.get_mut();
        loop {
            let mut link = connection.link();
            if link.request != *request {
                return Poll::Ready(Err(Left::Ended(None)));
            }
            if link.end.is_some() {
                return Poll::Ready(Err(Left::Ended(link.end)));
            }
            if std::mem::take(&mut self.heard) {
                link.hear();
            }
            link.settle(node.epoch);
            while wire.queued() < BYTES_A_FLUSH {
                match link.outbox.drain() {
                    Some(bytes) => wire.push(bytes),
                    None => break,
                }
            }
            let all = link.outbox.is_empty();
            link.park(cx.waker());
            drop(link);
            let drained = wire.poll_drain(cx);
            let mut link = connection.link();
            match drained {
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Left::Lost)),
                Poll::Pending => {
                    link.blocked.get_or_insert_with(Instant::now);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(())) => {
                    link.blocked = None;
                    if all && link.outbox.is_empty() {
                        link.flush(node.tide.passed());
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }
}

/// Where reading stopped.
#[derive(Debug, PartialEq, Eq)]
enum Reading {
    /// The socket has nothing more.
    Dry,
    /// Nothing more may be taken now.
    Paused,
    /// There may be more, but others wait.
    HadItsTurn,
}

/// Queues a call's answer, unless the socket that it came on was replaced: ids begin anew on the next one, and an old
/// answer would be taken for a new call's (`classic-signalr.md` 14.1).
fn answer(
    node: &Node,
    connection: &Connection,
    request: u64,
    outcome: &Outcome,
    scratch: &mut BytesMut,
) {
    scratch.clear();
    let completion = Message::Complete(outcome.completion.clone());
    node.protocol.write(&completion, scratch);
    let passed = node.tide.passed();
    let mut link = connection.link();
    if link.request != request || !link.attached {
        return;
    }
    if outcome.unserializable {
        link.finish(End::ComeBack);
    } else {
        link.answer(scratch, passed);
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
