#![allow(unused)]

use hub_core::{Closed, Context, HubError, hub};

#[hub]
trait Chat {}

struct Room;

#[hub]
impl Chat for Room {
    async fn on_disconnected(&self, cx: &Context, stopped: bool) -> Result<(), HubError> {
        Ok(())
    }

    async fn on_closed(&self, cx: &Context, reason: Closed) -> Result<(), HubError> {
        Ok(())
    }
}

fn main() {}
