//! [`Controller`]: what a client of XSockets' protocols asks of hubs (`delivery.md` e.1): they are opened, called and closed
//! one by one, topics are subscribed to, values kept. Its transport hands on the packets that it heard; answers come back on
//! their topics.

use std::sync::Arc;

use bytes::Bytes;
use hub_core::{BoxFuture, Context, HubError, Packet, Packets, Payload, Peer, State};

use super::driver::Work;
use super::mistakes::Mistakes;
use super::properties;
use super::storage::{self, Storage};
use super::topics::{self, Subscription};
use crate::connection::link::{Connection, Opened};
use crate::connection::{lifetime, sessions};
use crate::hubs::admit::admits;
use crate::hubs::dispatch::{Dispatched, dispatch_or_publish};
use crate::node::Node;

/// What one client has asked for so far.
pub(super) struct Controller {
    wire: &'static dyn Packets,
    /// Whether what waits for the client from before is to be forgotten.
    clean: bool,
    /// Hubs that it has opened: what waits for these is from now.
    begun: Vec<usize>,
    /// A message that is taken once more, when its hub is open.
    again: Option<Bytes>,
    /// Whether the message at hand is one of those.
    retried: bool,
    /// What to tell a client that broke the protocol, before its connection ends.
    violation: Option<Bytes>,
    mistakes: Mistakes,
}

impl Controller {
    pub(super) fn new(wire: &'static dyn Packets, clean: bool) -> Self {
        Self {
            wire,
            clean,
            begun: Vec::new(),
            again: None,
            retried: false,
            violation: None,
            mistakes: Mistakes::default(),
        }
    }

    /// A message that is to be taken before any other.
    pub(super) fn again(&mut self) -> Option<Bytes> {
        let again = self.again.take();
        self.retried = again.is_some();
        again
    }

    /// The last word to a client that broke the protocol.
    pub(super) fn violation(&mut self) -> Option<Bytes> {
        self.violation.take()
    }

    /// Takes a message, as its transport read it.
    pub(super) fn take(
        &mut self,
        opened: &Opened,
        message: Bytes,
        read: impl FnOnce(&[u8]) -> Result<Packet, hub_core::ProtocolError>,
    ) -> Option<Work> {
        let packet = match read(&message) {
            Ok(packet) => packet,
            Err(error) => return self.correct(opened, "", &error.to_string()),
        };
        // What is acknowledged is that it came, before anything is done about it.
        if packet.asks && packet.topic != "9" && !self.retried {
            let acknowledged = self.wire.acknowledge(&packet);
            self.say(opened, &acknowledged.unwrap_or_default());
        }
        match Asked::of(&packet.topic) {
            Asked::Nothing => None,
            Asked::Pong => {
                let pong = self.wire.say(&packet.hub, "8", packet.data.as_ref());
                self.say(opened, &pong);
                None
            }
            Asked::Acknowledgement => {
                self.acknowledge(opened, &packet);
                None
            }
            Asked::Unserved => {
                self.correct(opened, &packet.hub, "this server does not serve that topic")
            }
            asked => self.ask(opened, packet, asked, message),
        }
    }

    /// What is asked of a hub. One that is not open is opened first.
    fn ask(
        &mut self,
        opened: &Opened,
        packet: Packet,
        asked: Asked,
        message: Bytes,
    ) -> Option<Work> {
        let Some(hub) = opened.node.hubs.index_of(&packet.hub) else {
            return self.refuse(opened, &packet.hub, "there is no such hub");
        };
        let is_open = opened.connection.link().hubs.contains(&hub);
        let parts = || Parts {
            node: opened.node.clone(),
            connection: opened.connection.clone(),
            peer: opened.peer.clone(),
            wire: self.wire,
        };
        let work: BoxFuture<'static, ()> = match asked {
            Asked::Close if is_open => Box::pin(close(parts(), hub)),
            Asked::Close => return None,
            Asked::Open if is_open => return None,
            // It was told why.
            _ if !is_open && self.retried => return None,
            _ if !is_open => {
                let clean = self.clean && !self.begun.contains(&hub);
                let work = Box::pin(open(parts(), hub, clean));
                if clean {
                    self.begun.push(hub);
                }
                self.again = (asked != Asked::Open).then_some(message);
                work
            }
            Asked::Subscription(what) => Box::pin(subscription(parts(), hub, what, packet)),
            Asked::Storage(what) => Box::pin(keep(parts(), hub, what, packet)),
            _ if Self::is_property(opened, hub, &packet) => {
                Box::pin(property(parts(), hub, packet))
            }
            _ => return self.call(opened, &packet),
        };
        Some(Work::Step(work))
    }

    /// Whether it reads or writes a session property.
    fn is_property(opened: &Opened, hub: usize, packet: &Packet) -> bool {
        let node = &opened.node;
        let registered = node.hubs.get(hub);
        registered.is_some_and(|hub| properties::of_topic(node, hub, &packet.topic).is_some())
    }

    /// Calls a method, or publishes if the hub has none of that name.
    fn call(&mut self, opened: &Opened, packet: &Packet) -> Option<Work> {
        if let Err(wrong) = topics::check(&packet.topic) {
            return self.correct(opened, &packet.hub, wrong);
        }
        let call = match packet.call() {
            Ok(call) => call,
            Err(error) => return self.correct(opened, &packet.hub, &error.to_string()),
        };
        let Opened { node, peer, .. } = opened;
        let published = packet.published();
        match dispatch_or_publish(&node.hubs, peer, call, published, opened.detailed_errors) {
            Dispatched::NoHub => None,
            Dispatched::Runs(running, turn) => Some(Work::Call(running, turn)),
        }
    }

    fn acknowledge(&mut self, opened: &Opened, packet: &Packet) {
        let number = packet.number.as_deref();
        // Only digits: `parse` would also take a sign.
        let number = number.filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let number = number.and_then(|text| text.parse().ok());
        let highest = self.wire.highest();
        let taken = opened.connection.link().acknowledge(number, highest);
        if taken.is_err() {
            tracing::debug!(connection = %opened.connection.id, "an acknowledgement of nothing ends a connection");
            let text = "an acknowledgement of a message that was not sent";
            self.violation = Some(failure(self.wire, &packet.hub, text));
        }
    }

    /// Answers what can't be read; with the last one that is borne the connection ends.
    fn correct(&mut self, opened: &Opened, hub: &str, text: &str) -> Option<Work> {
        let told = failure(self.wire, hub, text);
        if self.mistakes.one_more(opened.node.config.protocol_errors) {
            tracing::debug!(connection = %opened.connection.id, "a client that makes too many mistakes has to go");
            self.violation = Some(told);
        } else {
            self.say(opened, &told);
        }
        None
    }

    fn refuse(&self, opened: &Opened, hub: &str, text: &str) -> Option<Work> {
        self.say(opened, &failure(self.wire, hub, text));
        None
    }

    fn say(&self, opened: &Opened, text: &[u8]) {
        if !text.is_empty() {
            opened.connection.link().write(text);
        }
    }
}

/// What a topic asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Open,
    Close,
    Pong,
    Acknowledgement,
    Subscription(Subscription),
    Storage(Storage),
    /// A method, or a topic of the hub's own.
    Call,
    /// What only needs to be taken note of.
    Nothing,
    /// A number that a client has no use for.
    Unserved,
}

impl Asked {
    fn of(topic: &str) -> Self {
        let is = |word: &str| topic.eq_ignore_ascii_case(word);
        match topic {
            "1" => Self::Open,
            "3" => Self::Close,
            "5" => Self::Subscription(Subscription::Begin),
            "6" => Self::Subscription(Subscription::End),
            "7" => Self::Pong,
            // An error is never answered with one.
            "4" | "8" | "10" | "11" | "12" | "13" | "14" => Self::Nothing,
            "9" => Self::Acknowledgement,
            _ if is("s1") => Self::Storage(Storage::Set),
            _ if is("s2") => Self::Storage(Storage::Get),
            _ if is("s3") => Self::Storage(Storage::Remove),
            _ if is("s4") => Self::Storage(Storage::Clear),
            _ if is("subscribe") => Self::Subscription(Subscription::Begin),
            _ if is("unsubscribe") => Self::Subscription(Subscription::End),
            _ if topic.bytes().all(|b| b.is_ascii_digit()) => Self::Unserved,
            _ => Self::Call,
        }
    }
}

/// What is done before anything else is read needs of a connection.
struct Parts {
    node: Arc<Node>,
    connection: Arc<Connection>,
    peer: Arc<Peer>,
    wire: &'static dyn Packets,
}

impl Parts {
    fn say(&self, text: &[u8]) {
        let mut link = self.connection.link();
        link.write(text);
        link.wake();
    }

    fn context(&self, hub: usize) -> Option<Context> {
        let name = self.node.hubs.get(hub)?.name.clone();
        Some(Context::new(
            self.peer.clone(),
            name,
            None,
            Arc::new(State::default()),
        ))
    }
}

/// Opens a hub: the client is told first, so that everything of the hub comes after that.
async fn open(parts: Parts, hub: usize, clean: bool) {
    let Parts {
        node,
        connection,
        peer,
        wire,
    } = &parts;
    let Some(registered) = node.hubs.get(hub) else {
        return;
    };
    let name = registered.spec.name;
    if !admits(registered, &peer.request, &peer.identity).await {
        return parts.say(&failure(*wire, name, "not authorized"));
    }
    sessions::open(node, peer, &registered.name).await;
    if clean {
        sessions::forget(peer, &registered.name);
    }
    let owner = peer.persistent_id.as_ref();
    // As it brings it the next time.
    let owner = owner.map(|owner| node.persistent_ids.text(owner));
    let owner = owner.unwrap_or_default();
    connection
        .link()
        .write(&wire.opened(name, &owner, peer.id.as_str()));
    if let Err(error) = lifetime::open(node, connection, peer, hub).await {
        let text = public(&error, "the hub could not be opened");
        connection.link().write(&failure(*wire, name, text));
        lifetime::close(node, connection, peer, hub).await;
    }
    connection.link().wake();
}

async fn close(parts: Parts, hub: usize) {
    let Parts {
        node,
        connection,
        peer,
        wire,
    } = &parts;
    lifetime::close(node, connection, peer, hub).await;
    let name = node
        .hubs
        .get(hub)
        .map_or("", |registered| registered.spec.name);
    parts.say(&wire.say(name, "3", None));
}

async fn subscription(parts: Parts, hub: usize, what: Subscription, packet: Packet) {
    let Some(cx) = parts.context(hub) else { return };
    let groups = parts.connection.link().groups.clone();
    let said = match topics::change(&cx, what, &packet, &groups).await {
        Ok(Some(topic)) => parts.wire.say(&packet.hub, &topic, packet.data.as_ref()),
        Ok(None) => return,
        Err(text) => failure(parts.wire, &packet.hub, text),
    };
    parts.say(&said);
}

async fn keep(parts: Parts, hub: usize, what: Storage, packet: Packet) {
    let Some(cx) = parts.context(hub) else { return };
    let said = match storage::change(&cx, what, &packet).await {
        Ok(Some((topic, value))) => parts.wire.say(&packet.hub, &topic, value.as_ref()),
        Ok(None) => return,
        Err(text) => failure(parts.wire, &packet.hub, text),
    };
    parts.say(&said);
}

async fn property(parts: Parts, hub: usize, packet: Packet) {
    let (Some(cx), Some(registered)) = (parts.context(hub), parts.node.hubs.get(hub)) else {
        return;
    };
    let found = properties::of_topic(&parts.node, registered, &packet.topic);
    let Some((what, property)) = found else {
        return;
    };
    let said = match properties::change(&cx, what, property, &packet).await {
        Ok(_) if what == properties::What::Set => return,
        Ok(value) => parts.wire.say(&packet.hub, &packet.topic, value.as_ref()),
        Err(text) => failure(parts.wire, &packet.hub, text),
    };
    parts.say(&said);
}

fn public<'a>(error: &'a HubError, neutral: &'a str) -> &'a str {
    if error.is_public() {
        error.message()
    } else {
        neutral
    }
}

/// What tells a client of a failure.
pub(crate) fn failure(wire: &dyn Packets, hub: &str, text: &str) -> Bytes {
    failure_on(wire, hub, "4", text)
}

/// The same on a topic of its own.
pub(super) fn failure_on(wire: &dyn Packets, hub: &str, topic: &str, text: &str) -> Bytes {
    let error = Payload::of(&serde_json::json!({ "Message": text }));
    wire.say(hub, topic, error.ok().as_ref())
}
