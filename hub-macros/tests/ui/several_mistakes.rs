//! Every mistake is told at once, and none of them causes another: the hub, the contract, its proxy and the callbacks can
//! be used as if they were right.

#![allow(unused)]

use std::sync::Arc;

use hub_core::{Audience, Context, Hub, HubError, Invoke, Proxy, hub, hub_client};

#[derive(Default)]
struct Chat;

#[hub(discover, colour = "red")]
impl Chat {
    async fn send(&self, cx: &Context, room: &str) {}

    async fn count<T>(&self, rooms: T, ids: &[u8]) {}

    async fn right(&self) {}
}

#[hub(name = "a.b")]
trait Contract {
    async fn send(&self, rooms: Vec<&str>);

    async fn right(&self) -> u8;
}

#[hub_client]
trait Client {
    async fn message(&self, text: &str) -> Result<(), HubError>;

    async fn right(&self) -> Result<(), HubError>;
}

fn is_hub(_: &impl Hub) {}

async fn uses(client: Arc<dyn Invoke>, audience: Audience) {
    is_hub(&Chat);
    let _ = ContractProxy::over(client).right().await;
    let _ = audience.right().await;
    let _ = audience.message("hi").await;
}

fn main() {}
