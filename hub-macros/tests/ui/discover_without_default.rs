#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub(discover)]
impl Chat {}

fn main() {}
