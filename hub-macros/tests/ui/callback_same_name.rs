#![allow(unused)]

use hub_core::{HubError, hub_client};

#[hub_client]
trait Client {
    async fn message(&self) -> Result<(), HubError>;
    #[hub(name = "message")]
    async fn message_to(&self, who: String) -> Result<(), HubError>;
}

fn main() {}
