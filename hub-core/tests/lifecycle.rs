//! What hubs hear of the coming and going of clients, in all spellings.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::{Arc, Mutex};

use hub_core::{Clients, Closed, Context, Expired, Hub, HubError, HubName, PersistentId, hub};

use support::{Memory, context};

type Seen = Mutex<Vec<String>>;

const REASONS: [Closed; 4] = [
    Closed::Stopped,
    Closed::HubClosed,
    Closed::Lost,
    Closed::TakenOver,
];

/// Tells a hub of everything; gives what it has written down.
fn told(hub: &dyn Hub, seen: &Seen) -> Vec<String> {
    let memory: Arc<Memory> = Arc::default();
    let cx = context(&memory);
    let owner = PersistentId::parse("00000000-0000-0000-0000-00000000000a").unwrap();
    let gone = Expired::new(owner, Clients::new(memory, HubName::from("hub")));
    pollster::block_on(async {
        hub.connected(&cx).await.unwrap();
        hub.reopened(&cx).await.unwrap();
        for reason in REASONS {
            hub.closed(&cx, reason).await.unwrap();
        }
        hub.expired(gone).await.unwrap();
    });
    std::mem::take(&mut *seen.lock().unwrap())
}

fn add(seen: &Seen, what: impl Into<String>) {
    seen.lock().unwrap().push(what.into());
}

#[derive(Default)]
struct First(Seen);

#[hub]
impl First {
    fn on_connected(&self) {
        add(&self.0, "connected");
    }

    fn on_disconnected(&self, stopped: bool) {
        add(&self.0, stopped.to_string());
    }
}

#[test]
fn a_hub_that_does_not_ask_hears_of_a_return_as_of_a_start_and_of_no_reasons() {
    let hub = First::default();
    let told = told(&hub, &hub.0);
    assert_eq!(
        told,
        ["connected", "connected", "true", "true", "false", "false"]
    );
}

#[derive(Default)]
struct Other(Seen);

#[hub]
impl Other {
    async fn on_opened(&self, cx: &Context) -> Result<(), HubError> {
        add(&self.0, format!("opened {}", cx.user()));
        Ok(())
    }

    fn on_reopened(&self) {
        add(&self.0, "reopened");
    }

    async fn on_closed(&self, cx: &Context, reason: Closed) {
        add(&self.0, format!("{} {reason:?}", cx.user()));
    }

    fn on_expired(&self, gone: Expired) -> Result<(), HubError> {
        add(&self.0, gone.owner().as_str());
        Ok(())
    }
}

const ALL: [&str; 7] = [
    "opened ann",
    "reopened",
    "ann Stopped",
    "ann HubClosed",
    "ann Lost",
    "ann TakenOver",
    "00000000-0000-0000-0000-00000000000a",
];

#[test]
fn a_hub_that_asks_hears_who_is_known_again_why_it_is_closed_and_who_will_not_come() {
    let hub = Other::default();
    assert_eq!(told(&hub, &hub.0), ALL);
}

#[hub]
trait Kept {}

#[derive(Default)]
struct KeptFirst(Seen);

#[hub]
impl Kept for KeptFirst {
    async fn on_connected(&self, _cx: &Context) -> Result<(), HubError> {
        add(&self.0, "connected");
        Ok(())
    }

    async fn on_disconnected(&self, _cx: &Context, stopped: bool) -> Result<(), HubError> {
        add(&self.0, stopped.to_string());
        Ok(())
    }
}

#[derive(Default)]
struct KeptOther(Seen);

#[hub]
impl Kept for KeptOther {
    async fn on_opened(&self, cx: &Context) -> Result<(), HubError> {
        add(&self.0, format!("opened {}", cx.user()));
        Ok(())
    }

    async fn on_reopened(&self, _cx: &Context) -> Result<(), HubError> {
        add(&self.0, "reopened");
        Ok(())
    }

    async fn on_closed(&self, cx: &Context, reason: Closed) -> Result<(), HubError> {
        add(&self.0, format!("{} {reason:?}", cx.user()));
        Ok(())
    }

    async fn on_expired(&self, gone: Expired) -> Result<(), HubError> {
        add(&self.0, gone.owner().as_str());
        Ok(())
    }
}

#[derive(Default)]
struct KeptOpened(Seen);

#[hub]
impl Kept for KeptOpened {
    async fn on_opened(&self, _cx: &Context) -> Result<(), HubError> {
        add(&self.0, "opened");
        Ok(())
    }
}

#[test]
fn a_contract_has_them_all_with_the_same_defaults() {
    let hub = KeptFirst::default();
    assert_eq!(
        told(&hub, &hub.0),
        ["connected", "connected", "true", "true", "false", "false"]
    );
    let hub = KeptOther::default();
    assert_eq!(told(&hub, &hub.0), ALL);
    let hub = KeptOpened::default();
    assert_eq!(told(&hub, &hub.0), ["opened", "opened"]);
}
