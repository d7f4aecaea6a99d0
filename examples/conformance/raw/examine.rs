//! What a connection sees of its requests.

use async_trait::async_trait;
use hub_server::{Context, HubError, PersistentConnection, Resumed};
use serde::Serialize;

/// Tells headers of the request.
pub(crate) struct Headers;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Seen<'a> {
    referer_header: Option<&'a str>,
    test_header: Option<&'a str>,
    user_agent_header: Option<&'a str>,
}

#[async_trait]
impl PersistentConnection for Headers {
    async fn on_received(&self, cx: &Context, _: Option<String>) -> Result<(), HubError> {
        let seen = Seen {
            referer_header: cx.request().header("Referer"),
            test_header: cx.request().header("test-header"),
            user_agent_header: cx.request().header("User-Agent"),
        };
        Ok(cx.clients().caller().send_value(seen).await?)
    }
}

/// Tells whether a client came back by `/reconnect`.
pub(crate) struct Reconnect;

#[async_trait]
impl PersistentConnection for Reconnect {
    async fn on_received(&self, _: &Context, _: Option<String>) -> Result<(), HubError> {
        Ok(())
    }

    async fn on_reconnected(&self, cx: &Context, _: Resumed) -> Result<(), HubError> {
        let by_reconnect = cx.request().path.ends_with("/reconnect");
        Ok(cx.clients().caller().send_value(by_reconnect).await?)
    }
}
