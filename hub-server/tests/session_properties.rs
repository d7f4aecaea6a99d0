//! Typed properties of a session that are there again when its client is (`delivery.md` c).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::Arc;

use common::known::{ANN, BOB, Seen};
use common::until;
use common::wires::{Servers, Wire};
use hub_server::{
    BuildError, Context, HubError, HubServer, Log, LogOptions, MemoryLog, RedbLog, SessionProperty,
    hub,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Age(u32);

impl SessionProperty for Age {
    const NAME: &'static str = "age";
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Name(String);

impl SessionProperty for Name {
    const NAME: &'static str = "name";
}

#[derive(Clone, Default)]
struct Foo(Seen);

#[hub(name = "foo")]
impl Foo {
    async fn on_opened(&self, cx: &Context) {
        self.say("opened", cx);
    }

    async fn on_reopened(&self, cx: &Context) {
        self.say("reopened", cx);
    }

    async fn on_disconnected(&self, cx: &Context, _: bool) {
        self.say("closed", cx);
    }

    async fn grow(&self, cx: &Context, age: u32) -> Result<u32, HubError> {
        cx.store(Age(age)).await?;
        Ok(cx.items().get::<Age>().unwrap().0)
    }

    /// The hub's own; the topic of the property does not count.
    #[hub(name = "get_name")]
    fn own_name(&self) -> String {
        "mine".into()
    }
}

impl Foo {
    fn say(&self, what: &str, cx: &Context) {
        let age = cx.items().with(|age: &Age| age.0);
        self.0.add(&format!("{what} {age:?}"), cx.persistent_id());
    }
}

async fn open(log: Arc<dyn Log>, house: &Foo) -> Servers {
    let builder = HubServer::builder().hub(house.clone()).log(log);
    Servers::of(builder.session_property::<Age>().session_property::<Name>()).await
}

async fn terminal(servers: &Servers, id: &str) -> Wire {
    let mut wire = servers.client(true, &format!("PersistentId={id}")).await;
    wire.open().await;
    wire
}

/// A property is kept, and there again when a hub is told that its client is back.
async fn survives(log: Arc<dyn Log>) {
    let house = Foo::default();
    let servers = open(log.clone(), &house).await;
    let mut bob = terminal(&servers, BOB).await;
    bob.expect(&[("grow", "42")], &["grow|42"]).await;
    drop(bob);
    house
        .0
        .become_these(&["opened None b", "closed Some(42) b"])
        .await;
    // As another connection, on another wire.
    let bob = servers.started(None, BOB).await;
    let mut all = vec!["opened None b", "closed Some(42) b", "reopened Some(42) b"];
    house.0.become_these(&all).await;
    bob.abort().await;
    all.push("closed Some(42) b");
    house.0.become_these(&all).await;
    // Nobody else has it, and who wants a clean session has it no more.
    let ann = terminal(&servers, ANN).await;
    all.push("opened None a");
    house.0.become_these(&all).await;
    drop(ann);
    all.push("closed None a");
    house.0.become_these(&all).await;
    let mut bob = servers
        .client(true, &format!("PersistentId={BOB}&cs=1"))
        .await;
    bob.open().await;
    until(|| async { (house.0.all().len() > all.len()).then_some(()) }).await;
    assert!(
        house.0.all().last().unwrap().ends_with("opened None b"),
        "{:?}",
        house.0.all()
    );
}

#[tokio::test]
async fn a_property_survives_a_reopen_in_memory() {
    survives(Arc::new(MemoryLog::with(&LogOptions::default()))).await;
}

#[tokio::test]
async fn a_property_survives_a_reopen_and_a_restart_in_a_file() {
    let dir = std::env::temp_dir().join(format!("hub-properties-{}", uuid::Uuid::new_v4()));
    survives(Arc::new(RedbLog::open(&dir).unwrap())).await;
    let house = Foo::default();
    {
        let log = until(|| async { RedbLog::open(&dir).ok() }).await;
        let servers = open(Arc::new(log), &house).await;
        let mut ann = terminal(&servers, ANN).await;
        ann.expect(&[("grow", "7")], &["grow|7"]).await;
        drop(ann);
        house
            .0
            .become_these(&["opened None a", "closed Some(7) a"])
            .await;
        // It is in the file when its lease is, which is after the hub has heard of the end.
        let mut ann = terminal(&servers, ANN).await;
        ann.expect(&[("get_age", "")], &["get_age|7"]).await;
    }
    let log = until(|| async { RedbLog::open(&dir).ok() }).await;
    let again = Foo::default();
    let servers = open(Arc::new(log), &again).await;
    let _ann = terminal(&servers, ANN).await;
    again.0.become_these(&["reopened Some(7) a"]).await;
    drop(servers);
    let _ = std::fs::remove_dir_all(dir);
}

#[tokio::test]
async fn clients_of_both_wires_read_and_write_properties_by_topics() {
    let house = Foo::default();
    let servers = open(Arc::new(MemoryLog::with(&LogOptions::default())), &house).await;
    for (tcp, id) in [(true, ANN), (false, BOB)] {
        let mut wire = servers.client(tcp, &format!("PersistentId={id}")).await;
        wire.open().await;
        wire.expect(&[("get_age", "")], &["get_age|"]).await;
        wire.expect(&[("set_age", "42"), ("GET_Age", "")], &["GET_Age|42"])
            .await;
        let wrong = wire.expect(
            &[("set_age", "old")],
            &["4|{\"Message\":\"that is no value for this property\"}"],
        );
        wrong.await;
        wire.expect(
            &[("get_age", ""), ("get_name", "")],
            &["get_age|42", "get_name|mine"],
        )
        .await;
        // What is no property is a topic of the hub's own, which nobody has subscribed to.
        wire.expect(&[("set_shoe", "44"), ("get_age", "")], &["get_age|42"])
            .await;
    }
}

#[test]
fn names_are_there_and_each_its_own() {
    #[derive(Clone, Serialize, Deserialize)]
    struct Same;

    impl SessionProperty for Same {
        const NAME: &'static str = "AGE";
    }

    #[derive(Clone, Serialize, Deserialize)]
    struct Own;

    impl SessionProperty for Own {
        const NAME: &'static str = "@storage";
    }

    let builder = || HubServer::builder().session_property::<Age>();
    assert!(builder().build().is_ok());
    let twice = [
        builder().session_property::<Same>().build(),
        builder().session_property::<Own>().build(),
        builder().session_property::<Age>().build(),
    ];
    assert!(
        twice
            .iter()
            .all(|it| matches!(it, Err(BuildError::Setting(_))))
    );
}
