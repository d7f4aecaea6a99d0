#![allow(unused)]

use hub_core::hub;

struct Plain;

#[hub]
impl Plain {
    #[hub(authorize(roles("admin"), require_outgoing = true))]
    async fn send(&self) {}
}

#[hub]
trait Chat {
    #[hub(authorize(require_outgoing = false))]
    async fn send(&self);
}

fn main() {}
