#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub]
impl Chat {
    #[hub(name = "post")]
    fn send() {}
}

fn main() {}
