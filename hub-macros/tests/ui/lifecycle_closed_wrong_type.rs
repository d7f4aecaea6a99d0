#![allow(unused)]

use hub_core::{Context, hub};

struct Chat;

#[hub]
impl Chat {
    async fn on_closed(&self, cx: &Context, stopped: bool) {}
}

fn main() {}
