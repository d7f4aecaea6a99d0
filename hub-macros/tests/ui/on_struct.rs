#![allow(unused)]

use hub_core::hub;

#[hub]
struct Chat;

fn main() {}
