//! What comes while hubs are told of a client that may be owed something (`delivery.md` a.5).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::hubs::Events;
use common::{Client, Server, until};
use hub_server::{Context, HubError, HubServer, RedbLog, hub};
use serde_json::json;
use tokio::sync::Semaphore;

const BOB: &str = "00000000-0000-0000-0000-00000000000b";

/// Asks for what waits only once it is let.
struct Late {
    events: Events,
    gate: Arc<Semaphore>,
}

#[hub(name = "late")]
impl Late {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        self.come(cx).await
    }

    async fn on_reconnected(&self, cx: &Context) -> Result<(), HubError> {
        self.come(cx).await
    }

    fn on_disconnected(&self, cx: &Context) {
        self.events.add(cx, "disconnected");
    }

    async fn bar(&self, cx: &Context, m: u64) -> Result<(), HubError> {
        let all = cx.clients().all();
        Ok(all.and_queue("bar").send("bar", (m,)).await?)
    }
}

impl Late {
    async fn come(&self, cx: &Context) -> Result<(), HubError> {
        if cx.persistent_id().is_some() {
            self.events.add(cx, "coming");
            self.gate.acquire().await.unwrap().forget();
            cx.online_publish().await?;
            cx.offline_subscribe(["bar"], Duration::from_secs(60))
                .await?;
            self.events.add(cx, "there");
        }
        Ok(())
    }
}

/// A server that greets nobody before the gate says so, on this directory.
async fn late(dir: &std::path::Path) -> (Server, Events, Arc<Semaphore>) {
    let log = until(async || RedbLog::open(dir).ok()).await;
    let (events, gate) = (Events::default(), Arc::new(Semaphore::new(0)));
    let hub = Late {
        events: events.clone(),
        gate: gate.clone(),
    };
    let builder = HubServer::builder().hub(hub).key([7; 32]);
    let server = Server::tcp(builder.log(Arc::new(log))).await;
    (server, events, gate)
}

#[tokio::test]
async fn what_comes_while_hubs_are_told_comes_after_what_was_kept_and_once() {
    let dir = std::env::temp_dir().join(format!("hub-owed-{}", uuid::Uuid::new_v4()));
    let (server, events, gate) = late(&dir).await;
    let say = async |server: &Server, numbers: std::ops::Range<u64>| {
        let mut ann = server.client(&["late"]).await;
        for n in numbers {
            ann.result("late", "bar", json!([n])).await;
        }
    };
    let comes = async |mut bob: Client<'_>, numbers: std::ops::Range<u64>| {
        for n in numbers {
            assert_eq!(bob.event().await, json!(["bar", n]));
        }
        bob.result("late", "bar", json!([99])).await;
        assert_eq!(bob.event().await, json!(["bar", 99]));
        assert!(bob.socket.events.is_empty(), "{:?}", bob.socket.events);
        bob.abort().await;
    };
    let started = async |server| {
        let mut bob = Server::negotiated(server, &["late"], None).await;
        bob.more = vec![("persistentId".into(), BOB.into())];
        bob.socket = bob.open("/connect", &[]).await.unwrap();
        bob.socket.frame().await;
        bob
    };
    gate.add_permits(1);
    let bob = started(&server).await;
    assert_eq!(bob.get("/start").await.status, 200);
    bob.abort().await;
    events.come("disconnected", 1).await;
    say(&server, 0..3).await;

    // It is connected, and its hub not told of it yet.
    let bob = started(&server).await;
    say(&server, 3..6).await;
    gate.add_permits(1);
    assert_eq!(bob.get("/start").await.status, 200);
    comes(bob, 0..6).await;

    // The server starts again meanwhile, and does not know it any more.
    gate.add_permits(1);
    let mut bob = started(&server).await;
    assert_eq!(bob.get("/start").await.status, 200);
    bob.result("late", "bar", json!([0])).await;
    assert_eq!(bob.event().await, json!(["bar", 0]));
    bob.cut();
    say(&server, 1..3).await;
    let (cursor, groups) = (bob.socket.cursor.clone(), bob.socket.groups.clone());
    let (more, token, id) = (bob.more.clone(), bob.token.clone(), bob.id.clone());
    // What a process that died just now has left.
    let left = dir.join("left");
    std::fs::create_dir_all(&left).unwrap();
    std::fs::copy(dir.join("hub.redb"), left.join("hub.redb")).unwrap();
    let (server, events, gate) = late(&left).await;
    let mut bob = server.negotiated(&["late"], None).await;
    (bob.id, bob.token, bob.more) = (id, token, more);
    bob.reconnect_from(cursor, groups).await;
    events.come("coming", 1).await;
    say(&server, 3..6).await;
    gate.add_permits(1);
    comes(bob, 1..6).await;
    drop(server);
    drop(std::fs::remove_dir_all(dir));
}
