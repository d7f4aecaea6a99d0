//! `failing` and `failingAsync`: nobody gets past their `on_connected`.

use std::time::Duration;

use hub_server::{HubError, hub};

pub(crate) struct Failing;

#[hub]
impl Failing {
    fn on_connected(&self) -> Result<(), HubError> {
        Err(HubError::internal("connect failed"))
    }
}

pub(crate) struct FailingAsync;

#[hub]
impl FailingAsync {
    async fn on_connected(&self) -> Result<(), HubError> {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Err(HubError::internal("connect failed later"))
    }
}
