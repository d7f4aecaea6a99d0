//! A client whose server is killed, and killed again before its hubs have been told of the return.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use common::{Client, Server, until, within};
use hub_server::{Context, HubError, HubServer, RedbLog, hub};
use serde_json::json;
use tokio::sync::Semaphore;

/// A hub that keeps `bar`, and is told of a return as soon as it may be.
struct Foo(Arc<Semaphore>);

impl Foo {
    async fn welcome(&self, cx: &Context) -> Result<(), HubError> {
        cx.online_publish().await?;
        Ok(cx
            .offline_subscribe(["bar"], Duration::from_secs(60))
            .await?)
    }
}

#[hub(name = "foo")]
impl Foo {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        self.welcome(cx).await
    }

    async fn on_reconnected(&self, cx: &Context) -> Result<(), HubError> {
        let _told = self.0.acquire().await.map_err(HubError::internal)?;
        self.welcome(cx).await
    }

    async fn bar(&self, cx: &Context, m: String) -> Result<(), HubError> {
        let all = cx.clients().all();
        Ok(all.and_queue("bar").send("bar", (m,)).await?)
    }
}

const BOB: &str = "00000000-0000-0000-0000-00000000000b";

struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

impl Dir {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("hub-killed-{}", uuid::Uuid::new_v4())))
    }

    /// What a process that died just now has left.
    fn left_by_a_crash(&self) -> Self {
        let copy = Self::new();
        std::fs::create_dir_all(&copy.0).unwrap();
        std::fs::copy(self.0.join("hub.redb"), copy.0.join("hub.redb")).unwrap();
        copy
    }

    async fn serve(&self, tells: usize) -> Server {
        let log = until(async || RedbLog::open(&self.0).ok()).await;
        let hub = Foo(Arc::new(Semaphore::new(tells)));
        let builder = HubServer::builder().hub(hub).key([5; 32]);
        Server::tcp(builder.log(Arc::new(log))).await
    }
}

async fn come(server: &Server) -> Client<'_> {
    let mut client = server.negotiated(&["foo"], None).await;
    client.more = vec![
        ("persistentId".into(), BOB.into()),
        ("tags".into(), "1".into()),
    ];
    client.socket = client.open("/connect", &[]).await.unwrap();
    client.socket.frame().await;
    assert_eq!(client.get("/start").await.status, 200);
    client
}

#[tokio::test]
async fn what_had_come_before_the_first_kill_does_not_come_after_the_second() {
    let dir = Dir::new();
    let server = dir.serve(0).await;
    let mut sender = server.client(&[]).await;
    sender.result("foo", "bar", json!(["nobody"])).await;
    let mut bob = come(&server).await;
    bob.abort().await;
    for text in ["1", "2", "3"] {
        sender.result("foo", "bar", json!([text])).await;
    }
    bob = come(&server).await;
    for text in ["1", "2", "3"] {
        assert_eq!(bob.event().await, json!(["bar", text]));
    }
    // It is killed before it has written down that they came, and the next one before it tells its hubs of bob.
    let second = dir.left_by_a_crash();
    let server = second.serve(0).await;
    let cursor = bob.socket.cursor.clone();
    let mut bob = bob.moved(&server);
    bob.reconnect_from(cursor, None).await;
    // That something live may be gone is told at once, with a cursor.
    let told = within(bob.socket.frame()).await;
    assert!(told.get("X").is_some() && told.get("C").is_some(), "{told}");
    let third = second.left_by_a_crash();
    let server = third.serve(1).await;
    let cursor = bob.socket.cursor.clone();
    let mut bob = bob.moved(&server);
    bob.reconnect_from(cursor, None).await;
    let mut sender = server.client(&[]).await;
    sender.result("foo", "bar", json!(["4"])).await;
    assert_eq!(bob.event().await, json!(["bar", "4"]));
}
