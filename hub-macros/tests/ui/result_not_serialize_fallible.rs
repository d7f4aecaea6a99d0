#![allow(unused)]

use hub_core::{HubError, hub};

struct Chat;

struct Room;

#[hub]
impl Chat {
    async fn room(&self) -> Result<Room, HubError> {
        Ok(Room)
    }
}

fn main() {}
