//! Queued messages: for whom they are is settled as they are sent, and one entry is both for those who are away and for
//! those who are there.

use std::sync::Arc;

use hub_core::{Append, DeliveryError, Keeping, PersistentId, Queued, Recipients};

use tokio::time::Instant;

use crate::meter;
use crate::node::Node;

impl Node {
    /// Writes an entry into a queue.
    pub(super) async fn enqueue(
        &self,
        entry: Append,
        keeping: Keeping,
    ) -> Result<Queued, DeliveryError> {
        if keeping.name.as_str().is_empty() {
            return Err(DeliveryError::EmptyName("queue"));
        }
        let Keeping {
            mut terms,
            matching,
            ..
        } = keeping;
        if let (Some(matching), Some(hub)) = (matching, entry.topic.hub()) {
            let subscribers = self.log.leases(hub).await?;
            let matched = subscribers.into_iter().filter(|it| matching(it));
            let matched = matched.map(|it| it.owner);
            let only = terms.only.get_or_insert_default();
            only.owners = only.owners.iter().cloned().chain(matched).collect();
        }
        let live = self.registry.listening(&entry.also, &entry.except);
        let entry = Append { terms, ..entry };
        let hub = entry.topic.hub().cloned();
        let begun = Instant::now();
        let receipts = self.write(split(entry)).await?;
        let receipt = receipts.first().ok_or(DeliveryError::Stopped)?;
        if let Some(hub) = hub {
            meter::queued(&hub, receipt.duplicate, begun.elapsed());
        }
        Ok(Queued {
            epoch: self.epoch,
            offset: receipt.offset,
            order: receipt.order,
            duplicate: receipt.duplicate,
            live: if receipt.duplicate { 0 } else { live },
            waiting: receipt.waiting,
        })
    }
}

/// An entry names so many clients at most; more are several entries, of which the first goes to those who are there.
fn split(entry: Append) -> Vec<Append> {
    let many = |only: &Recipients| only.owners.len() > Recipients::MOST;
    let Some(only) = entry.terms.only.clone().filter(many) else {
        return vec![entry];
    };
    let part = |(n, owners): (usize, &[PersistentId])| {
        let mut part = entry.clone();
        part.terms.only = Some(Recipients {
            owners: Arc::from(owners),
            users: if n == 0 {
                only.users.clone()
            } else {
                Arc::default()
            },
        });
        if n > 0 {
            part.also = Box::default();
            part.terms.dedupe = entry.terms.dedupe.as_ref().map(|name| name.part(n));
        }
        part
    };
    let parts = only.owners.chunks(Recipients::MOST).enumerate();
    parts.map(part).collect()
}
