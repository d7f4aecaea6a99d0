#![allow(unused)]

use hub_core::hub_client;

struct Chat;

#[hub_client]
impl Chat {}

fn main() {}
