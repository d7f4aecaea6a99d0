#![allow(unused)]

use hub_core::{Progress, hub};

struct Chat;

#[hub]
impl Chat {
    async fn send(&self, sink: Progress<u8>, room: String) {}
}

fn main() {}
