#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub(name = 5, "chat", crate, discover = true, , authorize = 5)]
#[hub = "chat"]
impl Chat {
    #[hub(name("a"), skip true)]
    fn send(&self) {}
}

fn main() {}
