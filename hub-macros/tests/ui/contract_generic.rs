#![allow(unused)]

use hub_core::hub;

#[hub]
trait Chat<T> {
    async fn send(&self, room: T);
}

fn main() {}
