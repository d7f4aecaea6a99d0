//! `authHub`: for users only.

use hub_server::{Context, hub};

pub(crate) struct AuthHub;

#[hub(authorize)]
impl AuthHub {
    #[hub(name = "WhoAmI")]
    fn who_am_i(&self, cx: &Context) -> String {
        cx.user().to_owned()
    }
}
