#![allow(unused)]

use hub_core::{Context, HubError, hub_client};

#[hub_client]
trait Client {
    async fn message(&self, cx: &Context) -> Result<(), HubError>;
}

fn main() {}
