//! Entries of queues as rows.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hub_core::{
    Ack, Append, Body, Command, Entry, Event, InvocationId, Item, NodeId, Payload, PersistentId,
    QueueName, Recipients, Topic,
};
use tokio::time::Instant;

use super::bytes::{Digest, Fields, Row, digest, seal};
use super::clock::Clock;
use super::rows::millis;
use crate::log::kept::ring::{Spot, weight};

/// Where an entry stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) queue: u32,
    pub(super) order: u64,
}

impl At {
    fn place(self) -> [u64; 2] {
        [u64::from(self.queue), self.order]
    }
}

/// The row of an entry, all but its head: whoever asks makes it, not the writer.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// With room for a head.
    row: Row,
    /// Of what stands behind it.
    digest: Digest,
}

/// What stands before the rest: four numbers and whether one of them counts.
const HEAD: usize = 4 * 8 + 1;

/// The row of an entry, as far as it is known before it has a place.
pub(super) fn draft(append: &Append) -> Draft {
    let mut row = Row::with_room(HEAD + weight(&append.body));
    row.bytes_of(&[0; HEAD]);
    row.list(&append.also, topic);
    row.list(&append.except, |row, who| row.text(who.as_str()));
    row.byte(u8::from(append.terms.only.is_some()));
    if let Some(only) = &append.terms.only {
        row.list(&only.owners, |row, owner| row.text(owner.as_str()));
        row.list(&only.users, |row, user| row.text(user.as_str()));
    }
    row.byte(u8::from(append.ack.is_some()));
    if let Some(ack) = append.ack {
        row.number(ack.node.0);
        row.number(ack.number);
    }
    body(&mut row, &append.body);
    let digest = digest(0, row.get(HEAD..).unwrap_or_default());
    Draft { row, digest }
}

/// The row of an entry that has a place.
pub(super) fn write(
    at: At,
    spot: &Spot,
    life: Option<Duration>,
    clock: &Clock,
    draft: Draft,
) -> Vec<u8> {
    let mut head = Row::with_room(HEAD);
    head.number(spot.offset);
    head.number(spot.bytes as u64);
    head.byte(u8::from(spot.expires.is_some()));
    head.number(spot.expires.map_or(0, |at| clock.wall(at)));
    head.number(life.map_or(0, millis));
    let Draft { mut row, digest } = draft;
    let seal = seal(&at.place(), &[&head, &digest.to_le_bytes()]);
    row.begin_with(&head);
    row.bytes_of(&seal);
    row.into()
}

/// The fields of a row that is whole and stands where it was written.
fn open(at: At, row: &[u8]) -> Option<Fields<'_>> {
    let (fields, sealed) = row.split_last_chunk()?;
    let (head, rest) = fields.split_at_checked(HEAD)?;
    let digest = digest(0, rest).to_le_bytes();
    let whole = *sealed == seal(&at.place(), &[head, &digest]);
    whole.then(|| Fields::plain(fields))
}

/// What such a row counts; `None` if it was damaged.
pub(super) fn spot(at: At, clock: &Clock, row: &[u8]) -> Option<Spot> {
    read_spot(at, clock, &mut open(at, row)?)
}

fn read_spot(at: At, clock: &Clock, fields: &mut Fields<'_>) -> Option<Spot> {
    let offset = fields.number()?;
    let bytes = usize::try_from(fields.number()?).ok()?;
    let mortal = fields.byte()? != 0;
    let (expires, life) = (fields.number()?, fields.number()?);
    let expires = clock.moment(expires, Duration::from_millis(life));
    Some(Spot {
        order: at.order,
        offset,
        bytes,
        expires: expires.filter(|_| mortal),
    })
}

/// What such a row says; `None` if it was damaged.
pub(super) fn read(at: At, topic: &Topic, clock: &Clock, row: &[u8]) -> Option<Entry> {
    let mut fields = open(at, row)?;
    let spot = read_spot(at, clock, &mut fields)?;
    let also = fields.list(read_topic)?;
    let except = fields.list(|fields| Some(fields.text()?.into()))?;
    let mut only = None;
    if fields.byte()? != 0 {
        only = Some(Recipients {
            owners: fields.list(|it| PersistentId::parse(it.text()?))?.into(),
            users: fields.list(|it| Some(it.text()?.into()))?.into(),
        });
    }
    let mut ack = None;
    if fields.byte()? != 0 {
        ack = Some(Ack {
            node: NodeId(fields.number()?),
            number: fields.number()?,
        });
    }
    let append = Append {
        also: also.into(),
        except: Arc::from(except),
        ack,
        ..Append::new(topic.clone(), read_body(&mut fields)?)
    };
    let mut entry = Entry::new(at.order, spot.offset, append);
    entry.only = only;
    entry.expires = spot.expires.map(Instant::into_std);
    Some(entry)
}

fn topic(row: &mut Row, topic: &Topic) {
    let (tag, hub, name) = match topic {
        Topic::All(hub) => (0, hub.as_str(), ""),
        Topic::Group(hub, group) => (1, hub.as_str(), group.as_str()),
        Topic::User(hub, user) => (2, hub.as_str(), user.as_str()),
        Topic::Connection(hub, id) => (3, hub.as_str(), id.as_str()),
        Topic::Control(id) => (4, "", id.as_str()),
        Topic::Queue(hub, queue) => (5, hub.as_str(), queue.as_str()),
        Topic::Node(node) => {
            row.byte(6);
            return row.number(node.0);
        }
        // A kind that this log does not know: nobody will look for it after a restart.
        _ => (7, "", ""),
    };
    row.byte(tag);
    row.text(hub);
    row.text(name);
}

fn read_topic(fields: &mut Fields<'_>) -> Option<Topic> {
    let tag = fields.byte()?;
    if tag == 6 {
        return Some(Topic::Node(NodeId(fields.number()?)));
    }
    let (hub, name) = (fields.text()?.into(), fields.text()?);
    Some(match tag {
        0 | 7 => Topic::All(hub),
        1 => Topic::Group(hub, name.into()),
        2 => Topic::User(hub, name.into()),
        3 => Topic::Connection(hub, name.into()),
        4 => Topic::Control(name.into()),
        5 => Topic::Queue(hub, QueueName::new(name)),
        _ => return None,
    })
}

fn body(row: &mut Row, body: &Body) {
    match body {
        Body::Event(event) => {
            row.byte(0);
            row.text(event.hub.as_str());
            row.text(&event.method);
            row.bytes(event.args.as_bytes());
            optional(row, event.state.as_ref());
        }
        Body::Progress(item) => {
            row.byte(1);
            row.text(item.id.as_str());
            row.bytes(item.value.as_bytes());
            optional(row, item.state.as_ref());
        }
        Body::Value(value) => {
            row.byte(2);
            row.bytes(value.as_bytes());
        }
        Body::Command(command) => self::command(row, command),
        // Reads as damaged; `is_known` keeps it out.
        _ => row.byte(u8::MAX),
    }
}

/// Whether a body is of a kind that this log can write down.
pub(super) fn is_known(body: &Body) -> bool {
    matches!(
        body,
        Body::Event(_) | Body::Progress(_) | Body::Value(_) | Body::Command(_)
    )
}

fn read_body(fields: &mut Fields<'_>) -> Option<Body> {
    Some(match fields.byte()? {
        0 => Body::Event(Event {
            hub: fields.text()?.into(),
            method: fields.text()?.into(),
            args: payload(fields)?,
            state: read_optional(fields)?,
            tag: None,
        }),
        1 => Body::Progress(Item {
            id: InvocationId::new(fields.text()?),
            value: payload(fields)?,
            state: read_optional(fields)?,
        }),
        2 => Body::Value(payload(fields)?),
        tag => Body::Command(read_command(tag, fields)?),
    })
}

fn command(row: &mut Row, command: &Command) {
    match command {
        Command::Join(hub, group, ack) | Command::Leave(hub, group, ack) => {
            row.byte(if matches!(command, Command::Join(..)) {
                3
            } else {
                4
            });
            row.text(hub.as_str());
            row.text(group.as_str());
            row.number(ack.node.0);
            row.number(ack.number);
        }
        Command::Abort => row.byte(5),
        Command::Claim(node) => {
            row.byte(6);
            row.number(node.0);
        }
        Command::Acknowledge(number) => {
            row.byte(7);
            row.number(*number);
        }
        _ => row.byte(u8::MAX),
    }
}

fn read_command(tag: u8, fields: &mut Fields<'_>) -> Option<Command> {
    Some(match tag {
        3 | 4 => {
            let (hub, group) = (fields.text()?.into(), fields.text()?.into());
            let ack = Ack {
                node: NodeId(fields.number()?),
                number: fields.number()?,
            };
            if tag == 3 {
                Command::Join(hub, group, ack)
            } else {
                Command::Leave(hub, group, ack)
            }
        }
        5 => Command::Abort,
        6 => Command::Claim(NodeId(fields.number()?)),
        7 => Command::Acknowledge(fields.number()?),
        _ => return None,
    })
}

fn payload(fields: &mut Fields<'_>) -> Option<Payload> {
    Payload::from_json(Bytes::copy_from_slice(fields.bytes()?)).ok()
}

fn optional(row: &mut Row, value: Option<&Payload>) {
    row.byte(u8::from(value.is_some()));
    if let Some(value) = value {
        row.bytes(value.as_bytes());
    }
}

fn read_optional(fields: &mut Fields<'_>) -> Option<Option<Payload>> {
    Some(match fields.byte()? {
        0 => None,
        _ => Some(payload(fields)?),
    })
}
