#![allow(unused)]

use hub_core::hub;

struct Chat(std::cell::Cell<u8>);

#[hub]
impl Chat {}

fn main() {}
