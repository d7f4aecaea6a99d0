#![allow(unused)]

use hub_core::{HubError, hub};

#[hub]
trait Chat {
    async fn rooms(&self) -> Result<&[String], HubError>;
}

fn main() {}
