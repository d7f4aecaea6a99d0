#![allow(unused)]

use hub_core::{Context, hub};

struct Chat;

#[hub]
impl Chat {
    async fn on_connected(&self, cx: &Context, room: String) {}

    async fn on_disconnected(&self, stopped: bool, cx: &Context) {}
}

fn main() {}
