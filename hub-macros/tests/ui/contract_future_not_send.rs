#![allow(unused)]

use hub_core::hub;

#[hub]
trait Chat {
    async fn send(&self);
}

struct Room;

#[hub]
impl Chat for Room {
    async fn send(&self) {
        let local = std::rc::Rc::new(1);
        std::future::ready(()).await;
        drop(local);
    }
}

fn main() {}
