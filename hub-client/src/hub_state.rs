//! [`HubState`]: what a client and a hub's methods know of it together (`classic-signalr.md` 8.4).

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hub_core::Payload;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

type Values = BTreeMap<String, Box<RawValue>>;

/// Values that go to a hub with each call of its methods, and that those may change. Clones share them.
#[derive(Clone, Default)]
pub struct HubState(Arc<Mutex<Values>>);

impl HubState {
    /// A value by name, `None` if it is missing or no `T`.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let values = self.lock();
        serde_json::from_str(values.get(name)?.get()).ok()
    }

    /// Sets a value, for calls from now on.
    ///
    /// # Errors
    /// When it has no JSON form.
    pub fn set(&self, name: impl Into<String>, value: &impl Serialize) -> serde_json::Result<()> {
        let value = to_raw_value(value)?;
        self.lock().insert(name.into(), value);
        Ok(())
    }

    /// As it goes with a call: nothing if there is none.
    pub(crate) fn sent(&self) -> Option<Payload> {
        let values = self.lock();
        if values.is_empty() {
            return None;
        }
        Payload::of(&*values).ok()
    }

    /// Takes over what a method changed.
    pub(crate) fn change(&self, changes: &Payload) {
        if let Ok(changes) = changes.read::<Values>() {
            self.lock().extend(changes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Values> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for HubState {
    /// The names only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.lock().keys()).finish()
    }
}

/// The states of a client's hubs, whose names are compared ignoring case.
#[derive(Debug, Default)]
pub(crate) struct HubStates(Mutex<HashMap<String, HubState>>);

impl HubStates {
    pub(crate) fn of(&self, hub: &str) -> HubState {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        states.entry(hub.to_ascii_lowercase()).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_method_changes_is_there_and_the_rest_stays() {
        let states = HubStates::default();
        let state = states.of("Chat");
        assert!(state.sent().is_none());
        state.set("name", &"ann").unwrap();
        state.set("n", &1).unwrap();
        let sent = state.sent().unwrap();
        assert_eq!(sent.as_bytes(), &br#"{"n":1,"name":"ann"}"#[..]);
        let changes = Payload::of(&serde_json::json!({"n": 2, "new": [1.5]})).unwrap();
        states.of("chAT").change(&changes);
        assert_eq!(state.get::<String>("name").as_deref(), Some("ann"));
        assert_eq!(state.get::<u32>("n"), Some(2));
        assert_eq!(state.get::<Vec<f64>>("new"), Some(vec![1.5]));
        assert_eq!(state.get::<u32>("new"), None);
        assert!(states.of("other").sent().is_none());
        // What is no object changes nothing.
        state.change(&Payload::of(&[1]).unwrap());
        assert_eq!(state.get::<u32>("n"), Some(2));
        assert_eq!(format!("{state:?}"), r#"{"n", "name", "new"}"#);
    }
}
