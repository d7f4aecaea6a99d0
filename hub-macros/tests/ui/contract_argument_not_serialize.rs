#![allow(unused)]

use hub_core::hub;

#[derive(serde::Deserialize)]
struct Room;

#[hub]
trait Chat {
    async fn send(&self, room: Room);
}

fn main() {}
