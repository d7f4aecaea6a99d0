#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub]
impl Chat {
    fn send(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

fn main() {}
