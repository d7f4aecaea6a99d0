#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub]
impl Chat {
    #[hub(hide, names("a"))]
    fn send(&self) {}
}

fn main() {}
