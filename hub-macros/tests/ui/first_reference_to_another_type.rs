#![allow(unused)]

use hub_core::hub;

struct Chat;

struct Other;

#[hub]
impl Chat {
    async fn send(&self, other: &Other) {}
}

fn main() {}
