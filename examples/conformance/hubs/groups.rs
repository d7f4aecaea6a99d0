//! `groupChat` and `groupJoiningHub`.

use hub_server::{Context, HubError, hub};

pub(crate) struct GroupChat;

#[hub]
impl GroupChat {
    #[hub(name = "Join")]
    async fn join(&self, cx: &Context, group: String) -> Result<(), HubError> {
        Ok(cx.join(group).await?)
    }

    #[hub(name = "Leave")]
    async fn leave(&self, cx: &Context, group: String) -> Result<(), HubError> {
        Ok(cx.leave(group).await?)
    }

    #[hub(name = "Send")]
    async fn send(&self, cx: &Context, group: String, message: String) -> Result<(), HubError> {
        Ok(cx.clients().group(group).send("send", (message,)).await?)
    }
}

/// Everybody is in a group of their own from the start.
pub(crate) struct GroupJoiningHub;

#[hub]
impl GroupJoiningHub {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        cx.join(cx.connection_id().as_str()).await?;
        self.ping_group(cx).await
    }

    #[hub(name = "PingGroup")]
    async fn ping_group(&self, cx: &Context) -> Result<(), HubError> {
        let own = cx.clients().group(cx.connection_id().as_str());
        Ok(own.send("ping", ()).await?)
    }
}
