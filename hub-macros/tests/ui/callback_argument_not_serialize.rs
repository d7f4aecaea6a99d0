#![allow(unused)]

use hub_core::{HubError, hub_client};

#[derive(serde::Deserialize)]
struct Room;

#[hub_client]
trait Client {
    async fn message(&self, room: Room) -> Result<(), HubError>;
}

fn main() {}
