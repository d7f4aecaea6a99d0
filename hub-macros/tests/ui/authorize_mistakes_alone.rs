//! A mistake in who may call is told alone: hub, method and proxy are there.

#![allow(unused)]

use std::sync::Arc;

use hub_core::{Hub, Invoke, Proxy, hub};

#[hub(authorize(roles("")), name = "chat", authorize = 5)]
trait Chat {
    #[hub(authorize(require_outgoing = false), name = "post")]
    async fn send(&self) -> u8;
}

struct Room;

#[hub(authorize)]
impl Chat for Room {
    async fn send(&self) -> u8 {
        1
    }
}

fn is_hub(_: &impl Hub) {}

async fn uses(client: Arc<dyn Invoke>) {
    is_hub(&Room);
    let _ = ChatProxy::over(client).send().await;
}

fn main() {}
