//! [`Busy`]: how many of something a connection has, for those who wait until there are none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::link::Connection;

#[derive(Debug, Default)]
pub(crate) struct Busy {
    count: AtomicUsize,
    none: Notify,
}

impl Busy {
    pub(crate) fn begin(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn end(&self) {
        if self.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.none.notify_waiters();
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Returns when there are none, for a moment at least.
    pub(crate) async fn none(&self) {
        loop {
            let none = self.none.notified();
            if self.count() == 0 {
                return;
            }
            none.await;
        }
    }
}

/// A transport that carries a connection, as long as this lives: what it holds is closed when it is dropped.
pub(crate) struct Carrying(Arc<Connection>);

impl Carrying {
    pub(crate) fn of(connection: &Arc<Connection>) -> Self {
        connection.carriers.begin();
        Self(connection.clone())
    }
}

impl Drop for Carrying {
    fn drop(&mut self) {
        self.0.carriers.end();
    }
}

/// A call of a connection that runs, or waits for its turn, as long as this lives: then there may be room for more.
pub(crate) struct Calling(Arc<Connection>);

impl Calling {
    pub(crate) fn of(connection: &Arc<Connection>) -> Self {
        connection.running.begin();
        Self(connection.clone())
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        self.0.running.end();
        self.0.link().wake();
    }
}
