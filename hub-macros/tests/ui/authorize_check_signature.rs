#![allow(unused)]

use hub_core::{Context, Identity, Request, hub};

struct Chat;

mod policy {
    pub(crate) fn context(_: &hub_core::Context) -> bool {
        true
    }
}

fn text(_: &Identity, _: &Request) -> String {
    String::new()
}

async fn later(_: &Identity, _: &Request) -> bool {
    true
}

const LIMIT: u8 = 1;

#[hub(authorize(check = policy::context))]
impl Chat {
    #[hub(authorize(check = text))]
    async fn one(&self) {}

    #[hub(authorize(check = later))]
    async fn two(&self) {}

    #[hub(authorize(check = LIMIT))]
    async fn three(&self) {}
}

#[hub]
trait Contract {
    #[hub(authorize(check = policy::context))]
    async fn one(&self);
}

fn main() {}
