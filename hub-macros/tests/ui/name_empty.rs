#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub]
impl Chat {
    #[hub(name = "")]
    async fn send(&self) {}
}

fn main() {}
