#![allow(unused)]

use hub_core::hub;

struct Chat;

struct Room;

#[hub]
impl Chat {
    async fn room(&self) -> Room {
        Room
    }
}

fn main() {}
