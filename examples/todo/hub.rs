//! The to-do hub: one list for everybody, kept in this process.
//!
//! How copies stay right: each change has a number, the list's version, given under the lock under which it is made. A
//! snapshot says its version, and how far the log had come *before* it was taken. So a change that it has not is after that
//! place in the log, and reaches whoever took the snapshot; and one that it has may come once more, which its number shows.
//! Two changes at a time may be sent in another order than they were made in: their numbers say which.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hub_server::{AckError, AckOptions, Acked, ConnectionId, Context, Cursor, HubError, hub};
use serde::Serialize;

use crate::list::{Change, Item, List};

/// A longer text is refused, and so is one more item.
const MAX_TEXT: usize = 200;
const MAX_ITEMS: usize = 500;

#[derive(Default)]
pub(crate) struct Todo {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    list: List,
    last_id: u64,
}

/// All there is, and where in the log: what comes later belongs on top of it.
#[derive(Serialize)]
struct Snapshot {
    position: Cursor,
    version: u64,
    items: Vec<Item>,
}

/// What somebody has of the list, as they say themselves.
#[derive(Serialize)]
struct Had {
    who: ConnectionId,
    /// `None` while they take it anew.
    version: Option<u64>,
    problem: Option<String>,
}

impl Had {
    fn of((who, answer): (ConnectionId, Result<Acked, AckError>)) -> Self {
        let (version, problem) = match answer {
            Ok(Acked { value, .. }) => (value.and_then(|version| version.read().ok()), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self {
            who,
            version,
            problem,
        }
    }
}

impl Todo {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the change that `of` finds possible, and tells everybody.
    async fn change(
        &self,
        cx: &Context,
        of: impl FnOnce(&mut State) -> Result<Change, HubError> + Send,
    ) -> Result<(), HubError> {
        let (version, change) = {
            let mut state = self.state();
            let change = of(&mut state)?;
            state.list.apply(&change);
            (state.list.version, change)
        };
        let everybody = cx.clients().all();
        Ok(everybody.send("changed", (version, change)).await?)
    }
}

#[hub]
impl Todo {
    async fn add(&self, cx: &Context, text: String) -> Result<u64, HubError> {
        let text = text.trim().to_owned();
        if text.is_empty() {
            return Err(HubError::new("say what is to be done"));
        }
        if text.chars().count() > MAX_TEXT {
            return Err(HubError::new(format!(
                "at most {MAX_TEXT} characters, please"
            )));
        }
        // It is printed on people's terminals.
        if text.chars().any(char::is_control) {
            return Err(HubError::new("one line of plain text, please"));
        }
        let mut given = 0;
        let add = |state: &mut State| {
            if state.list.items.len() >= MAX_ITEMS {
                return Err(HubError::new("the list is full: remove something first"));
            }
            state.last_id += 1;
            given = state.last_id;
            Ok(Change::Added(Item {
                id: given,
                text,
                done: false,
            }))
        };
        self.change(cx, add).await?;
        Ok(given)
    }

    async fn done(&self, cx: &Context, id: u64, done: bool) -> Result<(), HubError> {
        self.change(cx, |state| match state.list.items.contains_key(&id) {
            true => Ok(Change::Done { id, done }),
            false => Err(gone()),
        })
        .await
    }

    async fn remove(&self, cx: &Context, id: u64) -> Result<(), HubError> {
        self.change(cx, |state| match state.list.items.contains_key(&id) {
            true => Ok(Change::Removed { id }),
            false => Err(gone()),
        })
        .await
    }

    /// The position is read first: see above.
    fn snapshot(&self, cx: &Context) -> Snapshot {
        let position = cx.position();
        let state = self.state();
        Snapshot {
            position,
            version: state.list.version,
            items: state.list.items.values().cloned().collect(),
        }
    }

    /// Asks everybody which version they have, and waits for their answers.
    async fn check(&self, cx: &Context) -> Result<Vec<Had>, HubError> {
        let everybody = cx.clients().all();
        let asked = everybody.send_with_ack("version", (), AckOptions::default());
        Ok(asked.await?.into_iter().map(Had::of).collect())
    }
}

fn gone() -> HubError {
    HubError::new("it is not on the list any more")
}
