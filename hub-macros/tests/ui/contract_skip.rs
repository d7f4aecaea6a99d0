#![allow(unused)]

use hub_core::hub;

#[hub]
trait Chat {
    #[hub(skip)]
    async fn send(&self);
}

fn main() {}
