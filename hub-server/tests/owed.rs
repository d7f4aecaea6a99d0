//! What is owed to a client that is lost again before it has had all of it (`delivery.md` a.5).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::hubs::Events;
use common::{Server, Socket};
use hub_server::{Context, HubError, HubServer, hub};
use serde_json::{Value, json};

const BOB: &str = "00000000-0000-0000-0000-00000000000b";

/// Subscribes once, when it is asked to.
struct Once(Events);

#[hub(name = "once")]
impl Once {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        if cx.persistent_id().is_some() {
            cx.online_publish().await?;
        }
        Ok(())
    }

    fn on_disconnected(&self, cx: &Context) {
        self.0.add(cx, "disconnected");
    }

    async fn subscribe(&self, cx: &Context) -> Result<(), HubError> {
        Ok(cx.offline_subscribe(["q"], Duration::from_secs(60)).await?)
    }

    fn poke(&self, cx: &Context) {
        self.0.add(cx, "poked");
    }

    async fn keep(&self, cx: &Context, m: String) -> Result<(), HubError> {
        Ok(cx.queue("q").send("kept", (m,)).await?)
    }
}

#[tokio::test]
async fn what_was_on_its_way_when_the_client_was_lost_again_is_owed_still() {
    let events = Events::default();
    let server = HubServer::builder().hub(Once(events.clone()));
    let server = Server::tcp(server).await;
    let hubs = ("connectionData", r#"[{"name":"once"}]"#);
    let bob = async || {
        let query = [hubs, ("persistentId", BOB)];
        let target = server.target("", &query);
        let mut socket = server.upgrade(&target, &[]).await.unwrap();
        socket.frame().await;
        socket
    };
    let call = async |socket: &mut Socket, method: &str, args: Value| {
        let call = json!({"H": "once", "M": method, "A": args, "I": 1});
        socket.send(&call).await;
        assert!(socket.answer("1").await.get("E").is_none());
    };
    let mut first = bob().await;
    call(&mut first, "subscribe", json!([])).await;
    first.close().await;
    events.come("disconnected", 1).await;
    let mut ann = server
        .upgrade(&server.target("", &[hubs]), &[])
        .await
        .unwrap();
    for n in 0..100 {
        call(&mut ann, "keep", json!([n.to_string()])).await;
    }
    // Nothing proves that this one has had any of it: it speaks, and does not read.
    let mut second = bob().await;
    for poke in 1..=20 {
        second
            .send(&json!({"H": "once", "M": "poke", "A": [], "I": poke}))
            .await;
        events.come("poked", poke).await;
    }
    drop(second);
    events.come("disconnected", 2).await;
    let mut third = bob().await;
    for n in 0..100 {
        assert_eq!(third.event().await, json!(["kept", n.to_string()]));
    }
    // This one has, and says so.
    third.close().await;
    events.come("disconnected", 3).await;
    let mut fourth = bob().await;
    call(&mut fourth, "subscribe", json!([])).await;
    assert!(fourth.events.is_empty(), "{:?}", fourth.events);
}
