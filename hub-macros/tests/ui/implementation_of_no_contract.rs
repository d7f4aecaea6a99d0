#![allow(unused)]

use hub_core::hub;

trait Chat {
    fn send(&self);
}

struct Room;

#[hub]
impl Chat for Room {
    fn send(&self) {}
}

fn main() {}
