//! [`Measured`]: a connection among those that are there, for a recorder of metrics: what carries it, and since when.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::meter::{self, Closure};

#[derive(Debug)]
pub(crate) struct Measured {
    since: Instant,
    /// `None` when it is over.
    carrier: Mutex<Option<&'static str>>,
}

impl Measured {
    pub(crate) fn begin(carrier: &'static str) -> Self {
        meter::came(carrier);
        Self {
            since: Instant::now(),
            carrier: Mutex::new(Some(carrier)),
        }
    }

    /// Its client may come back by another transport.
    pub(crate) fn rides(&self, carrier: &'static str) {
        let mut own = self.carrier.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(older) = own.filter(|older| *older != carrier) {
            *own = Some(carrier);
            meter::went(older);
            meter::came(carrier);
        }
    }

    /// It is over; the first end counts.
    pub(crate) fn end(&self, how: Closure) {
        let carrier = self
            .carrier
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(carrier) = carrier {
            meter::went(carrier);
            meter::lasted(carrier, how, self.since.elapsed());
        }
    }
}

/// Nobody has ended it: the server is gone.
impl Drop for Measured {
    fn drop(&mut self) {
        self.end(Closure::Shutdown);
    }
}
