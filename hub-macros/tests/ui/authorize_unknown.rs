#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub(authorize(role("admin"), groups = "a, b"))]
#[hub(authorise)]
impl Chat {
    #[hub(authorize(names), authorized = "admin")]
    async fn send(&self) {}
}

fn main() {}
