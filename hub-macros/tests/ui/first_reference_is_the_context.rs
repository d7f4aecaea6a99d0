#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub]
impl Chat {
    async fn send(&self, room: &str) {}
}

fn main() {}
