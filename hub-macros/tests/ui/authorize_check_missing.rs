#![allow(unused)]

use hub_core::hub;

struct Chat;

mod policy {}

#[hub(authorize(check = may))]
impl Chat {
    #[hub(authorize(check = policy::may))]
    async fn one(&self) {}

    #[hub(authorize(check = Self::may))]
    async fn two(&self) {}
}

#[hub(authorize(check = may))]
trait Contract {}

fn main() {}
