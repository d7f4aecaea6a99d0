//! `onConnectedBufferHub` and `connectionDataVerifierHub`: what happens around connecting.

use std::time::Duration;

use hub_server::{Context, HubError, hub};

/// Speaks while the client is still connecting, and takes its time.
pub(crate) struct OnConnectedBufferHub;

#[hub]
impl OnConnectedBufferHub {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        let caller = cx.clients().caller();
        caller.send("bufferMe", (0,)).await?;
        caller.send("bufferMe", (1,)).await?;
        tokio::time::sleep(Duration::from_secs(5)).await;
        Ok(())
    }

    #[hub(name = "Ping")]
    async fn ping(&self, cx: &Context) -> Result<(), HubError> {
        Ok(cx.clients().caller().send("pong", ()).await?)
    }
}

/// Complains when a request does not list the hub that it is for.
pub(crate) struct ConnectionDataVerifierHub;

impl ConnectionDataVerifierHub {
    async fn verify(&self, cx: &Context) -> Result<bool, HubError> {
        let listed = cx.request().query("connectionData").unwrap_or_default();
        if listed.to_lowercase().contains("connectiondataverifierhub") {
            return Ok(true);
        }
        let request = cx.request();
        let query = request.query.iter();
        let query: Vec<_> = query
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let url = format!("{}?{}", request.path, query.join("&"));
        cx.clients().caller().send("fail", (url,)).await?;
        Ok(false)
    }
}

#[hub]
impl ConnectionDataVerifierHub {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        self.verify(cx).await.map(drop)
    }

    async fn on_reconnected(&self, cx: &Context) -> Result<(), HubError> {
        self.verify(cx).await.map(drop)
    }

    async fn on_disconnected(&self, cx: &Context) -> Result<(), HubError> {
        self.verify(cx).await.map(drop)
    }

    #[hub(name = "Ping")]
    async fn ping(&self, cx: &Context) -> Result<(), HubError> {
        if self.verify(cx).await? {
            cx.clients().caller().send("pong", ()).await?;
        }
        Ok(())
    }
}
