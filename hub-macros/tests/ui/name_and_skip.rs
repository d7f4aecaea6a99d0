#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub]
impl Chat {
    #[hub(skip, name = "post")]
    fn send(&self) {}
}

fn main() {}
