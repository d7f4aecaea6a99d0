#![allow(unused)]

use hub_core::hub_client;

#[hub_client]
trait Client {
    async fn message(&self);
}

fn main() {}
