//! What a log holds, as it is told to a recorder whenever the log sweeps.

use std::collections::HashMap;

use hub_core::{HubName, Topic};

use super::State;
use crate::meter;

impl State {
    /// Tells what the queues of each hub hold, and its leases. A hub that has nothing any more is told once.
    pub(in crate::log) fn measure(&mut self) {
        let nothing = |hub: HubName| (hub, (0, 0, 0));
        let mut hubs: HashMap<HubName, (usize, usize, usize)> =
            self.measured.drain().map(nothing).collect();
        for (topic, ring) in &self.rings {
            if let Topic::Queue(hub, _) = topic {
                let held = hubs.entry(hub.clone()).or_default();
                held.0 += ring.tally.entries;
                held.1 += ring.tally.bytes;
            }
        }
        for (hub, leases) in self.leases.owed.by_hub() {
            hubs.entry(hub.clone()).or_default().2 = leases;
        }
        for (hub, (entries, bytes, leases)) in hubs {
            meter::held(&hub, entries, bytes, leases);
            if entries + leases > 0 {
                self.measured.insert(hub);
            }
        }
    }
}
