#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub]
impl Chat {
    #[hub(authorize)]
    async fn on_connected(&self) {}

    #[hub(skip, authorize = "admin")]
    fn helper(&self) {}

    #[hub(authorize(roles("admin")))]
    fn new() -> Self {
        Self
    }
}

fn main() {}
