//! [`Room`]: who waits until something is there for them, in the order in which they came.

use std::collections::BTreeMap;
use std::task::Waker;

/// Those who wait, by number. Who was woken keeps its place until it has had its turn, so that nobody slips in before it.
#[derive(Debug, Default)]
pub(super) struct Room(BTreeMap<u64, Option<Waker>>);

impl Room {
    /// Whether somebody waits who came before this number.
    pub(super) fn is_before(&self, number: u64) -> bool {
        self.0
            .first_key_value()
            .is_some_and(|(&first, _)| first < number)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn wait(&mut self, number: u64, waker: &Waker) {
        self.0.insert(number, Some(waker.clone()));
    }

    pub(super) fn leave(&mut self, number: u64) {
        self.0.remove(&number);
    }

    /// Wakes the first, if it was not woken yet.
    pub(super) fn call(&mut self, wake: &mut Vec<Waker>) {
        if let Some(mut first) = self.0.first_entry() {
            wake.extend(first.get_mut().take());
        }
    }

    /// Wakes all of them, who will find that there is nothing to wait for.
    pub(super) fn empty(&mut self, wake: &mut Vec<Waker>) {
        wake.extend(std::mem::take(&mut self.0).into_values().flatten());
    }
}
