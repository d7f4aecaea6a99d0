#![allow(unused)]

use hub_core::hub;

struct Chat;

struct Room;

#[hub]
impl Chat {
    async fn send(&self, room: Room, text: Option<Room>) {}
}

fn main() {}
