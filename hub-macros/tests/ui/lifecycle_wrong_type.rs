#![allow(unused)]

use hub_core::{Context, hub};

struct Chat;

#[hub]
impl Chat {
    async fn on_disconnected(&self, cx: &Context, stopped: String) {}
}

fn main() {}
