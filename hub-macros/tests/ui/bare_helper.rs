#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub]
impl Chat {
    #[hub]
    fn send(&self) {}
}

fn main() {}
