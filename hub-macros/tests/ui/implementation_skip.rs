#![allow(unused)]

use hub_core::hub;

#[hub]
trait Chat {
    async fn send(&self);
}

struct Room;

#[hub]
impl Chat for Room {
    #[hub(skip)]
    async fn send(&self) {}
}

fn main() {}
