#![allow(unused)]

use hub_core::hub;

#[hub]
trait Chat {
    async fn on_connected(&self);
}

fn main() {}
