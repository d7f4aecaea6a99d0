//! What the log still has of what was sent (`delivery.md` b.2).

use hub_core::{Address, Body, Cursor, DeliveryError, Entry, History, Limit, Past, Start, Topic};

use crate::node::Node;

/// So many entries are read at a time.
const PAGE: usize = 256;

/// What an audience was sent after a position, and at most so many of the newest.
pub(super) async fn of(
    node: &Node,
    of: &Address,
    after: Option<&str>,
    limit: usize,
) -> Result<History, DeliveryError> {
    if let Some(parameter) = of.target.empty_name() {
        return Err(DeliveryError::EmptyName(parameter));
    }
    let queue = of.queue.iter();
    let queue = queue.map(|queue| Topic::Queue(of.hub.clone(), queue.name.clone()));
    let topics: Vec<Topic> = of.target.topics(&of.hub).into_iter().chain(queue).collect();
    let start = match Cursor::parse(after, node.epoch) {
        Ok(Start::After(cursor)) => Some(cursor.order),
        _ => None,
    };
    let upto = node.tide.passed();
    let known = start.is_some_and(|order| order <= upto);
    let mut recovered = known;
    let mut at = start.filter(|_| known).unwrap_or(0);
    let mut events = std::collections::VecDeque::new();
    loop {
        let after = Cursor::at(node.epoch, at);
        let entries = PAGE;
        let page = node
            .log
            .read(&topics, after, Limit { entries, upto })
            .await?;
        recovered &= page.gaps.is_empty();
        for event in page.entries.iter().filter_map(|entry| past(entry)) {
            if events.len() == limit {
                // Only the newest are told: the others are missing.
                recovered = false;
                events.pop_front();
            }
            if limit > 0 {
                events.push_back(event);
            }
        }
        match page.entries.last().filter(|_| page.more) {
            Some(last) => at = last.order,
            None => break,
        }
    }
    let position = Cursor::at(node.epoch, upto);
    Ok(History::of(recovered, position, events.into()))
}

fn past(entry: &Entry) -> Option<Past> {
    let Body::Event(event) = &entry.body else {
        return None;
    };
    Some(Past {
        order: entry.order,
        method: event.method.clone(),
        args: event.args.clone(),
    })
}
