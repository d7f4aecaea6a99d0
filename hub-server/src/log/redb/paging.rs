//! Reading after a cursor: what is in memory, and before it what only the file has.

use std::sync::Arc;

use hub_core::{Cursor, Gap, GapCause, Limit, LogError, Page, Topic};

use super::Shared;
use super::file::Unread;
use super::read::Part;
use crate::log::kept::reading::Older;

/// Reads what `topics` hold after `after`.
pub(super) async fn read(
    shared: &Arc<Shared>,
    topics: &[Topic],
    after: Cursor,
    limit: Limit,
) -> Result<Page, LogError> {
    let (mut found, older) = {
        let state = shared.kept.lock();
        if let Some(page) = shared.kept.is_foreign(&state, after) {
            return Ok(page);
        }
        let mut found = state.find(topics, after.order, limit);
        let older = std::mem::take(&mut found.older);
        if older.is_empty() {
            return Ok(state.page(topics, after.order, limit, found));
        }
        (found, older)
    };
    let of = shared.clone();
    let read = tokio::task::spawn_blocking(move || parts(&of, older, limit));
    let parts = match read.await {
        Ok(parts) => parts?,
        // The runtime goes.
        Err(_) => return Err(LogError::Closed),
    };
    let mut state = shared.kept.lock();
    let mut trimmed = Vec::new();
    for (topic, part) in parts {
        if after.order < part.trimmed {
            trimmed.push(topic.clone());
        }
        found.entries.extend(part.entries);
        found.expired.extend(part.expired);
        let ring = state.rings.get_mut(&topic);
        if let Some(ring) = ring.filter(|ring| ring.damaged < part.damaged) {
            ring.damaged = part.damaged;
            state.touch(&topic);
            tracing::error!(
                ?topic,
                "entries of a queue are damaged; who is owed them is told of a gap"
            );
        }
    }
    // What was let go meanwhile is a gap by now, also where it is in the file first.
    let mut page = state.page(topics, after.order, limit, found);
    for topic in trimmed {
        let (topic, why) = (Some(topic), GapCause::Trimmed);
        if page.gaps.iter().all(|gap| gap.topic != topic) {
            page.gaps.push(Gap { topic, why });
        }
    }
    Ok(page)
}

fn parts(shared: &Shared, older: Vec<Older>, limit: Limit) -> Result<Vec<(Topic, Part)>, LogError> {
    let part = |of: Older| {
        let part = match shared.file.part(&of, limit, &shared.clock) {
            Ok(part) => part,
            Err(Unread::Damaged(_)) => Part {
                damaged: of.upto,
                ..Part::default()
            },
            Err(why) => return Err(LogError::Unavailable(why.failed())),
        };
        Ok((of.topic, part))
    };
    older.into_iter().map(part).collect()
}
