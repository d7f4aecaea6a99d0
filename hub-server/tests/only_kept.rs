//! What is queued and nobody there listens to: it takes no way through the pump, and stands in its place all the same.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::farm::farm;
use common::{Client, Server, within};
use futures_util::FutureExt;
use hub_server::{Context, HubError, HubServer, hub};
use serde_json::json;

const HUB: &[&str] = &["conformance"];

#[tokio::test]
async fn what_is_only_kept_waits_for_what_comes_before_it_and_for_nothing_else() {
    let [a, _b] = farm().await;
    let mut ann = a.server.client(HUB).await;
    let clients = a.hub.clients();
    let (all, queue) = (clients.all(), clients.queue("q"));
    within(queue.send("n", (0,))).await.unwrap();
    a.log.hold(true);
    let mut sent = Box::pin(all.send("n", (1,)));
    assert!(sent.as_mut().now_or_never().is_none());
    let mut kept = Box::pin(queue.send("n", (2,)));
    for _ in 0..10 {
        assert!(kept.as_mut().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    a.log.hold(false);
    within(kept).await.unwrap();
    within(sent).await.unwrap();
    assert_eq!(ann.event().await, json!(["n", 1]));
    // There is nothing before it: the pump need not come this far.
    a.log.hold(true);
    within(queue.send("n", (3,))).await.unwrap();
    a.log.hold(false);
    ann.no_event().await;
}

struct Foo;

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

    async fn keep(&self, cx: &Context, n: u64) -> Result<(), HubError> {
        Ok(cx.queue("bar").send("bar", (n,)).await?)
    }

    fn nothing(&self) {}
}

async fn come(server: &Server) -> Client<'_> {
    let mut client = server.negotiated(&["foo"], None).await;
    let id = "00000000-0000-0000-0000-00000000000b";
    client.more = vec![("persistentId".into(), id.into())];
    client.socket = client.open("/connect", &[]).await.unwrap();
    client.socket.frame().await;
    assert_eq!(client.get("/start").await.status, 200);
    client
}

#[tokio::test]
async fn what_was_only_kept_before_a_client_came_is_never_for_it() {
    let server = Server::tcp(HubServer::builder().hub(Foo)).await;
    let mut ann = server.client(&["foo"]).await;
    for n in 0..3 {
        ann.result("foo", "keep", json!([n])).await;
    }
    // Two that lose their links before anything is known to have reached them, one after the other.
    let mut first = come(&server).await;
    first.cut();
    let mut second = come(&server).await;
    second.result("foo", "nothing", json!([])).await;
    assert!(second.socket.events.is_empty());
    second.cut();
    for n in 3..5 {
        ann.result("foo", "keep", json!([n])).await;
    }
    let mut third = come(&server).await;
    third.result("foo", "nothing", json!([])).await;
    let events: Vec<_> = third.socket.events.iter().map(|it| &it["A"][0]).collect();
    assert_eq!(events, [3, 4]);
}
