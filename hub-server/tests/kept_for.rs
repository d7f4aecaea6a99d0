//! For whom a queue keeps, what clients subscribe to, and what hubs keep of clients (`delivery.md` a.1, a.2).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::hubs::{ByHeader, Events};
use common::{Client, Server};
use hub_server::{
    Context, HubError, HubServer, OfflineOptions, OfflineStart, PersistentId, Subscriber, hub,
};
use serde_json::{Value, json};

struct Foo(Events);

#[hub(name = "foo")]
impl Foo {
    async fn on_opened(&self, cx: &Context) -> Result<(), HubError> {
        if cx.persistent_id().is_some() {
            cx.online_publish().await?;
            cx.offline_subscribe(["bar"], Duration::from_secs(60))
                .await?;
        }
        Ok(())
    }

    fn on_closed(&self, cx: &Context) {
        self.0.add(cx, "closed");
    }

    async fn late(&self, cx: &Context) -> Result<(), HubError> {
        let options = OfflineOptions::from(Duration::from_secs(60)).start(OfflineStart::Now);
        Ok(cx.offline_subscribe(["bar"], options).await?)
    }

    async fn to_users(&self, cx: &Context, users: Vec<String>, m: String) -> Result<(), HubError> {
        Ok(cx.queue("bar").for_users(users).send("bar", (m,)).await?)
    }

    async fn to_clients(&self, cx: &Context, ids: Vec<String>, m: String) -> Result<(), HubError> {
        let ids = ids.iter().filter_map(|id| PersistentId::parse(id));
        let kept = cx.queue("bar").for_owners(ids);
        Ok(kept.send("bar", (m,)).await?)
    }

    async fn to_older(&self, cx: &Context, than: u32, m: String) -> Result<(), HubError> {
        let older = move |it: &Subscriber| it.property::<u32>("age").is_some_and(|age| age > than);
        let kept = cx.clients().all().and_queue("bar").for_matching(older);
        Ok(kept.send("bar", (m,)).await?)
    }

    async fn publish(&self, cx: &Context, m: String) -> Result<Value, HubError> {
        let kept = cx.publish_all_and_queue("Bar", (m,)).await?;
        Ok(json!(kept.map(|kept| kept.live)))
    }

    async fn all(&self, cx: &Context, m: String) -> Result<Value, HubError> {
        let kept = cx.invoke_all_and_queue("bar", (m,)).await?;
        Ok(json!(kept.map(|kept| kept.live)))
    }

    async fn subscribe(&self, cx: &Context, topic: String) -> Result<(), HubError> {
        Ok(cx.subscribe(&topic).await?)
    }

    async fn unsubscribe(&self, cx: &Context, topic: String) -> Result<(), HubError> {
        Ok(cx.unsubscribe(&topic).await?)
    }

    async fn set(&self, cx: &Context, name: String, value: Value) -> Result<(), HubError> {
        Ok(cx.set_property(&name, &value).await?)
    }

    async fn get(&self, cx: &Context, name: String) -> Result<Option<Value>, HubError> {
        Ok(cx.property(&name).await?)
    }

    async fn remove(&self, cx: &Context, name: String) -> Result<(), HubError> {
        Ok(cx.remove_property(&name).await?)
    }

    async fn clear(&self, cx: &Context) -> Result<(), HubError> {
        Ok(cx.clear_properties().await?)
    }

    fn nothing(&self) {}
}

struct World {
    server: Server,
    events: Events,
    closed: std::cell::Cell<usize>,
}

impl World {
    async fn new() -> Self {
        let events = Events::default();
        let builder = HubServer::builder()
            .hub(Foo(events.clone()))
            .authenticate(ByHeader);
        Self {
            server: Server::tcp(builder).await,
            events,
            closed: 0.into(),
        }
    }

    /// The client of this number, as a user.
    async fn come(&self, number: u8, user: Option<&str>) -> Client<'_> {
        let mut client = self.server.negotiated(&["foo"], user).await;
        client.more = vec![("persistentId".into(), id(number))];
        client.socket = client.open("/connect", &[]).await.unwrap();
        client.socket.frame().await;
        assert_eq!(client.get("/start").await.status, 200);
        client
    }

    async fn go(&self, client: Client<'_>) {
        client.abort().await;
        self.closed.set(self.closed.get() + 1);
        self.events.come("closed", self.closed.get()).await;
    }

    /// What waits for a client, which goes again.
    async fn waits(&self, number: u8, user: Option<&str>) -> Vec<String> {
        let mut client = self.come(number, user).await;
        let heard = heard(&mut client).await;
        self.go(client).await;
        heard
    }
}

fn id(number: u8) -> String {
    format!("00000000-0000-0000-0000-0000000000{number:02x}")
}

async fn call(client: &mut Client<'_>, method: &str, args: Value) -> Value {
    client.result("foo", method, args).await
}

/// All that has come, once it has all come.
async fn heard(client: &mut Client<'_>) -> Vec<String> {
    client.result("foo", "nothing", json!([])).await;
    let events = client.socket.events.drain(..);
    events
        .map(|event| event["A"][0].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_queue_may_keep_for_some_only() {
    let world = World::new().await;
    for (number, user) in [(1, Some("ann")), (2, Some("bob")), (3, None)] {
        let client = world.come(number, user).await;
        world.go(client).await;
    }
    let mut sender = world.come(9, Some("sender")).await;
    call(
        &mut sender,
        "toUsers",
        json!([["ann", "nobody"], "for ann"]),
    )
    .await;
    call(&mut sender, "toClients", json!([[id(3), id(2)], "for two"])).await;
    // More than one entry names.
    let many: Vec<String> = (1..1_500).rev().map(|n| format!("{n:032x}")).collect();
    call(&mut sender, "toClients", json!([many, "for many"])).await;
    call(&mut sender, "toClients", json!([[], "for none"])).await;
    assert_eq!(world.waits(1, Some("ann")).await, ["for ann", "for many"]);
    assert_eq!(world.waits(2, Some("bob")).await, ["for two", "for many"]);
    assert_eq!(world.waits(3, None).await, ["for two", "for many"]);
    assert!(world.waits(1, Some("ann")).await.is_empty());
}

#[tokio::test]
async fn who_matches_as_it_is_queued_is_owed_it_and_those_who_are_there_get_it() {
    let world = World::new().await;
    for (number, age) in [(1, 30), (2, 60), (3, 70)] {
        let mut client = world.come(number, None).await;
        call(&mut client, "set", json!(["age", age])).await;
        world.go(client).await;
    }
    let mut sender = world.come(9, None).await;
    call(&mut sender, "toOlder", json!([50, "older"])).await;
    assert_eq!(heard(&mut sender).await, ["older"]);
    // What changes later does not matter.
    let mut young = world.come(1, None).await;
    assert!(heard(&mut young).await.is_empty());
    call(&mut young, "set", json!(["age", 99])).await;
    world.go(young).await;
    assert!(world.waits(1, None).await.is_empty());
    assert_eq!(world.waits(2, None).await, ["older"]);
    let mut old = world.come(3, None).await;
    assert_eq!(heard(&mut old).await, ["older"]);
    assert_eq!(call(&mut old, "get", json!(["age"])).await, 70);
}

#[tokio::test]
async fn what_is_published_is_for_those_who_had_subscribed_when_they_left() {
    let world = World::new().await;
    let mut follows = world.come(1, None).await;
    call(&mut follows, "subscribe", json!(["BAR"])).await;
    let mut stopped = world.come(2, None).await;
    call(&mut stopped, "subscribe", json!(["bar"])).await;
    call(&mut stopped, "unsubscribe", json!(["bar"])).await;
    let other = world.come(3, None).await;
    let mut sender = world.come(9, None).await;
    call(&mut sender, "subscribe", json!(["bar"])).await;
    assert_eq!(call(&mut sender, "publish", json!(["live"])).await, 2);
    assert_eq!(heard(&mut sender).await, ["live"]);
    assert_eq!(heard(&mut follows).await, ["live"]);
    assert!(heard(&mut stopped).await.is_empty());
    for client in [follows, stopped, other] {
        world.go(client).await;
    }
    assert_eq!(call(&mut sender, "publish", json!(["kept"])).await, 1);
    assert_eq!(call(&mut sender, "all", json!(["to all"])).await, 1);
    assert_eq!(heard(&mut sender).await, ["kept", "to all"]);
    assert_eq!(world.waits(1, None).await, ["kept", "to all"]);
    assert_eq!(world.waits(2, None).await, ["to all"]);
    assert_eq!(world.waits(3, None).await, ["to all"]);
}

#[tokio::test]
async fn a_subscription_survives_a_cut_and_what_was_published_meanwhile_comes_once() {
    let world = World::new().await;
    let mut client = world.come(1, None).await;
    call(&mut client, "subscribe", json!(["bar"])).await;
    client.socket.frame().await;
    let mut sender = world.come(9, None).await;
    client.cut();
    call(&mut sender, "publish", json!(["meanwhile"])).await;
    client.reconnect().await;
    call(&mut sender, "publish", json!(["later"])).await;
    assert_eq!(client.event().await, json!(["Bar", "meanwhile"]));
    assert_eq!(client.event().await, json!(["Bar", "later"]));
    assert!(heard(&mut client).await.is_empty());
}

#[tokio::test]
async fn values_are_there_when_their_client_comes_back() {
    let world = World::new().await;
    let mut client = world.come(1, None).await;
    assert_eq!(call(&mut client, "get", json!(["a"])).await, Value::Null);
    for (name, value) in [
        ("a", json!({"x": [1, "é"]})),
        ("b", json!(null)),
        ("c", json!(3)),
    ] {
        call(&mut client, "set", json!([name, value])).await;
    }
    call(&mut client, "remove", json!(["c"])).await;
    world.go(client).await;
    let mut client = world.come(1, None).await;
    assert_eq!(
        call(&mut client, "get", json!(["a"])).await,
        json!({"x": [1, "é"]})
    );
    assert_eq!(call(&mut client, "get", json!(["c"])).await, Value::Null);
    // They are one client's, and have 64 KiB.
    let mut other = world.come(2, None).await;
    assert_eq!(call(&mut other, "get", json!(["a"])).await, Value::Null);
    let half = "x".repeat((32 << 10) - 3);
    for name in ["n", "m"] {
        call(&mut other, "set", json!([name, half])).await;
    }
    let more = json!(["m", format!("{half}x")]);
    let more = other.call("foo", "set", more).await;
    assert!(more["E"].is_string(), "{more}");
    assert_eq!(call(&mut other, "get", json!(["m"])).await, json!(half));
    call(&mut client, "clear", json!([])).await;
    world.go(client).await;
    let mut client = world.come(1, None).await;
    assert_eq!(call(&mut client, "get", json!(["a"])).await, Value::Null);
    // Who can't be known again has none.
    let mut nobody = world.server.client(&["foo"]).await;
    assert!(nobody.call("foo", "set", json!(["a", 1])).await["E"].is_string());
    assert!(nobody.call("foo", "get", json!(["a"])).await["E"].is_string());
}

#[tokio::test]
async fn a_client_may_be_owed_only_what_comes_once_it_is_known_to_be_gone() {
    let world = World::new().await;
    let mut sender = world.come(9, None).await;
    let mut client = world.come(1, None).await;
    call(&mut client, "late", json!([])).await;
    // On its way, and never read.
    client.cut();
    call(&mut sender, "all", json!(["on its way"])).await;
    world.go(client).await;
    call(&mut sender, "all", json!(["kept"])).await;
    assert_eq!(world.waits(1, None).await, ["kept"]);
}
