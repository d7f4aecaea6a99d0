//! Leases whose time is over (`delivery.md` a.3): [`sweep`] ends them and has their hubs told, each once, in a task of its
//! own. Who comes back after that waits in [`told`] until its hub has heard of it.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hub_core::{Clients, Expired, HubError, HubName, LeaseKey, Peer};
use tokio::sync::{Mutex, SetOnce};
use tokio::time::timeout;

use super::sessions;
use crate::meter;
use crate::node::Node;

/// How long a client that comes back waits for the `on_expired` of what was before.
const PATIENCE: Duration = Duration::from_secs(5);

/// The hubs that are being told, by the lease that is over.
///
/// This lock is held while the log sweeps: what the log has ended is in here before anybody can ask whether it is.
#[derive(Default)]
pub(crate) struct Expiring(Mutex<HashMap<LeaseKey, Arc<SetOnce<()>>>>);

/// Ends what is over. Does not wait for the hubs.
pub(crate) async fn sweep(node: &Arc<Node>) {
    let mut expiring = node.expiring.0.lock().await;
    expiring.retain(|_, told| !told.initialized());
    let over = match node.log.sweep().await {
        Ok(over) => over,
        Err(error) => {
            meter::failed(&error);
            tracing::warn!(%error, "what is over was not cleared away");
            return;
        }
    };
    for key in over {
        meter::lease_expired(&key.hub);
        let told = Arc::new(SetOnce::new());
        expiring.insert(key.clone(), told.clone());
        let node = node.clone();
        tokio::spawn(async move {
            tell(&node, key).await;
            let _ = told.set(());
        });
    }
}

async fn tell(node: &Arc<Node>, key: LeaseKey) {
    // A log that outlives the process may know hubs that are gone.
    let Some(registered) = node.hubs.find(key.hub.as_str()) else {
        return;
    };
    let clients = Clients::new(node.clone(), registered.name.clone());
    let telling = async {
        let gone = Expired::new(key.owner, clients);
        registered.hub.expired(gone).await
    };
    let outcome = AssertUnwindSafe(telling).catch_unwind().await;
    let outcome = outcome.unwrap_or_else(|_| Err(HubError::internal("the hub panicked")));
    if let Err(error) = outcome {
        tracing::warn!(hub = %registered.name, %error, "on_expired failed");
    }
}

/// Returns when a hub that a client has just opened has heard that the time of what was kept for it before was over, if it
/// was. A hub that takes too long hears of both at once.
pub(crate) async fn told(node: &Arc<Node>, peer: &Peer, hub: &HubName) {
    let Some(key) = sessions::key(peer, hub) else {
        return;
    };
    if sessions::was_over(peer, hub) {
        // The client came before the heartbeat.
        sweep(node).await;
    }
    let told = node.expiring.0.lock().await.get(&key).cloned();
    if let Some(told) = told {
        let _ = timeout(PATIENCE, told.wait()).await;
    }
}
