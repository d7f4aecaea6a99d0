#![allow(unused)]

use hub_core::{Identity, Request, hub};

struct Chat;

fn may(_: &Identity, _: &Request) -> bool {
    true
}

#[hub(authorize(
    roles("admin"),
    roles("op"),
    users("ann"),
    users("bob"),
    check = may,
    check = may,
    require_outgoing = false,
    require_outgoing = true,
))]
impl Chat {}

fn main() {}
