#![allow(unused)]

use hub_core::hub;

#[hub]
trait Chat {
    async fn send(&self);
}

struct Room;

#[hub(authorize)]
impl Chat for Room {
    #[hub(authorize = "admin")]
    async fn send(&self) {}

    #[hub(authorize(users("ann")))]
    async fn on_connected(&self, _: &hub_core::Context) -> Result<(), hub_core::HubError> {
        Ok(())
    }
}

fn main() {}
