#![allow(unused)]

use hub_core::{Context, HubError, hub};

#[hub]
trait Chat {
    async fn on_opened(&self, cx: &Context) -> Result<(), HubError>;

    fn on_expired(&self);
}

struct Room;

#[hub]
impl Chat for Room {
    async fn on_opened(&self, cx: &Context) -> Result<(), HubError> {
        Ok(())
    }

    fn on_expired(&self) {}
}

fn main() {}
