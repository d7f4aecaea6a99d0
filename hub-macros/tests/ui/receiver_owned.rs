#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub]
impl Chat {
    fn into_inner(self) {}
}

fn main() {}
