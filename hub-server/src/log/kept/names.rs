//! [`Names`]: what entries were called, so that none is written twice.

use std::collections::{HashMap, VecDeque};

use hub_core::{DedupeId, HubName};
use tokio::time::{Duration, Instant};

/// The names that are remembered, by hub.
#[derive(Debug)]
pub(in crate::log) struct Names {
    hubs: HashMap<HubName, Hub>,
    window: Duration,
    most: usize,
    /// Those that were forgotten, for a log that writes them down.
    pub(in crate::log) forgotten: Option<Vec<(HubName, DedupeId)>>,
}

#[derive(Debug, Default)]
struct Hub {
    places: HashMap<DedupeId, Place>,
    /// Oldest first.
    in_order: VecDeque<DedupeId>,
}

/// Where an entry was written, and when.
#[derive(Debug, Clone, Copy)]
pub(in crate::log) struct Place {
    pub(in crate::log) order: u64,
    pub(in crate::log) offset: u64,
    pub(in crate::log) at: Instant,
}

impl Names {
    pub(in crate::log) fn new(window: Duration, most: usize) -> Self {
        Self {
            hubs: HashMap::new(),
            window,
            most,
            forgotten: None,
        }
    }

    /// Where the entry of this name is, if it is remembered.
    pub(in crate::log) fn find(&self, hub: &HubName, id: &DedupeId, now: Instant) -> Option<Place> {
        let place = self.hubs.get(hub)?.places.get(id)?;
        (now < place.at + self.window).then_some(*place)
    }

    /// Remembers one that is not remembered yet.
    pub(in crate::log) fn add(&mut self, hub: &HubName, id: &DedupeId, place: Place) {
        let of = self.hubs.entry(hub.clone()).or_default();
        if of.places.insert(id.clone(), place).is_some() {
            // Its time was over; it is among the newest again.
            of.in_order.retain(|other| other != id);
        }
        of.in_order.push_back(id.clone());
        while of.in_order.len() > self.most {
            let Some(oldest) = of.in_order.pop_front() else {
                break;
            };
            of.places.remove(&oldest);
            if let Some(forgotten) = &mut self.forgotten {
                forgotten.push((hub.clone(), oldest));
            }
        }
    }

    /// Forgets those whose time is over.
    pub(in crate::log) fn sweep(&mut self, now: Instant) {
        let (window, forgotten) = (self.window, &mut self.forgotten);
        self.hubs.retain(|hub, of| {
            while let Some(oldest) = of.in_order.front() {
                let place = of.places.get(oldest);
                if place.is_some_and(|place| now < place.at + window) {
                    break;
                }
                of.places.remove(oldest);
                let oldest = of.in_order.pop_front();
                if let (Some(forgotten), Some(oldest)) = (&mut *forgotten, oldest) {
                    forgotten.push((hub.clone(), oldest));
                }
            }
            !of.in_order.is_empty()
        });
    }
}
