//! `forbidden`: for the user `nobody` only.

use hub_server::hub;

pub(crate) struct Forbidden;

#[hub(authorize(users("nobody")))]
impl Forbidden {
    #[hub(name = "Ping")]
    fn ping(&self) -> i32 {
        1
    }
}
