//! The table of open calls: gives each its id, and finds who waits for a result. Pure.

use std::collections::HashMap;

use hub_core::{Completion, InvocationId};

/// Below this many open calls nobody looks for abandoned ones.
const FEW: usize = 64;

/// Somebody who waits for a result.
pub(crate) trait Waiter {
    /// Whether nobody waits any more.
    fn gave_up(&self) -> bool;
}

/// The open calls of one connection. An id is never used twice, also not after a reconnect, so that a late result can't
/// be taken for that of another call (`classic-signalr.md` 14.1).
#[derive(Debug)]
pub(crate) struct Calls<W> {
    open: HashMap<u64, W>,
    next: u64,
    sweep_at: usize,
}

impl<W: Waiter> Calls<W> {
    pub(crate) fn new() -> Self {
        Self {
            open: HashMap::new(),
            next: 0,
            sweep_at: FEW,
        }
    }

    /// Notes a call; the id is what goes on the wire.
    pub(crate) fn open(&mut self, waiter: W) -> InvocationId {
        if self.open.len() >= self.sweep_at {
            // A caller that gave up leaves its place behind until here, and results of calls that the server never
            // answers don't come. Doubling keeps the cost of looking constant per call.
            self.open.retain(|_, waiter| !waiter.gave_up());
            self.sweep_at = FEW.max(self.open.len() * 2);
        }
        let id = self.next;
        self.next += 1;
        self.open.insert(id, waiter);
        InvocationId::new(id.to_string())
    }

    /// Who waits for this result; `None` for a call that is not open (any more).
    pub(crate) fn settle(&mut self, completion: &Completion) -> Option<W> {
        self.take(completion.id.as_ref()?)
    }

    /// Who waits for the result of the call with this id.
    pub(crate) fn take(&mut self, id: &InvocationId) -> Option<W> {
        self.open.remove(&id.as_str().parse().ok()?)
    }

    /// Who waits for the result of the call that reports with this id.
    pub(crate) fn waiter(&self, id: &InvocationId) -> Option<&W> {
        self.open.get(&id.as_str().parse().ok()?)
    }

    /// Everybody who waits: the link over which their results would come is gone.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = W> {
        self.open.drain().map(|(_, waiter)| waiter)
    }

    /// Whether anybody may still wait.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Caller(u32, bool);

    impl Waiter for Caller {
        fn gave_up(&self) -> bool {
            self.1
        }
    }

    fn result(id: Option<&str>) -> Completion {
        Completion {
            id: id.map(InvocationId::new),
            outcome: Ok(None),
            state: None,
        }
    }

    #[test]
    fn a_result_finds_its_caller_once() {
        let mut calls = Calls::new();
        assert_eq!(calls.open(Caller(1, false)).as_str(), "0");
        assert_eq!(calls.open(Caller(2, false)).as_str(), "1");
        let second = InvocationId::new("1");
        assert_eq!(calls.waiter(&second), Some(&Caller(2, false)));
        assert_eq!(calls.settle(&result(Some("1"))), Some(Caller(2, false)));
        assert_eq!(calls.waiter(&second), None);
        assert_eq!(calls.settle(&result(Some("1"))), None);
        assert!(!calls.is_empty());
        assert_eq!(calls.settle(&result(Some("0"))), Some(Caller(1, false)));
        assert!(calls.is_empty());
    }

    #[test]
    fn results_that_nobody_asked_for_find_nobody() {
        let mut calls = Calls::new();
        calls.open(Caller(1, false));
        for id in [
            None,
            Some("7"),
            Some(""),
            Some("-0"),
            Some("P|0"),
            Some("x"),
        ] {
            assert_eq!(calls.settle(&result(id)), None, "{id:?}");
        }
    }

    #[test]
    fn ids_are_not_used_again_after_a_lost_link() {
        let mut calls = Calls::new();
        calls.open(Caller(1, false));
        calls.open(Caller(2, false));
        assert_eq!(calls.drain().count(), 2);
        assert_eq!(calls.open(Caller(3, false)).as_str(), "2");
        assert_eq!(calls.settle(&result(Some("0"))), None);
    }

    #[test]
    fn abandoned_calls_do_not_pile_up() {
        let mut calls = Calls::new();
        for n in 0..100_000 {
            calls.open(Caller(n, n >= 10));
        }
        assert!(calls.open.len() <= FEW + 10);
        assert_eq!(calls.settle(&result(Some("3"))), Some(Caller(3, false)));
    }
}
