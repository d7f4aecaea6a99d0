#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub]
impl Chat {
    async fn send(&self, room: String) {}

    #[hub(name = "SEND")]
    async fn send_to(&self, room: String, who: Option<String>) {}
}

fn main() {}
