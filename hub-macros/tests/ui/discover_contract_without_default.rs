#![allow(unused)]

use hub_core::hub;

#[hub]
trait Chat {
    async fn send(&self);
}

struct Room;

#[hub(discover)]
impl Chat for Room {
    async fn send(&self) {}
}

fn main() {}
