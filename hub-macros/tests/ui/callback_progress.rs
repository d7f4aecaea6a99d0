#![allow(unused)]

use hub_core::{HubError, Progress, hub_client};

#[hub_client]
trait Client {
    async fn send_all(&self, sink: Progress<u8>) -> Result<(), HubError>;
}

fn main() {}
