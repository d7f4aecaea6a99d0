#![allow(unused)]

use hub_core::hub;

#[derive(Default)]
struct Chat<T>(T);

#[hub(discover)]
impl<T: Send + Sync + 'static> Chat<T> {}

fn main() {}
