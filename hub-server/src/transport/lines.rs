//! The text protocol over plain TCP: lines of `hub|topic|data` (`delivery.md` e.1). A hub is opened and closed on its own;
//! the connection is as long as the socket.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hub_core::{
    ConnectionId, HubError, Identity, Line, Message, Peer, PersistentId, Protocol, Start, Text,
    Topic,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::driver::{Heard, Left, Socket, Work, drive};
use super::first_line::FirstLine;
use super::line_reader::LineReader;
use super::wire::Wire;
use crate::connection::downlink::Downlink;
use crate::connection::link::{Attach, Connection, End, Opened};
use crate::connection::{lifetime, sessions};
use crate::hubs::admit::admits;
use crate::hubs::dispatch::{Dispatched, dispatch};
use crate::node::Node;

/// How long a client may take for its first line.
const HANDSHAKE: Duration = Duration::from_secs(15);

/// How long a goodbye may take to leave.
const CLOSING: Duration = Duration::from_millis(250);

pub(crate) struct Lines;

impl Downlink for Lines {
    fn protocol(&self) -> &'static dyn Protocol {
        &Text
    }

    fn slot(&self) -> Option<usize> {
        Some(4)
    }

    fn wrap(&self, payload: &[u8], out: &mut BytesMut) {
        out.extend_from_slice(payload);
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
    if node.is_leaving() {
        return;
    }
    let max = node.config.max_message.unwrap_or(usize::MAX);
    let mut reader = LineReader::new(socket, max);
    let first = timeout(HANDSHAKE, std::future::poll_fn(|cx| reader.poll_line(cx))).await;
    let Ok(Ok(Some(first))) = first else { return };
    let asked = match FirstLine::read(&first) {
        Ok(asked) => asked,
        Err(text) => return say(&mut reader.wire, &failure("", text)).await,
    };
    if !matches!(node.log.bind(&asked.persistent_id, None).await, Ok(true)) {
        let text = "The PersistentId is another user's.";
        return say(&mut reader.wire, &failure("", text)).await;
    }
    reader
        .wire
        .push(Bytes::from_static(b"Welcome to PuttyProtocol\r\n"));
    let peer = Arc::new(Peer {
        id: ConnectionId::new(uuid::Uuid::new_v4().to_string()),
        identity: Identity::default(),
        request: asked.request,
        persistent_id: Some(asked.persistent_id),
        items: Arc::default(),
        outlet: node.clone(),
    });
    let attach = Attach {
        peer: peer.clone(),
        hubs: Vec::new(),
        topics: vec![Topic::Control(peer.id.clone())],
        groups: Vec::new(),
        downlink: Arc::new(Lines),
        groups_token: Box::new(|_| String::new()),
        bare: true,
    };
    let attached = node.registry.attach(attach, Start::End, false);
    lifetime::take_over(&node, &peer, &attached.connection).await;
    let opened = Opened {
        node,
        connection: attached.connection,
        request: attached.request,
        peer,
        detailed_errors,
        receiver: None,
    };
    let lines = Spoken {
        reader,
        clean: asked.clean,
        begun: Vec::new(),
        again: None,
        retried: false,
    };
    let (mut lines, left) = drive(lines, opened).await;
    if left == Left::Ended(Some(End::TakenOver)) {
        let text = failure(
            "",
            "Another connection with the same PersistentId has taken over.",
        );
        return say(&mut lines.reader.wire, &text).await;
    }
    if left != Left::Lost {
        say(&mut lines.reader.wire, b"").await;
    }
}

/// Says a last word, and closes.
async fn say<S: AsyncWrite + Unpin>(wire: &mut Wire<S>, text: &[u8]) {
    wire.push(Bytes::copy_from_slice(text));
    let shut = std::future::poll_fn(|cx| Pin::new(&mut *wire).poll_shutdown(cx));
    let _ = timeout(CLOSING, shut).await;
}

/// A socket whose lines are calls.
struct Spoken<S> {
    reader: LineReader<S>,
    /// Whether what waits for the client from before is to be forgotten.
    clean: bool,
    /// Hubs that it has opened: what waits for these is from now.
    begun: Vec<usize>,
    /// A line that is taken once more, when its hub is open.
    again: Option<Bytes>,
    /// Whether the line at hand is one of those.
    retried: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket for Spoken<S> {
    fn poll_heard(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        if let Some(line) = self.again.take() {
            self.retried = true;
            return Poll::Ready(Heard::Message(line));
        }
        self.retried = false;
        Poll::Ready(match ready!(self.reader.poll_line(cx)) {
            Ok(Some(line)) => Heard::Message(line),
            Ok(None) => Heard::Goodbye,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.push(failure("", "a line is too long").into());
                Heard::Goodbye
            }
            Err(_) => Heard::Lost,
        })
    }

    fn take(&mut self, opened: &Opened, message: Bytes) -> Option<Work> {
        if message.is_empty() {
            return None;
        }
        let Ok(text) = std::str::from_utf8(&message) else {
            return refuse(opened, "", "a line must be UTF-8");
        };
        let line = match Line::parse(text) {
            Ok(line) => line,
            Err(error) => return refuse(opened, "", &error.to_string()),
        };
        let node = &opened.node;
        let Some(hub) = node.hubs.index_of(line.hub) else {
            return refuse(opened, line.hub, "there is no such hub");
        };
        let is_open = opened.connection.link().hubs.contains(&hub);
        match line.topic {
            "3" if is_open => Some(Work::Step(Box::pin(close(opened.parts(), hub)))),
            "3" => None,
            "1" if is_open => None,
            "7" => {
                let (hub, data) = (line.hub, line.data);
                answer(opened, &written(hub, "8", data));
                None
            }
            "8" => None,
            topic if is_reserved(topic) && topic != "1" => {
                refuse(opened, line.hub, "this server does not serve that topic")
            }
            topic => {
                if !is_open && self.retried {
                    // It was told why.
                    return None;
                }
                if !is_open {
                    self.again = (topic != "1").then(|| message.clone());
                    let clean = self.clean && !self.begun.contains(&hub);
                    if clean {
                        self.begun.push(hub);
                    }
                    let open = open(opened.parts(), hub, clean);
                    return Some(Work::Step(Box::pin(open)));
                }
                call(opened, &message)
            }
        }
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

/// Numbers and storage topics have a meaning of their own.
fn is_reserved(topic: &str) -> bool {
    let numbers = !topic.is_empty() && topic.bytes().all(|b| b.is_ascii_digit());
    numbers
        || matches!(
            topic,
            "s1" | "s2" | "s3" | "s4" | "subscribe" | "unsubscribe"
        )
}

fn call(opened: &Opened, line: &Bytes) -> Option<Work> {
    let mut messages = VecDeque::new();
    if let Err(error) = Text.decode(&mut line.clone(), &mut messages) {
        return refuse(opened, "", &error.to_string());
    }
    let Some(Message::Call(call)) = messages.pop_front() else {
        return None;
    };
    match dispatch(
        &opened.node.hubs,
        &opened.peer,
        call,
        opened.detailed_errors,
    ) {
        Dispatched::NoHub => None,
        Dispatched::Runs(running) => Some(Work::Call(running)),
    }
}

fn refuse(opened: &Opened, hub: &str, text: &str) -> Option<Work> {
    answer(opened, &failure(hub, text));
    None
}

/// What opening and closing a hub need of a connection.
struct Parts {
    node: Arc<Node>,
    connection: Arc<Connection>,
    peer: Arc<Peer>,
}

impl Opened {
    fn parts(&self) -> Parts {
        Parts {
            node: self.node.clone(),
            connection: self.connection.clone(),
            peer: self.peer.clone(),
        }
    }
}

/// Opens a hub: the client is told first, so that everything of the hub comes after that.
async fn open(parts: Parts, hub: usize, clean: bool) {
    let Parts {
        node,
        connection,
        peer,
    } = parts;
    let Some(registered) = node.hubs.get(hub) else {
        return;
    };
    let name = registered.spec.name;
    if !admits(registered, &peer.request, &peer.identity).await {
        connection.link().write(&failure(name, "not authorized"));
        return connection.link().wake();
    }
    sessions::open(&node, &peer, &registered.name).await;
    if clean {
        sessions::forget(&peer, &registered.name);
    }
    let owner = peer.persistent_id.as_ref();
    let owner = owner.map(PersistentId::as_str).unwrap_or_default();
    let opened = written(name, "2", &format!("PI:{owner},CI:{}", peer.id));
    connection.link().write(&opened);
    if let Err(error) = lifetime::open(&node, &connection, &peer, hub).await {
        connection.link().write(&failed(name, &error));
        lifetime::close(&node, &connection, &peer, hub).await;
    }
    connection.link().wake();
}

async fn close(parts: Parts, hub: usize) {
    let Parts {
        node,
        connection,
        peer,
    } = parts;
    lifetime::close(&node, &connection, &peer, hub).await;
    let name = node
        .hubs
        .get(hub)
        .map_or("", |registered| registered.spec.name);
    let mut link = connection.link();
    link.write(&written(name, "3", ""));
    link.wake();
}

fn answer(opened: &Opened, text: &[u8]) {
    opened.connection.link().write(text);
}

fn failed(hub: &str, error: &HubError) -> Vec<u8> {
    let text = if error.is_public() {
        error.message()
    } else {
        "the hub could not be opened"
    };
    failure(hub, text)
}

fn failure(hub: &str, text: &str) -> Vec<u8> {
    written(
        hub,
        "4",
        &serde_json::json!({ "Message": text }).to_string(),
    )
}

fn written(hub: &str, topic: &str, data: &str) -> Vec<u8> {
    let mut out = BytesMut::new();
    Line { hub, topic, data }.write(&mut out);
    out.to_vec()
}
