#![allow(unused)]

use hub_core::{Closed, Context, hub};

struct Chat;

#[hub]
impl Chat {
    async fn on_opened(&self, cx: &Context) {}

    async fn on_closed(&self, reason: Closed) {}

    async fn on_connected(&self, cx: &Context) {}

    async fn on_disconnected(&self, stopped: bool) {}
}

fn main() {}
