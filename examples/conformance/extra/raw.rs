//! Persistent connections that fail, or answer with objects.

use async_trait::async_trait;
use hub_server::{Context, HubError, PersistentConnection, Resumed};
use serde::Serialize;

/// Nobody gets past its `on_connected`.
pub(crate) struct Bad;

#[async_trait]
impl PersistentConnection for Bad {
    async fn on_connected(&self, _: &Context) -> Result<(), HubError> {
        Err(HubError::internal("connect failed"))
    }

    async fn on_received(&self, _: &Context, _: Option<String>) -> Result<(), HubError> {
        Ok(())
    }
}

/// Answers with objects that a client could take for a result.
pub(crate) struct Obj;

#[derive(Serialize)]
struct Answer {
    #[serde(rename = "I")]
    id: &'static str,
    data: Option<String>,
    n: Option<()>,
}

#[async_trait]
impl PersistentConnection for Obj {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        Ok(cx.clients().caller().send_value("connected").await?)
    }

    async fn on_received(&self, cx: &Context, data: Option<String>) -> Result<(), HubError> {
        let (id, n) = ("x", None);
        let caller = cx.clients().caller();
        Ok(caller.send_value(Answer { id, data, n }).await?)
    }

    async fn on_reconnected(&self, cx: &Context, _: Resumed) -> Result<(), HubError> {
        Ok(cx.clients().caller().send_value("reconnected").await?)
    }
}

/// Fails with every message.
pub(crate) struct SyncError;

#[async_trait]
impl PersistentConnection for SyncError {
    async fn on_received(&self, _: &Context, _: Option<String>) -> Result<(), HubError> {
        Err(HubError::internal("This is a bug!"))
    }
}
