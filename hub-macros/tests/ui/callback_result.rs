#![allow(unused)]

use hub_core::{HubError, hub_client};

#[hub_client]
trait Client {
    async fn message(&self) -> Result<u8, HubError>;
}

fn main() {}
