#![allow(unused)]

use hub_core::hub;

#[hub]
trait Chat {
    type Room;
    async fn send(&self, room: String);
}

fn main() {}
