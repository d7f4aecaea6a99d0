#![allow(unused)]

use hub_core::hub;

#[hub(discover)]
trait Chat {}

fn main() {}
