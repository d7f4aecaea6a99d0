//! The scheduler's locks. In this crate's own unit tests they are `loom`'s, which `model.rs` runs every interleaving of;
//! whatever else there is to test about the scheduler is tested from outside, in `tests/scheduler`.

#[cfg(test)]
pub(super) use loom::{
    sync::{Mutex, MutexGuard},
    thread_local,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
#[cfg(not(test))]
pub(super) use std::{
    sync::{Mutex, MutexGuard},
    thread_local,
};

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs somebody else's code (a waker, a `Drop`) whose panic is no reason to stop half way.
pub(super) fn quietly(code: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(code));
}
