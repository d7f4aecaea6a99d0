//! Catching up: a connection that came back, or that read too slowly, reads its topics after its position until it is
//! where the pump is (`design.md` 3, Resume).
//!
//! Commands are re-applied in their place: a join at order *n* starts its group at *n*, a leave ends it there, so nothing
//! that lies between is lost (the original starts at the group's end).

use std::sync::Arc;
use std::task;

use hub_core::{
    Body, BoxFuture, Command, Cursor, Entry, Gap, GapCause, Limit, LogError, Part, Topic,
};

use super::link::{Catch, Chosen, Connection, End, Link, Mode, Opened};
use crate::meter;
use crate::node::Node;

/// How many entries are read and written at a time.
const PAGE: usize = 64;

/// How many for a request that carries one payload: the rest would take another request.
const WHOLE: usize = 1_000;

/// How many entries are written at a time.
fn page_of(link: &Link) -> usize {
    if link.downlink().is_single() {
        WHOLE
    } else {
        PAGE
    }
}

/// How many are read for that: where some may be left out, all that are there.
fn read_of(link: &Link) -> usize {
    if link.sheds() { WHOLE } else { page_of(link) }
}

/// Reads the log for a link that is behind, a page at a time, as its outbox has room.
#[derive(Default)]
pub(crate) struct Reader {
    step: Option<BoxFuture<'static, ()>>,
}

impl Reader {
    /// Whether the next page may be read now.
    pub(crate) fn is_due(&self, connection: &Connection) -> bool {
        let mut link = connection.link();
        let may = link.mode == Mode::Behind && link.has_room() && !link.opening;
        let may = may && link.end.is_none();
        self.step.is_none() && may && !link.waits()
    }

    /// Reads on.
    pub(crate) fn poll(&mut self, cx: &mut task::Context<'_>, opened: &Opened) {
        let Opened {
            node,
            connection,
            request,
            ..
        } = opened;
        if self.is_due(connection) {
            self.step = Some(Box::pin(step(node.clone(), connection.clone(), *request)));
        }
        let polled = self.step.as_mut().map(|step| step.as_mut().poll(cx));
        if polled.is_some_and(|polled| polled.is_ready()) {
            self.step = None;
        }
    }
}

/// Reads one page for a connection that is behind, or sets it live if it is not.
async fn step(node: Arc<Node>, connection: Arc<Connection>, request: u64) {
    let Some(upto) = node.registry.catch_up(&connection, request) else {
        return;
    };
    let catch = connection.link().catching().cloned();
    let read = match catch {
        Some(catch) => catch_up(&node, &connection, request, catch).await,
        None => page(&node, &connection, request, upto).await,
    };
    if let Err(error) = read {
        tracing::warn!(connection = %connection.id, %error, "a connection can't catch up");
        connection.link().finish(End::ComeBack);
    }
}

/// Reads a page of what was kept for the client while it was away.
async fn catch_up(
    node: &Node,
    connection: &Arc<Connection>,
    request: u64,
    catch: Catch,
) -> Result<(), LogError> {
    let topics: Vec<Topic> = catch
        .topics
        .iter()
        .map(|(topic, _)| topic.clone())
        .collect();
    let limit = Limit {
        entries: page_of(&connection.link()),
        upto: catch.upto,
    };
    let after = Cursor::at(node.epoch, catch.at);
    let page = node.log.read(&topics, after, limit).await?;
    let last = page.entries.last().filter(|_| page.more);
    let at = last.map_or(catch.upto, |entry| entry.order);
    let mut link = connection.link();
    // A hub that was opened or closed meanwhile changes what there is to read.
    let same = |now: &Catch| now.at == catch.at && now.topics == catch.topics;
    let unchanged = link.catching().is_some_and(same);
    if link.request == request && unchanged && link.end.is_none() {
        let protocol = link.downlink().protocol();
        let owed = page.entries.iter();
        let owed = owed.filter(|entry| catch.owes(entry) && link.is_owed(entry));
        let hub = catch.topics.first().and_then(|(topic, _)| topic.hub());
        if at == catch.upto {
            meter::replay_done(hub, catch.since.elapsed());
        }
        if link.is_numbered() {
            let owed = owed.map(|entry| entry.order).collect::<Vec<_>>();
            meter::replayed(hub, owed.len());
            caught_one_by_one(node, &mut link, &page.entries, &owed, at);
        } else {
            let parts: Vec<&Part> = owed.filter_map(|entry| entry.part(protocol)).collect();
            meter::replayed(hub, parts.len());
            link.caught(node.epoch, at, &parts);
        }
        link.wake();
    }
    Ok(())
}

async fn page(
    node: &Node,
    connection: &Arc<Connection>,
    request: u64,
    upto: u64,
) -> Result<(), LogError> {
    let (topics, position, limit) = {
        let link = connection.link();
        // What queues kept while the client was away is read in its place.
        let away = link.position < link.away && link.kept_while_away().next().is_some();
        let upto = if away { upto.min(link.away) } else { upto };
        let queues = link.kept_while_away().filter(|_| away);
        let groups = link
            .groups
            .iter()
            .map(|(hub, group)| Topic::Group(hub.clone(), group.clone()));
        (
            link.topics
                .iter()
                .cloned()
                .chain(groups)
                .chain(queues.cloned())
                .collect::<Vec<_>>(),
            link.position,
            Limit {
                entries: read_of(&link),
                upto,
            },
        )
    };
    let after = Cursor::at(node.epoch, position);
    let page = node.log.read(&topics, after, limit).await?;
    // A change of groups changes what there is to read: the page ends there.
    let end = page
        .entries
        .iter()
        .position(|entry| regroups(entry))
        .map_or(page.entries.len(), |at| at + 1);
    let entries = page.entries.get(..end).unwrap_or_default();
    let whole = end == page.entries.len()
        && !page.more
        && !entries.last().is_some_and(|entry| regroups(entry));
    if let Some(Body::Command(Command::Join(hub, group, _))) =
        entries.last().map(|entry| &entry.body)
    {
        node.registry
            .listen(connection, &Topic::Group(hub.clone(), group.clone()));
    }
    let mut link = connection.link();
    if link.request != request || link.end.is_some() {
        return Ok(());
    }
    let untold = |gap: &Gap| {
        let told = |topic| link.gaps_told.contains(topic);
        position >= link.forgiven || !gap.topic.as_ref().is_some_and(told)
    };
    let is_dropped = |gap: &Gap| gap.why == GapCause::Dropped;
    let (dropped, lost) = page
        .gaps
        .into_iter()
        .filter(untold)
        .partition::<Vec<_>, _>(is_dropped);
    if !lost.is_empty() {
        // The client can't be told on this link. When it comes back, `on_reconnected` is. What is written already goes
        // out before: it may have the groups token without which the gap would be met again.
        if link.outbox.is_empty() {
            tracing::warn!(connection = %connection.id, "a slow reader has a gap; it has to reconnect");
            link.finish(End::ComeBack);
        }
        return Ok(());
    }
    let most = page_of(&link);
    let (chosen, end) = link.choose(entries, most);
    if link.sheds() && page.more && limit.entries < WHOLE {
        // What is left out depends on what comes later: it is read once more, with that.
        return Ok(());
    }
    // What a slow client is not sent does not end its link.
    meter::gaps(&dropped);
    link.miss(&dropped);
    let whole = whole && end == entries.len();
    let entries = entries.get(..end).unwrap_or_default();
    let applied = apply(node, &mut link, entries, &chosen);
    if whole && applied {
        link.advance(limit.upto);
    }
    link.wake();
    Ok(())
}

/// The same for a client that acknowledges each message, as far as it may owe that.
fn caught_one_by_one(node: &Node, link: &mut Link, entries: &[Arc<Entry>], owed: &[u64], at: u64) {
    let protocol = link.downlink().protocol();
    let owed = entries.iter().filter(|entry| owed.contains(&entry.order));
    for (entry, part) in owed.filter_map(|entry| Some((entry, entry.part(protocol)?))) {
        if !link.admits(part.len()) {
            return;
        }
        link.caught(node.epoch, entry.order, &[part]);
    }
    link.caught(node.epoch, at, &[]);
}

/// Writes entries into the outbox and applies commands, in order: as one frame, or as one each where the client
/// acknowledges them. Whether all could be written.
fn apply(node: &Node, link: &mut Link, entries: &[Arc<Entry>], chosen: &Chosen) -> bool {
    let protocol = link.downlink().protocol();
    let mut parts: Vec<&Part> = Vec::new();
    let mut upto = link.position;
    for (at, entry) in entries.iter().enumerate() {
        if let Some(ack) = entry.ack.filter(|_| link.is_meant(entry)) {
            // It may have been asked on another node.
            link.expect(entry, ack);
        }
        if let Body::Command(command) = &entry.body {
            link.regroup(command, entry.order);
        } else if let Some(why) = chosen.leaves_out(at) {
            link.leave_out(entry, why);
        } else if link.is_meant(entry)
            && let Some(part) = entry.part(protocol)
        {
            if !link.admits(part.len()) {
                link.replay(node.epoch, upto, &[]);
                return false;
            }
            parts.push(part);
        }
        upto = entry.order;
        if link.is_numbered() {
            link.replay(node.epoch, upto, &parts);
            parts.clear();
        }
    }
    link.replay(node.epoch, upto, &parts);
    true
}

fn regroups(entry: &Entry) -> bool {
    matches!(
        entry.body,
        Body::Command(Command::Join(..) | Command::Leave(..))
    )
}
