//! `foo`: messages for those who are away.

use std::time::Duration;

use hub_server::{Context, HubError, hub};

/// How long messages are kept for somebody who is away.
const AWAY: Duration = Duration::from_secs(60);

pub(crate) struct Foo;

impl Foo {
    /// What was kept for a client that is known again; from now on more is kept whenever it is away.
    async fn welcome(&self, cx: &Context) -> Result<(), HubError> {
        if cx.persistent_id().is_some() {
            cx.online_publish().await?;
            cx.offline_subscribe(["bar", "baz"], AWAY).await?;
        }
        Ok(())
    }
}

#[hub(name = "foo")]
impl Foo {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        self.welcome(cx).await
    }

    async fn on_reconnected(&self, cx: &Context) -> Result<(), HubError> {
        self.welcome(cx).await
    }

    #[hub(name = "Bar")]
    async fn bar(&self, cx: &Context, m: String) -> Result<(), HubError> {
        let everybody = cx.clients().all().and_queue("bar");
        Ok(everybody.send("bar", (m,)).await?)
    }

    #[hub(name = "Keep")]
    async fn keep(
        &self,
        cx: &Context,
        topic: String,
        m: String,
    ) -> Result<Option<String>, HubError> {
        let kept = cx.queue(&topic).send_queued(&topic, (m,)).await?;
        Ok(kept.map(|kept| kept.to_string()))
    }
}
