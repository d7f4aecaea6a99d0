#![allow(unused)]

use hub_core::hub;

#[derive(Default)]
struct Chat;

#[hub(name = "a", discover, crate = hub_core, discover)]
#[hub(name = "b", crate = hub_core)]
impl Chat {
    #[hub(name = "a", name = "b")]
    #[hub(name = "c")]
    fn send(&self) {}

    #[hub(skip, skip)]
    fn helper(&self) {}
}

fn main() {}
