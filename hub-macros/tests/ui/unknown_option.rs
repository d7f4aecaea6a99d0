#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub(names = "chat")]
impl Chat {}

fn main() {}
