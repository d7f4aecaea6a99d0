#![allow(unused)]

use hub_core::hub;

#[hub]
trait Chat {
    async fn send(room: String);
}

fn main() {}
