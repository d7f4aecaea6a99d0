//! Hubs for the tests, named and behaving as in `conformance-app.md`.

use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use http::request::Parts;
use hub_server::{
    Authenticate, Builder, Context, HubError, HubServer, Identity, Unauthenticated, hub,
};
use serde_json::{Value, json};

pub use super::conformance::{Conformance, Events};

/// The hub `demo`: overloads, optional arguments and typed ones.
pub struct Demo;

#[hub]
impl Demo {
    #[hub(name = "overload")]
    fn overload_none(&self) {}

    #[hub(name = "overload")]
    fn overload_one(&self, n: i32) -> i32 {
        n
    }

    fn synchronous_exception(&self) -> Result<(), HubError> {
        Err(HubError::internal("an ordinary error"))
    }

    fn hub_exception(&self) -> Result<(), HubError> {
        Err(HubError::new("message").with_data("errorData"))
    }

    fn hub_exception_without_error_data(&self) -> Result<(), HubError> {
        Err(HubError::new("message"))
    }

    async fn test_guid(&self, cx: &Context) -> Result<(), HubError> {
        let guid = "00000000-0000-0000-0000-000000000000";
        Ok(cx.clients().caller().send("TestGuid", (guid,)).await?)
    }

    fn optional(&self, a: i32, b: Option<i32>) -> i32 {
        a + b.unwrap_or(5)
    }

    #[hub(name = "Named")]
    fn renamed(&self) -> bool {
        true
    }

    fn falsy(&self, which: String) -> Value {
        match &*which {
            "false" => json!(false),
            "zero" => json!(0),
            "empty" => json!(""),
            "array" => json!([]),
            _ => Value::Null,
        }
    }

    fn ints(&self, ints: Vec<i64>, on: bool, ratio: f64) -> Value {
        json!([ints, on, ratio])
    }
}

/// The hub `groupJoiningHub`: joins in `on_connected`.
pub struct GroupJoiningHub;

#[hub]
impl GroupJoiningHub {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        cx.join(cx.connection_id().as_str()).await?;
        cx.clients()
            .group(cx.connection_id().as_str())
            .send("ping", ())
            .await?;
        Ok(())
    }

    async fn ping_group(&self, cx: &Context) -> Result<(), HubError> {
        Ok(cx
            .clients()
            .group(cx.connection_id().as_str())
            .send("ping", ())
            .await?)
    }
}

/// The hub `onConnectedBufferHub`: speaks in `on_connected` and takes its time.
pub struct OnConnectedBufferHub;

#[hub]
impl OnConnectedBufferHub {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        cx.clients().caller().send("bufferMe", (0,)).await?;
        cx.clients().caller().send("bufferMe", (1,)).await?;
        tokio::time::sleep(Duration::from_secs(5)).await;
        Ok(())
    }

    async fn ping(&self, cx: &Context) -> Result<(), HubError> {
        Ok(cx.clients().caller().send("pong", ()).await?)
    }
}

/// The hub `failing`: nobody gets past its `on_connected`.
pub struct Failing;

#[hub]
impl Failing {
    fn on_connected(&self) -> Result<(), HubError> {
        Err(HubError::internal("nobody gets in"))
    }
}

/// The user is whom the header `X-User` names.
pub struct ByHeader;

#[async_trait]
impl Authenticate for ByHeader {
    async fn authenticate(&self, head: &Parts) -> Result<Identity, Unauthenticated> {
        let name = head
            .headers
            .get("X-User")
            .map(|name| name.to_str().map_err(|_| StatusCode::BAD_REQUEST));
        Ok(match name.transpose()? {
            Some("refused") => return Err(StatusCode::UNAUTHORIZED.into()),
            // Roles stand behind the name: `ann;admin;op`.
            Some(name) => {
                let mut parts = name.split(';');
                Identity::named(parts.next().unwrap_or_default()).with_roles(parts)
            }
            None => Identity::default(),
        })
    }
}

/// All hubs with the default settings.
pub fn builder() -> (Builder, Events) {
    let conformance = Conformance::default();
    let events = conformance.events.clone();
    let builder = HubServer::builder()
        .hub(conformance)
        .hub(Demo)
        .hub(GroupJoiningHub)
        .hub(OnConnectedBufferHub)
        .hub(Failing)
        .authenticate(ByHeader);
    (builder, events)
}
