#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub]
impl Chat {
    async fn on_reconnected(&self) -> bool {
        true
    }
}

fn main() {}
