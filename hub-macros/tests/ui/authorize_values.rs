#![allow(unused)]

use hub_core::hub;

struct Chat;

#[hub(authorize =, authorize = admin, authorize = ["a", "b"], authorize("admin"), authorize["admin"], authorize())]
impl Chat {
    #[hub(authorize(check, check(may), check = "may", check = |who, request| true, check =, check = may()))]
    async fn checks(&self) {}
}

#[hub(authorize(require_outgoing), authorize(require_outgoing = "false", require_outgoing(false)))]
trait Contract {}

fn main() {}
