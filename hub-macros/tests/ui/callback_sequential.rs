#![allow(unused)]

use hub_core::{HubError, hub_client};

#[hub_client(sequential)]
trait ChatClient {
    async fn message(&self, text: String) -> Result<(), HubError>;
}

fn main() {}
