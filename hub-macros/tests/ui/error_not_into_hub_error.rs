#![allow(unused)]

use hub_core::hub;

struct Chat;

struct Closed;

#[hub]
impl Chat {
    async fn room(&self) -> Result<(), Closed> {
        Err(Closed)
    }
}

fn main() {}
