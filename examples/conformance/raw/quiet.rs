//! Connections that say nothing.

use async_trait::async_trait;
use hub_server::{Context, HubError, Identity, PersistentConnection, Request};

/// Takes messages and does nothing with them.
pub(crate) struct Ignoring;

#[async_trait]
impl PersistentConnection for Ignoring {
    async fn on_received(&self, _: &Context, _: Option<String>) -> Result<(), HubError> {
        Ok(())
    }
}

/// Refuses everybody.
pub(crate) struct Protected;

#[async_trait]
impl PersistentConnection for Protected {
    async fn authorize(&self, _: &Request, _: &Identity) -> bool {
        false
    }

    async fn on_received(&self, _: &Context, _: Option<String>) -> Result<(), HubError> {
        Ok(())
    }
}
