//! [`Controller`]: what a client of XSockets' protocols asks of hubs (`delivery.md` e.1): they are opened, called and closed
//! one by one. Its transport hands on what it heard, and carries what is said.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use hub_core::{HubError, Line, Message, Peer, PersistentId, Protocol, Text};

use super::driver::Work;
use crate::connection::link::{Connection, Opened};
use crate::connection::{lifetime, sessions};
use crate::hubs::admit::admits;
use crate::hubs::dispatch::{Dispatched, dispatch};
use crate::node::Node;

/// What one client has asked for so far.
pub(super) struct Controller {
    /// Whether what waits for the client from before is to be forgotten.
    clean: bool,
    /// Hubs that it has opened: what waits for these is from now.
    begun: Vec<usize>,
    /// A line that is taken once more, when its hub is open.
    again: Option<Bytes>,
    /// Whether the line at hand is one of those.
    retried: bool,
}

impl Controller {
    pub(super) fn new(clean: bool) -> Self {
        Self {
            clean,
            begun: Vec::new(),
            again: None,
            retried: false,
        }
    }

    /// A line that is to be taken before any other.
    pub(super) fn again(&mut self) -> Option<Bytes> {
        let again = self.again.take();
        self.retried = again.is_some();
        again
    }

    pub(super) fn take(&mut self, opened: &Opened, message: Bytes) -> Option<Work> {
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

pub(super) fn failure(hub: &str, text: &str) -> Vec<u8> {
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
