//! The text protocol over plain TCP: lines of `hub|topic|data` (`delivery.md` e.1). A hub is opened and closed on its own;
//! the connection is as long as the socket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hub_core::{CloseFrame, ConnectionId, Identity, Packets, Peer, Protocol, Start, Text, Topic};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::controller::{Controller, failure, failure_on};
use super::driver::{Heard, Left, Socket, Work, drive};
use super::first_line::FirstLine;
use super::line_reader::LineReader;
use super::spans::connection_span;
use super::wire::Wire;
use crate::connection::busy::Carrying;
use crate::connection::downlink::Downlink;
use crate::connection::lifetime;
use crate::connection::link::{Attach, End, Opened};
use crate::connection::persistent::Refusal;
use crate::load::retry_after;
use crate::node::Node;

/// How long a client may take for its first line.
const HANDSHAKE: Duration = Duration::from_secs(15);

/// How long a goodbye may take to leave.
const CLOSING: Duration = Duration::from_millis(250);

pub(crate) struct Lines {
    /// Whether each message has a number, which the client acknowledges.
    pub(super) numbers: bool,
}

impl Downlink for Lines {
    fn protocol(&self) -> &'static dyn Protocol {
        &Text
    }

    fn name(&self) -> &'static str {
        "text"
    }

    fn slot(&self) -> Option<usize> {
        (!self.numbers).then_some(4)
    }

    fn wrap(&self, payload: &[u8], out: &mut BytesMut) {
        out.extend_from_slice(payload);
    }

    fn numbers(&self) -> bool {
        self.numbers
    }

    /// A line would be for a hub.
    fn keep_alive(&self) -> Option<Bytes> {
        None
    }

    /// Nobody has to answer.
    fn is_silent(&self) -> bool {
        true
    }
}

/// Serves one socket.
pub(crate) async fn serve<S>(node: Arc<Node>, socket: S, detailed_errors: bool)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if node.is_leaving() && !node.is_closed() {
        return;
    }
    let max = node.config.max_message.unwrap_or(usize::MAX);
    let mut reader = LineReader::new(socket, max);
    let first = timeout(HANDSHAKE, std::future::poll_fn(|cx| reader.poll_line(cx))).await;
    let Ok(Ok(Some(first))) = first else { return };
    let asked = match FirstLine::read(&first) {
        Ok(asked) => asked,
        Err(text) => return say(&mut reader.wire, &failure(&Text, "", text)).await,
    };
    if !node.admits() {
        let why = if node.is_closed() {
            "the server stops"
        } else {
            "too many are here"
        };
        let text = format!("{why}; try again in {} s", retry_after());
        return say(&mut reader.wire, &failure(&Text, "", &text)).await;
    }
    let brought = asked.persistent_id.as_deref();
    let admitted = node.persistent_ids.admit(&*node.log, brought, None).await;
    let persistent_id = match admitted {
        Ok(id) => id,
        Err(refusal) => return say(&mut reader.wire, &unwelcome(refusal)).await,
    };
    reader
        .wire
        .push(Bytes::from_static(b"Welcome to PuttyProtocol\r\n"));
    let peer = Arc::new(Peer {
        id: ConnectionId::new(uuid::Uuid::new_v4().to_string()),
        identity: Identity::default(),
        request: Arc::new(asked.request),
        persistent_id: Some(persistent_id),
        items: Arc::default(),
        outlet: node.clone(),
    });
    let attach = Attach {
        peer: peer.clone(),
        hubs: Vec::new(),
        topics: vec![Topic::Control(peer.id.clone())],
        groups: Vec::new(),
        downlink: Arc::new(Lines {
            numbers: asked.acknowledges,
        }),
        groups_token: Box::new(|_| String::new()),
        bare: true,
        missed: Vec::new(),
    };
    let attached = node.registry.attach(attach, Start::End, false);
    lifetime::take_over(&node, &peer, &attached.connection).await;
    let span = connection_span(&node, &peer.id, "text", &[]);
    let opened = Opened {
        node,
        carrier: Carrying::of(&attached.connection),
        connection: attached.connection,
        request: attached.request,
        peer,
        detailed_errors,
        receiver: None,
        span,
    };
    let lines = Spoken {
        reader,
        controller: Controller::new(&Text, asked.clean),
    };
    let (mut lines, left, goodbye) = drive(lines, opened).await;
    if let Some(frame) = goodbye.frame.clone() {
        return goodbye.say(close(lines.reader, &frame)).await;
    }
    if left == Left::Ended(Some(End::TakenOver)) {
        let text = failure(
            &Text,
            "",
            "Another connection with the same PersistentId has taken over.",
        );
        return say(&mut lines.reader.wire, &text).await;
    }
    if left != Left::Lost {
        say(&mut lines.reader.wire, b"").await;
    }
}

/// What tells a client that its persistent id is not taken: that it may not have it, or that it was none.
fn unwelcome(refusal: Refusal) -> Bytes {
    let text = refusal.to_string();
    match refusal {
        Refusal::Forged | Refusal::OtherUser => failure_on(&Text, "", "0", &text),
        Refusal::Unreadable | Refusal::Unavailable => failure(&Text, "", &text),
    }
}

/// Says a last word, and closes.
async fn say<S: AsyncWrite + Unpin>(wire: &mut Wire<S>, text: &[u8]) {
    wire.push(Bytes::copy_from_slice(text));
    let shut = std::future::poll_fn(|cx| Pin::new(&mut *wire).poll_shutdown(cx));
    let _ = timeout(CLOSING, shut).await;
}

/// Says why the session is closed, if there is a reason; `true` if the client has closed its side, too. What it said and
/// nobody read would make TCP take back what was written.
async fn close<S>(mut reader: LineReader<S>, frame: &CloseFrame) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if !frame.why().is_empty() {
        reader.wire.push(failure(&Text, "", frame.why()));
    }
    let shut = std::future::poll_fn(|cx| Pin::new(&mut reader.wire).poll_shutdown(cx)).await;
    shut.is_ok()
        && loop {
            match std::future::poll_fn(|cx| reader.poll_line(cx)).await {
                Ok(Some(_)) => {}
                Ok(None) => break true,
                Err(_) => break false,
            }
        }
}

/// A socket whose lines are calls.
struct Spoken<S> {
    reader: LineReader<S>,
    controller: Controller,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket for Spoken<S> {
    fn poll_heard(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        if let Some(last) = self.controller.violation() {
            self.push(last);
            return Poll::Ready(Heard::Goodbye);
        }
        if let Some(line) = self.controller.again() {
            return Poll::Ready(Heard::Message(line));
        }
        Poll::Ready(match ready!(self.reader.poll_line(cx)) {
            Ok(Some(line)) => Heard::Message(line),
            Ok(None) => Heard::Goodbye,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.push(failure(&Text, "", "a line is too long"));
                Heard::Goodbye
            }
            Err(_) => Heard::Lost,
        })
    }

    fn take(&mut self, opened: &Opened, message: Bytes) -> Option<Work> {
        if message.is_empty() {
            return None;
        }
        self.controller
            .take(opened, message, |line| Text.read(line))
    }

    fn queued(&self) -> usize {
        self.reader.wire.queued()
    }

    fn push(&mut self, bytes: Bytes) {
        self.reader.wire.push(bytes);
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.reader.wire.poll_drain(cx)
    }
}
