//! `StatusHub`: tells everybody who comes and goes.

use std::time::{SystemTime, UNIX_EPOCH};

use hub_server::{Context, HubError, hub};

pub(crate) struct StatusHub;

impl StatusHub {
    async fn tell(&self, cx: &Context, event: &str) -> Result<(), HubError> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let args = (cx.connection_id().as_str(), time.as_millis().to_string());
        Ok(cx.clients().all().send(event, args).await?)
    }
}

#[hub(name = "StatusHub")]
impl StatusHub {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        self.tell(cx, "joined").await
    }

    async fn on_reconnected(&self, cx: &Context) -> Result<(), HubError> {
        self.tell(cx, "rejoined").await
    }

    async fn on_disconnected(&self, cx: &Context) -> Result<(), HubError> {
        self.tell(cx, "leave").await
    }

    #[hub(name = "Ping")]
    async fn ping(&self, cx: &Context) -> Result<(), HubError> {
        Ok(cx.clients().caller().send("pong", ()).await?)
    }
}
