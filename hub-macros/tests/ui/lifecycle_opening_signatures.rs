#![allow(unused)]

use hub_core::{Closed, Context, Expired, Resumed, hub};

struct Chat;

#[hub]
impl Chat {
    async fn on_opened(&self, cx: &Context, resumed: Resumed) {}

    async fn on_reopened(&self, cx: &Context, resumed: Resumed) {}

    async fn on_closed(&self, cx: &Context, stopped: bool, reason: Closed) {}

    async fn on_expired(&self, cx: &Context, gone: Expired) -> bool {
        true
    }
}

fn main() {}
