#![allow(unused)]

use hub_core::hub;

#[hub(sequential)]
trait Chat {}

fn main() {}
