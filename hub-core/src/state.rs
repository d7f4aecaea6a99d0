//! [`State`]: the caller's state object, which classic clients send with each call and get the changes of
//! (`classic-signalr.md` 8.4).

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::value::Payload;

/// The caller's state: what the client sent with this call, and what the method changes in it.
///
/// Names are read case-sensitively in what the client sent, and compared ignoring case among the changes.
#[derive(Debug, Default)]
pub struct State(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sent: Map<String, Value>,
    changed: Map<String, Value>,
    ended: bool,
}

impl State {
    /// What the client sent; anything but an object counts as nothing.
    #[must_use]
    pub fn sent(state: Option<&Payload>) -> Self {
        let sent = state
            .and_then(|state| state.read().ok())
            .unwrap_or_default();
        Self(Mutex::new(Inner {
            sent,
            changed: Map::new(),
            ended: false,
        }))
    }

    /// A value by name, `None` if it is missing, null or no `T`.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let inner = self.lock();
        let changed = inner
            .changed
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value);
        let value = changed.or_else(|| inner.sent.get(name))?.clone();
        serde_json::from_value(value).ok()
    }

    /// Sets a value; the client learns of it with the result, with progress and with events to the caller. A value
    /// that has no JSON form is not set.
    pub fn set(&self, name: &str, value: impl Serialize) {
        let Ok(value) = serde_json::to_value(value) else {
            return;
        };
        let mut inner = self.lock();
        let known = inner
            .changed
            .keys()
            .find(|key| key.eq_ignore_ascii_case(name))
            .cloned();
        let name = known.unwrap_or_else(|| name.to_owned());
        if *inner.sent.get(&name).unwrap_or(&Value::Null) == value {
            inner.changed.remove(&name);
        } else {
            inner.changed.insert(name, value);
        }
    }

    /// What changed since the call began, if anything did.
    #[must_use]
    pub fn changes(&self) -> Option<Payload> {
        let inner = self.lock();
        if inner.changed.is_empty() {
            None
        } else {
            Payload::of(&inner.changed).ok()
        }
    }

    /// What changed, for the call's answer: the call has ended, and no progress is reported for it any more.
    #[must_use]
    pub fn end(&self) -> Option<Payload> {
        self.lock().ended = true;
        self.changes()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(json: &str) -> State {
        State::sent(Some(
            &Payload::of(&serde_json::from_str::<Value>(json).unwrap()).unwrap(),
        ))
    }

    #[test]
    fn only_changes_are_reported_item_50() {
        let state = state(r#"{"counter":1,"name":"ann","gone":2}"#);
        assert_eq!(state.get::<i32>("counter"), Some(1));
        assert_eq!(
            state.get::<i32>("Counter"),
            None,
            "what was sent is read case-sensitively"
        );
        assert!(state.changes().is_none());
        state.set("counter", 2);
        state.set("name", "ann");
        state.set("gone", ());
        let changes: Value = state.changes().unwrap().read().unwrap();
        assert_eq!(changes, serde_json::json!({"counter": 2, "gone": null}));
        state.set("Counter", 3);
        state.set("gone", 2);
        let changes: Value = state.changes().unwrap().read().unwrap();
        assert_eq!(changes, serde_json::json!({"counter": 3}));
    }
}
