#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub(authorize = "", authorize(roles("op", " "), users("")))]
impl Chat {
    #[hub(authorize(roles(), users))]
    async fn none(&self) {}

    #[hub(authorize(roles = "admin", users(ann, 5, "bob",, c"bob")))]
    async fn no_text(&self) {}

    #[hub(authorize = "admin" "op", authorize(users("ann" "bob", "carl"), roles("a") "b"))]
    async fn no_comma(&self) {}
}

fn main() {}
