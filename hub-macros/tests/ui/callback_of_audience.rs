#![allow(unused)]

use hub_core::{HubError, hub_client};

#[hub_client]
trait Client {
    async fn send(&self) -> Result<(), HubError>;
    async fn except(&self) -> Result<(), HubError>;
}

fn main() {}
