//! `hub queue`.

use std::error::Error;

use hub_server::{
    Body, Cursor, Entry, HubName, Limit, Log, Payload, QueueContents, QueueName, RedbLog, Topic,
};
use serde_json::{Value, json};

use crate::options::{Place, Queue};
use crate::output::Output;

/// How many entries are read at a time.
const PAGE: usize = 256;

pub(crate) async fn run(options: &Queue, output: &Output) -> Result<(), Box<dyn Error>> {
    let (Queue::Inspect(place) | Queue::Purge(place)) = options;
    if !place.dir.is_dir() {
        // Opening would make one.
        return Err(format!("there is no directory {}", place.dir.display()).into());
    }
    let log = RedbLog::open(&place.dir)?;
    match (options, names(place)) {
        (Queue::Inspect(_), None) => {
            for queue in log.contents() {
                describe(&queue, output);
            }
            Ok(())
        }
        (Queue::Inspect(_), Some((hub, queue))) => entries(&log, hub, queue, output).await,
        (Queue::Purge(_), None) => Err("say which hub and queue is to be purged".into()),
        (Queue::Purge(_), Some((hub, queue))) => {
            let purged = log.purge(&hub, &queue).await?;
            output.line(
                || format!("{purged} entries are gone"),
                || json!({ "purged": purged }),
            );
            Ok(())
        }
    }
}

fn names(place: &Place) -> Option<(HubName, QueueName)> {
    let (hub, queue) = (place.hub.as_ref()?, place.queue.as_ref()?);
    let queue = match queue.strip_prefix('#') {
        Some(topic) => QueueName::of_topic(topic),
        None => QueueName::new(queue),
    };
    Some((hub.as_str().into(), queue))
}

fn describe(queue: &QueueContents, output: &Output) {
    let name = match queue.queue.topic() {
        Some(topic) => format!("#{topic}"),
        None => queue.queue.as_str().to_owned(),
    };
    let QueueContents {
        hub,
        entries,
        bytes,
        waiting,
        ..
    } = queue;
    output.line(
        || format!("{hub} {name}: {entries} entries, {bytes} bytes, {waiting} clients away"),
        || {
            json!({
                "hub": hub.to_string(), "queue": name, "entries": entries, "bytes": bytes, "waiting": waiting,
            })
        },
    );
}

async fn entries(
    log: &RedbLog,
    hub: HubName,
    queue: QueueName,
    output: &Output,
) -> Result<(), Box<dyn Error>> {
    let topics = [Topic::Queue(hub, queue)];
    let mut after = Cursor::at(log.epoch(), 0);
    let limit = Limit {
        entries: PAGE,
        upto: u64::MAX,
    };
    loop {
        let page = log.read(&topics, after, limit).await?;
        for entry in &page.entries {
            print(entry, output);
        }
        match page.entries.last() {
            Some(last) => after = Cursor::at(log.epoch(), last.order),
            None => return Ok(()),
        }
    }
}

fn print(entry: &Entry, output: &Output) {
    let (name, value) = match &entry.body {
        Body::Event(event) => (event.method.to_string(), read(&event.args)),
        Body::Value(value) => (String::new(), read(value)),
        _ => return,
    };
    output.line(
        || format!("{} {name} {value}", entry.order),
        || json!({ "order": entry.order, "event": name, "args": value }),
    );
}

fn read(payload: &Payload) -> Value {
    payload.read().unwrap_or_default()
}
