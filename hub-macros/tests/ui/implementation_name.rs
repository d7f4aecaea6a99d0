#![allow(unused)]

use hub_core::hub;

#[hub]
trait Chat {
    async fn send(&self);
}

struct Room;

#[hub(name = "chat")]
impl Chat for Room {
    async fn send(&self) {}
}

fn main() {}
