//! `#[hub(discover)]`: hubs that announce themselves.
#![forbid(unsafe_code)]

mod support;

use std::sync::Arc;

use hub_core::{Hub, HubError, HubRegistration, hub};

#[derive(Default)]
struct Found {
    number: u8,
}

#[hub(discover)]
impl Found {
    async fn number(&self) -> u8 {
        self.number + 1
    }
}

#[hub(name = "byContract")]
trait Contract {
    async fn number(&self) -> Result<u8, HubError>;
}

#[derive(Default)]
struct Kept;

#[hub(discover)]
impl Contract for Kept {
    async fn number(&self) -> Result<u8, HubError> {
        Ok(2)
    }
}

#[derive(Default)]
struct Hidden;

#[hub]
impl Hidden {}

#[test]
fn only_hubs_with_discover_are_registered_and_each_makes_itself() {
    let cx = support::context(&Arc::default());
    let mut found = Vec::new();
    for registration in hub_core::__private::inventory::iter::<HubRegistration> {
        let hub = (registration.make)();
        assert_eq!(hub.spec().name, registration.spec.name);
        let reply = pollster::block_on(hub.call(&cx, 0, support::args("[]"))).unwrap();
        found.push((hub.spec().name, format!("{reply:?}")));
    }
    found.sort_unstable();
    let expected = [("byContract", "Value(2)"), ("found", "Value(1)")];
    assert_eq!(
        found,
        expected.map(|(name, reply)| (name, reply.to_owned()))
    );
    assert_eq!(Hidden.spec().name, "hidden");
}
