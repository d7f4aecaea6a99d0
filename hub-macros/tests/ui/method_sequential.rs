#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub(sequential, sequential)]
impl Chat {
    #[hub(sequential)]
    async fn send(&self) {}
}

fn main() {}
