#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub]
impl Chat {
    async fn send(&self) {
        let local = std::rc::Rc::new(1);
        std::future::ready(()).await;
        drop(local);
    }
}

fn main() {}
