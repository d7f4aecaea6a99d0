#![allow(unused)]

use hub_core::hub_client;

#[hub_client(name = "chat")]
trait Client {}

fn main() {}
