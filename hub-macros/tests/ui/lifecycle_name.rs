#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub]
impl Chat {
    #[hub(name = "connected")]
    async fn on_connected(&self) {}
}

fn main() {}
