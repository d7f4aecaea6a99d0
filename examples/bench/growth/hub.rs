//! The server that is made to grow: the benchmark's hub, and one that fills groups, topics and queues.

use hub_server::{Context, DeliveryError, HubError, HubServer, LogOptions, hub};

use crate::hub::Bench;

/// More than any table asks for: nothing that is to be counted is let go.
const KEPT: usize = 1_000_000;
const KEPT_BYTES: usize = 1 << 30;

pub(super) struct Growth;

#[hub]
impl Growth {
    /// The caller becomes a member of groups `first` up to `end`.
    async fn join(&self, cx: &Context, first: u32, end: u32) -> Result<(), DeliveryError> {
        for group in first..end {
            cx.join(name(group)).await?;
        }
        Ok(())
    }

    async fn leave(&self, cx: &Context, group: u32) -> Result<(), DeliveryError> {
        cx.leave(name(group)).await
    }

    async fn publish(&self, cx: &Context, group: u32, m: String) -> Result<(), DeliveryError> {
        cx.clients().group(name(group)).send("message", (&m,)).await
    }

    /// So many numbered messages for everybody but the caller.
    async fn burst(&self, cx: &Context, count: u32, m: String) -> Result<(), DeliveryError> {
        let others = cx.clients().others();
        for number in 0..count {
            others.send("message", (number, &m)).await?;
        }
        Ok(())
    }

    /// So many messages that are kept in a group which nobody is in.
    async fn keep(&self, cx: &Context, count: u32, m: String) -> Result<(), DeliveryError> {
        let left = cx.clients().group(name(0));
        for _ in 0..count {
            left.send("message", (&m,)).await?;
        }
        Ok(())
    }

    /// So many messages that a queue keeps.
    async fn queue(&self, cx: &Context, count: u32, m: String) -> Result<(), HubError> {
        let queue = cx.clients().queue("q");
        for _ in 0..count {
            queue.send("message", (&m,)).await?;
        }
        Ok(())
    }
}

fn name(group: u32) -> String {
    format!("g{group}")
}

/// Serves for ever; says the address first.
pub(super) async fn serve(port: u16) -> Result<(), Box<dyn std::error::Error>> {
    let options = LogOptions::default()
        .retain(KEPT, KEPT_BYTES)
        .queue(KEPT, KEPT_BYTES);
    let server = HubServer::builder()
        .hub(Bench)
        .hub(Growth)
        .path("/signalr")
        .log_options(options)
        .build()?;
    let bound = server.bind(("127.0.0.1", port)).await?;
    crate::serve::announce(bound.local_addr())?;
    Ok(bound.serve().await?)
}
