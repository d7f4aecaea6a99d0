//! The server that is put under strain, with the limits that a user would set.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use hub_server::{
    Context, DeliveryError, HubError, HubHandle, HubServer, LiveSession, LogOptions, hub,
};

use super::{BUDGET, OUTBOX, Setting, counters::Counters};
use crate::hub::Bench;

/// What the log keeps of a topic: all that somebody may come back for, and of many topics together more than the budget allows.
const KEPT: usize = 10_000;
const KEPT_BYTES: usize = 8 << 20;
/// How long what is queued waits for a client.
const AWAY: Duration = Duration::from_secs(600);
const QUEUE: &str = "waits";

pub(super) struct Strain {
    counters: Counters,
    /// Where everybody is.
    everybody: Arc<OnceLock<HubHandle>>,
}

#[hub]
impl Strain {
    /// Clients with a persistent id have what was queued while they were away.
    async fn on_opened(&self, cx: &Context) -> Result<(), HubError> {
        if cx.persistent_id().is_some() {
            cx.online_publish().await?;
            cx.offline_subscribe([QUEUE], AWAY).await?;
        }
        Ok(())
    }

    async fn queue(&self, cx: &Context, m: String) -> Result<(), DeliveryError> {
        cx.queue(QUEUE).send("message", (&m,)).await
    }

    /// To the caller itself, as soon as it is possible.
    async fn post(&self, cx: &Context, m: String) -> Result<(), DeliveryError> {
        own(cx)?.post("message", (&m,)).await
    }

    /// To the caller itself, at once or not at all.
    fn try_post(&self, cx: &Context, m: String) -> Result<(), DeliveryError> {
        own(cx)?.try_post("message", (&m,))
    }

    /// Bytes that wait for all clients together.
    fn waiting(&self) -> usize {
        let sessions = self.everybody.get().map(|hub| hub.sessions().all());
        sessions.iter().flatten().map(LiveSession::waiting).sum()
    }

    /// What a counter of the server's metrics says.
    fn counted(&self, name: String) -> u64 {
        self.counters.of(&name)
    }
}

fn own(cx: &Context) -> Result<LiveSession, DeliveryError> {
    let own = cx.sessions().get(cx.connection_id());
    own.ok_or(DeliveryError::Closed)
}

/// Serves for ever; says the address first.
pub(super) async fn serve(port: u16, setting: &Setting) -> Result<(), Box<dyn std::error::Error>> {
    let counters = Counters::default();
    metrics::set_global_recorder(counters.clone())?;
    let everybody = Arc::new(OnceLock::new());
    let strain = Strain {
        counters,
        everybody: everybody.clone(),
    };
    let server = HubServer::builder()
        .hub(Bench)
        .hub(strain)
        .path("/signalr")
        .outbox(1_024, OUTBOX)
        .write_timeout(setting.write_timeout)
        .memory_budget(BUDGET)
        .log_options(
            LogOptions::default()
                .retain(KEPT, KEPT_BYTES)
                .queue(KEPT, KEPT_BYTES)
                .leases(KEPT, KEPT),
        )
        .build()?;
    if let Some(hub) = server.handle_of::<Bench>() {
        let _ = everybody.set(hub);
    }
    let bound = server.bind(("127.0.0.1", port)).await?;
    crate::serve::announce(bound.local_addr())?;
    Ok(bound.serve().await?)
}
