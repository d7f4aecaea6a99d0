#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub(name)]
impl Chat {}

fn main() {}
