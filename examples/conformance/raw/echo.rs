//! What comes in goes out.

use async_trait::async_trait;
use hub_server::{Context, HubError, PersistentConnection};
use serde_json::value::RawValue;

/// Back to the sender, as a string.
pub(crate) struct Echo;

#[async_trait]
impl PersistentConnection for Echo {
    async fn on_received(&self, cx: &Context, data: Option<String>) -> Result<(), HubError> {
        Ok(cx.clients().caller().send_value(data).await?)
    }
}

/// To everybody, as a string.
pub(crate) struct ToAll;

#[async_trait]
impl PersistentConnection for ToAll {
    async fn on_received(&self, cx: &Context, data: Option<String>) -> Result<(), HubError> {
        Ok(cx.clients().all().send_value(data).await?)
    }
}

/// Back to the sender, as the JSON that it is.
pub(crate) struct Preserialized;

#[async_trait]
impl PersistentConnection for Preserialized {
    async fn on_received(&self, cx: &Context, data: Option<String>) -> Result<(), HubError> {
        let value: Box<RawValue> = serde_json::from_str(&data.unwrap_or_default())?;
        Ok(cx.clients().caller().send_value(value).await?)
    }
}

/// Two values for each occasion.
pub(crate) struct MultiSend;

#[async_trait]
impl PersistentConnection for MultiSend {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        let caller = cx.clients().caller();
        caller.send_value("OnConnectedAsync1").await?;
        Ok(caller.send_value("OnConnectedAsync2").await?)
    }

    async fn on_received(&self, cx: &Context, _: Option<String>) -> Result<(), HubError> {
        let caller = cx.clients().caller();
        caller.send_value("OnReceivedAsync1").await?;
        Ok(caller.send_value("OnReceivedAsync2").await?)
    }
}
