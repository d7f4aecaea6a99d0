//! A condition that the macro does not see is an error, not an open door.

#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub]
impl Chat {
    #[cfg_attr(all(), hub(authorize))]
    async fn send(&self) {}
}

#[hub]
trait Contract {
    #[cfg_attr(all(), hub(authorize))]
    async fn send(&self);
}

#[hub]
fn alone() {}

fn main() {}
