//! [`Measured`]: a connection among those that are there, for a recorder of metrics: what carries it, and since when.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::downlink::Downlink;
use crate::meter::{self, Closure};

/// What carries a connection, and what it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ride {
    pub(crate) transport: &'static str,
    protocol: &'static str,
}

impl Ride {
    pub(crate) fn of(downlink: &dyn Downlink) -> Self {
        Self {
            transport: downlink.name(),
            protocol: downlink.protocol().name(),
        }
    }

    fn comes(self) {
        meter::came(self.transport, self.protocol);
    }

    fn goes(self) {
        meter::went(self.transport, self.protocol);
    }
}

#[derive(Debug)]
pub(crate) struct Measured {
    since: Instant,
    /// `None` when it is over.
    ride: Mutex<Option<Ride>>,
}

impl Measured {
    pub(crate) fn begin(ride: Ride) -> Self {
        ride.comes();
        Self {
            since: Instant::now(),
            ride: Mutex::new(Some(ride)),
        }
    }

    /// Its client may come back by another transport.
    pub(crate) fn rides(&self, ride: Ride) {
        let mut own = self.ride.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(older) = own.filter(|older| *older != ride) {
            *own = Some(ride);
            older.goes();
            ride.comes();
        }
    }

    /// It is over; the first end counts.
    pub(crate) fn end(&self, how: Closure) {
        let mut own = self.ride.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ride) = own.take() {
            ride.goes();
            meter::lasted(ride.transport, how, self.since.elapsed());
        }
    }
}

/// Nobody has ended it: the server is gone.
impl Drop for Measured {
    fn drop(&mut self) {
        self.end(Closure::Shutdown);
    }
}
