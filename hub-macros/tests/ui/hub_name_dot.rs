#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub(name = "my.chat")]
impl Chat {}

fn main() {}
