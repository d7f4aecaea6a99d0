#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub]
impl Chat {
    async fn send(&self, rooms: Vec<String>, ids: &[u8]) {}
}

fn main() {}
