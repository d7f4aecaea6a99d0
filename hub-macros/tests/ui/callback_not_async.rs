#![allow(unused)]

use hub_core::{HubError, hub_client};

#[hub_client]
trait Client {
    fn message(&self) -> Result<(), HubError>;
}

fn main() {}
