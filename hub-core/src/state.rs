//! [`State`]: the caller's state object, which classic clients send with each call and get the changes of
//! (`classic-signalr.md` 8.4).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::value::Payload;

/// The caller's state: what the client sent with this call, and what the method changes in it.
///
/// Names are read case-sensitively in what the client sent, and compared ignoring case among the changes.
#[derive(Debug, Default)]
pub struct State(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sent: BTreeMap<String, Box<RawValue>>,
    changed: Changes,
    ended: bool,
}

/// In the order in which they were first made, as clients of the original get them.
#[derive(Debug, Default)]
struct Changes(Vec<(String, Box<RawValue>)>);

impl Serialize for Changes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
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
            changed: Changes::default(),
            ended: false,
        }))
    }

    /// A value by name, `None` if it is missing, null or no `T`.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let inner = self.lock();
        let mut changed = inner.changed.0.iter();
        let value = changed
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .or_else(|| inner.sent.get(name))?;
        serde_json::from_str(value.get()).ok()
    }

    /// Sets a value; the client learns of it with the result, with progress and with events to the caller. A value
    /// that has no JSON form is not set.
    pub fn set(&self, name: &str, value: impl Serialize) {
        let Some(value) = raw(&value) else {
            return;
        };
        let mut inner = self.lock();
        let mut changed = inner.changed.0.iter();
        let known = changed.position(|(key, _)| key.eq_ignore_ascii_case(name));
        let name = known
            .and_then(|at| inner.changed.0.get(at))
            .map_or_else(|| name.to_owned(), |(key, _)| key.clone());
        let unchanged = parsed(inner.sent.get(&name).map(AsRef::as_ref)) == parsed(Some(&value));
        match known {
            Some(at) if unchanged => drop(inner.changed.0.remove(at)),
            None if unchanged => {}
            Some(at) => {
                if let Some((_, changed)) = inner.changed.0.get_mut(at) {
                    *changed = value;
                }
            }
            None => inner.changed.0.push((name, value)),
        }
    }

    /// What changed since the call began, if anything did.
    #[must_use]
    pub fn changes(&self) -> Option<Payload> {
        let inner = self.lock();
        if inner.changed.0.is_empty() {
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

fn raw(value: &impl Serialize) -> Option<Box<RawValue>> {
    let text = Payload::of(value).ok()?;
    let text = String::from_utf8(text.as_bytes().to_vec()).ok()?;
    RawValue::from_string(text).ok()
}

fn parsed(value: Option<&RawValue>) -> Value {
    let value = value.and_then(|value| serde_json::from_str(value.get()).ok());
    value.unwrap_or_default()
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

    #[test]
    fn changes_keep_their_order_and_values_theirs() {
        let sent: Box<RawValue> = serde_json::from_str(r#"{"whole":{"z":1,"a":2}}"#).unwrap();
        let state = State::sent(Some(&Payload::of(&sent).unwrap()));
        let whole: Option<Box<RawValue>> = state.get("whole");
        state.set("step", 1);
        state.set("copy", &whole);
        state.set("another", "x");
        state.set("STEP", 2);
        let changes = state.changes().unwrap();
        let text = r#"{"step":2,"copy":{"z":1,"a":2},"another":"x"}"#;
        assert_eq!(changes.as_bytes(), text.as_bytes());
    }
}
