#![allow(unused)]

use hub_core::{HubError, hub_client};

#[hub_client(authorize = "admin")]
trait Client {
    #[hub(authorize)]
    async fn message(&self) -> Result<(), HubError>;
}

fn main() {}
