//! Rows that are no entries: the whole, queues, leases, and whose ids are whose.

use std::time::Duration;

use bytes::Bytes;
use hub_core::{
    DedupeId, Epoch, HubName, Lease, LeaseKey, Payload, PersistentId, QueueName, Topic,
};

use super::bytes::{Fields, Row};
use crate::log::kept::ring::Tally;

/// Where rows stand, as their seals have it; entries have their own.
const ABOUT_PLACE: u64 = u64::MAX;
const QUEUES_PLACE: u64 = u64::MAX - 1;
pub(super) const LEASES_PLACE: u64 = u64::MAX - 2;
pub(super) const BOUND_PLACE: u64 = u64::MAX - 3;

pub(super) const NAMES_PLACE: u64 = u64::MAX - 4;

/// The form of the file. Another one is refused: its rows would be misread.
const VERSION: u64 = 4;

/// What concerns the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct About {
    pub(super) epoch: Epoch,
    /// No order beyond this one was given out.
    pub(super) reserved: u64,
    pub(super) fence: u64,
    /// Up to this order, queues may have been let go.
    pub(super) forgotten: u64,
    /// The wall clock when this was written, in milliseconds.
    pub(super) wall: u64,
    pub(super) next_queue: u64,
    pub(super) queues: u64,
    pub(super) leases: u64,
}

/// A queue as it is written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct QueueRow {
    pub(super) tally: Tally,
    pub(super) forgotten: u64,
    pub(super) damaged: u64,
}

/// Where the entry of a name is, and when it was written, by the wall clock in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameRow {
    pub(super) order: u64,
    pub(super) offset: u64,
    pub(super) at: u64,
}

/// A lease as it is written.
#[derive(Debug, Clone)]
pub(super) struct LeaseRow {
    pub(super) lease: Lease,
    /// When it is over by the wall clock, in milliseconds; `None` while it is held.
    pub(super) until: Option<u64>,
}

/// How many were bound before, and to whom this one is.
pub(super) type BoundRow = (u64, Box<str>);

pub(super) fn about_row(about: &About) -> Vec<u8> {
    let mut row = Row::default();
    row.number(VERSION);
    let About {
        epoch,
        reserved,
        fence,
        forgotten,
        wall,
        next_queue,
        queues,
        leases,
    } = *about;
    for number in [
        epoch.0, reserved, fence, forgotten, wall, next_queue, queues, leases,
    ] {
        row.number(number);
    }
    row.seal(&[ABOUT_PLACE])
}

/// What such a row says; the form of the file if it is another one, `None` if it was damaged.
pub(super) fn read_about(row: &[u8]) -> Option<Result<About, u64>> {
    let Some(mut fields) = Fields::open(row, &[ABOUT_PLACE]) else {
        // Older forms had other seals.
        let version = Fields::plain(row).number()?;
        return (1..VERSION).contains(&version).then_some(Err(version));
    };
    let version = fields.number()?;
    if version != VERSION {
        return Some(Err(version));
    }
    Some(Ok(About {
        epoch: Epoch(fields.number()?),
        reserved: fields.number()?,
        fence: fields.number()?,
        forgotten: fields.number()?,
        wall: fields.number()?,
        next_queue: fields.number()?,
        queues: fields.number()?,
        leases: fields.number()?,
    }))
}

pub(super) fn queue_row(number: u32, topic: &Topic, queue: QueueRow) -> Vec<u8> {
    let mut row = Row::default();
    let (hub, name) = match topic {
        Topic::Queue(hub, name) => (hub.as_str(), name.as_str()),
        // Nothing else is written down.
        _ => ("", ""),
    };
    row.text(hub);
    row.text(name);
    let Tally {
        offset,
        first,
        entries,
        bytes,
        gone,
        trimmed,
        mortal,
    } = queue.tally;
    let (entries, bytes) = (entries as u64, bytes as u64);
    for number in [
        offset,
        first,
        entries,
        bytes,
        gone,
        trimmed,
        mortal,
        queue.forgotten,
        queue.damaged,
    ] {
        row.number(number);
    }
    row.seal(&[QUEUES_PLACE, u64::from(number)])
}

pub(super) fn read_queue(number: u32, row: &[u8]) -> Option<(Topic, QueueRow)> {
    let mut fields = Fields::open(row, &[QUEUES_PLACE, u64::from(number)])?;
    let topic = Topic::Queue(fields.text()?.into(), QueueName::new(fields.text()?));
    let tally = Tally {
        offset: fields.number()?,
        first: fields.number()?,
        entries: usize::try_from(fields.number()?).ok()?,
        bytes: usize::try_from(fields.number()?).ok()?,
        gone: fields.number()?,
        trimmed: fields.number()?,
        mortal: fields.number()?,
    };
    let queue = QueueRow {
        tally,
        forgotten: fields.number()?,
        damaged: fields.number()?,
    };
    Some((topic, queue))
}

pub(super) fn lease_key(key: &LeaseKey) -> Vec<u8> {
    let mut row = Row::default();
    row.text(key.hub.as_str());
    row.text(key.owner.as_str());
    row.to_vec()
}

pub(super) fn lease_row(row: &LeaseRow) -> Row {
    let mut fields = Row::default();
    fields.list(&row.lease.queues, |row, queue| row.text(queue.as_str()));
    fields.number(row.lease.after);
    fields.number(millis(row.lease.ttl));
    fields.byte(u8::from(row.until.is_some()));
    fields.number(row.until.unwrap_or_default());
    fields.count(row.lease.properties.len());
    for (name, value) in &row.lease.properties {
        fields.text(name);
        fields.bytes(value.as_bytes());
    }
    fields
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn read_lease(row: &[u8]) -> Option<(LeaseKey, LeaseRow)> {
    let mut fields = Fields::open(row, &[LEASES_PLACE])?;
    let mut key = Fields::plain(fields.bytes()?);
    let key = LeaseKey {
        hub: key.text()?.into(),
        owner: PersistentId::parse(key.text()?)?,
    };
    let mut fields = Fields::plain(fields.bytes()?);
    let mut lease = Lease {
        queues: fields.list(|fields| Some(QueueName::new(fields.text()?)))?,
        after: fields.number()?,
        ttl: Duration::from_millis(fields.number()?),
        ..Lease::default()
    };
    let away = fields.byte()? != 0;
    let until = fields.number()?;
    let until = away.then_some(until);
    let properties = fields.list(|fields| {
        let name = fields.text()?.to_owned();
        let value = Payload::from_json(Bytes::copy_from_slice(fields.bytes()?)).ok()?;
        Some((name, value))
    })?;
    lease.properties = properties.into_iter().collect();
    Some((key, LeaseRow { lease, until }))
}

pub(super) fn read_bound(row: &[u8]) -> Option<(u64, PersistentId, Box<str>)> {
    let mut fields = Fields::open(row, &[BOUND_PLACE])?;
    let owner = PersistentId::parse(std::str::from_utf8(fields.bytes()?).ok()?)?;
    let mut fields = Fields::plain(fields.bytes()?);
    Some((fields.number()?, owner, fields.text()?.into()))
}

pub(super) fn name_key(hub: &HubName, id: &DedupeId) -> Vec<u8> {
    let mut row = Row::default();
    row.text(hub.as_str());
    row.text(id.as_str());
    row.to_vec()
}

pub(super) fn name_row(name: NameRow) -> Row {
    let mut row = Row::default();
    for number in [name.order, name.offset, name.at] {
        row.number(number);
    }
    row
}

pub(super) fn read_name(row: &[u8]) -> Option<(HubName, DedupeId, NameRow)> {
    let mut fields = Fields::open(row, &[NAMES_PLACE])?;
    let mut key = Fields::plain(fields.bytes()?);
    let (hub, id) = (key.text()?.into(), DedupeId::new(key.text()?)?);
    let mut fields = Fields::plain(fields.bytes()?);
    let row = NameRow {
        order: fields.number()?,
        offset: fields.number()?,
        at: fields.number()?,
    };
    Some((hub, id, row))
}
