//! Some of those who are connected.

use std::time::Duration;

use async_trait::async_trait;
use hub_server::{ConnectionId, Context, HubError, PersistentConnection};
use serde::Deserialize;

/// To everybody but the sender.
pub(crate) struct Filter;

#[async_trait]
impl PersistentConnection for Filter {
    async fn on_received(&self, cx: &Context, data: Option<String>) -> Result<(), HubError> {
        Ok(cx.clients().others().send_value(data).await?)
    }
}

/// Joins, leaves and sends, as its messages say.
pub(crate) struct Groups;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wish {
    #[serde(rename = "type")]
    kind: u8,
    group: String,
    message: Option<String>,
    connection_id: Option<String>,
}

#[async_trait]
impl PersistentConnection for Groups {
    async fn on_received(&self, cx: &Context, data: Option<String>) -> Result<(), HubError> {
        let wish: Wish = serde_json::from_str(&data.unwrap_or_default())?;
        let other = wish.connection_id.map(ConnectionId::from);
        let who = other.as_ref().unwrap_or(cx.connection_id());
        match wish.kind {
            1 => cx.groups().add(who, wish.group).await?,
            2 => cx.groups().remove(who, wish.group).await?,
            3 => {
                let group = cx.clients().group(wish.group);
                group.send_value(wish.message).await?;
            }
            other => {
                return Err(HubError::internal(format!(
                    "no message has the type {other}"
                )));
            }
        }
        Ok(())
    }
}

/// Takes its time to connect, and is in two groups then.
pub(crate) struct AddGroup;

#[async_trait]
impl PersistentConnection for AddGroup {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        cx.join("test").await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(cx.join("test2").await?)
    }

    async fn on_received(&self, cx: &Context, _: Option<String>) -> Result<(), HubError> {
        Ok(cx.clients().group("test2").send_value("hey").await?)
    }
}
