//! `echoHub` and `bench`: what comes in goes out.

use hub_server::{Context, HubError, hub};

pub(crate) struct EchoHub;

#[hub]
impl EchoHub {
    #[hub(name = "EchoCallback")]
    async fn echo_callback(&self, cx: &Context, message: String) -> Result<(), HubError> {
        Ok(cx.clients().caller().send("echo", (message,)).await?)
    }

    #[hub(name = "EchoReturn")]
    fn echo_return(&self, message: String) -> String {
        message
    }
}

pub(crate) struct Bench;

#[hub]
impl Bench {
    fn echo(&self, m: String) -> String {
        m
    }

    async fn broadcast(&self, cx: &Context, m: String) -> Result<(), HubError> {
        Ok(cx.clients().all().send("message", (m,)).await?)
    }
}
