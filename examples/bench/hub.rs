//! Our own server, as a user writes it.

use hub_server::{Context, HubError, HubServer, hub};

pub(crate) struct Bench;

#[hub]
impl Bench {
    fn echo(&self, m: String) -> String {
        m
    }

    async fn broadcast(&self, cx: &Context, m: String) -> Result<(), HubError> {
        Ok(cx.clients().all().send("message", (&m,)).await?)
    }
}

/// Serves for ever; says the address first.
pub(crate) async fn serve(port: u16) -> Result<(), Box<dyn std::error::Error>> {
    let server = HubServer::builder().hub(Bench).path("/signalr").build()?;
    let bound = server.bind(("127.0.0.1", port)).await?;
    crate::serve::announce(bound.local_addr())?;
    Ok(bound.serve().await?)
}
