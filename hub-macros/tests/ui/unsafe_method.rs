#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub]
impl Chat {
    async unsafe fn send(&self) {}
}

fn main() {}
