//! [`Listeners`]: who listens to one topic. Most topics are of one connection alone, and need no table.

use std::sync::Arc;

use crate::connection::link::Connection;
use crate::maps::Map;

/// By serial numbers.
#[allow(
    clippy::box_collection,
    reason = "most are one, and need no room for a table"
)]
pub(super) enum Listeners {
    One(Arc<Connection>),
    Many(Box<Map<u64, Arc<Connection>>>),
}

impl Listeners {
    pub(super) fn add(&mut self, connection: Arc<Connection>) {
        match self {
            Self::One(other) if other.serial == connection.serial => *other = connection,
            Self::One(other) => {
                let both = [other.clone(), connection];
                let both = both.map(|it| (it.serial, it)).into_iter().collect();
                *self = Self::Many(Box::new(both));
            }
            Self::Many(all) => {
                all.insert(connection.serial, connection);
            }
        }
    }

    /// Whether nobody is left.
    pub(super) fn remove(&mut self, serial: u64) -> bool {
        match self {
            Self::One(only) => only.serial == serial,
            Self::Many(all) => {
                all.remove(&serial);
                all.is_empty()
            }
        }
    }

    pub(super) fn has(&self, serial: u64) -> bool {
        match self {
            Self::One(only) => only.serial == serial,
            Self::Many(all) => all.contains_key(&serial),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Connection>> {
        let (one, many) = match self {
            Self::One(only) => (Some(only), None),
            Self::Many(all) => (None, Some(all.values())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}
