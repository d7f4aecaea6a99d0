#![allow(unused)]

use hub_core::{Context, hub};

struct Chat;

#[hub]
impl Chat {
    async fn send(&self, cx: &mut Context) {}
}

fn main() {}
