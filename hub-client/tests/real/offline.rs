//! What is kept for a client that is away: it brings its persistent id in the query.

use std::net::SocketAddr;
use std::time::Duration;

use hub_client::{ConnectError, HubClient};
use hub_core::{Context, HubError, hub};
use hub_server::{HubServer, Identity, PersistentIds, Unauthenticated};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::hub::soon;
use crate::proxy::Proxy;

struct Foo {
    gone: mpsc::UnboundedSender<()>,
}

#[hub]
impl Foo {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        if cx.persistent_id().is_some() {
            cx.online_publish().await?;
            cx.offline_subscribe(["bar"], Duration::from_secs(60))
                .await?;
        }
        Ok(())
    }

    fn on_disconnected(&self) {
        let _ = self.gone.send(());
    }

    async fn bar(&self, cx: &Context, m: String) -> Result<(), HubError> {
        Ok(cx
            .clients()
            .all()
            .and_queue("bar")
            .send("bar", (m,))
            .await?)
    }
}

/// A client that hands on what it hears.
async fn client(url: &str, id: Option<&str>) -> (HubClient, mpsc::UnboundedReceiver<String>) {
    let (heard, hears) = mpsc::unbounded_channel();
    let mut builder = HubClient::builder(url);
    if let Some(id) = id {
        builder = builder.query("persistentId", id);
    }
    let client = builder
        .on("foo", "bar", move |(m,): (String,)| {
            let heard = heard.clone();
            async move { drop(heard.send(m)) }
        })
        .connect();
    (soon(client).await.unwrap(), hears)
}

/// A server, which stops with this.
struct Server {
    addr: SocketAddr,
    leaves: mpsc::UnboundedReceiver<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn start() -> Self {
        let (gone, leaves) = mpsc::unbounded_channel();
        let server = HubServer::builder().hub(Foo { gone }).build().unwrap();
        let bound = server.bind("127.0.0.1:0").await.unwrap();
        Self {
            addr: bound.local_addr(),
            leaves,
            serving: tokio::spawn(bound.serve()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn url(addr: SocketAddr) -> String {
    format!("http://{addr}/signalr")
}

async fn say(client: &HubClient, m: &str) {
    let _: () = soon(client.invoke("foo", "bar", (m,))).await.unwrap();
}

async fn hear(hears: &mut mpsc::UnboundedReceiver<String>, expected: &[&str]) {
    for m in expected {
        assert_eq!(soon(hears.recv()).await.unwrap(), *m);
    }
}

const BOB: Option<&str> = Some("0f8fad5b-d9cb-469f-a165-70867728950e");

#[tokio::test]
async fn a_client_that_was_closed_gets_what_was_queued_when_it_is_opened_again() {
    let mut server = Server::start().await;
    let url = url(server.addr);
    let (ann, mut ann_hears) = client(&url, None).await;
    let (mut bob, mut bob_hears) = client(&url, BOB).await;
    say(&ann, "x").await;
    hear(&mut ann_hears, &["x"]).await;
    hear(&mut bob_hears, &["x"]).await;
    for messages in [&["y"][..], &["z", "zz"], &[]] {
        bob_closes(&bob, &mut server).await;
        for m in messages {
            say(&ann, m).await;
        }
        hear(&mut ann_hears, messages).await;
        assert!(bob_hears.try_recv().is_err(), "it is closed");
        (bob, bob_hears) = client(&url, BOB).await;
        hear(&mut bob_hears, messages).await;
        // Once, and before what comes now.
        say(&bob, "live").await;
        hear(&mut bob_hears, &["live"]).await;
        hear(&mut ann_hears, &["live"]).await;
    }
}

async fn bob_closes(bob: &HubClient, server: &mut Server) {
    bob.close().await;
    soon(server.leaves.recv()).await.unwrap();
}

#[tokio::test]
async fn a_client_that_was_lost_gets_what_it_had_not_had_when_it_begins_anew() {
    let server = Server::start().await;
    let proxy = Proxy::start(server.addr).await;
    let (ann, mut ann_hears) = client(&url(server.addr), None).await;
    let (bob, mut bob_hears) = client(&url(proxy.addr), BOB).await;
    say(&ann, "x").await;
    hear(&mut bob_hears, &["x"]).await;
    // Nobody says goodbye: the server holds the connection for a while.
    proxy.freeze();
    say(&ann, "y").await;
    proxy.lead(None);
    proxy.cut();
    say(&ann, "z").await;
    drop(bob);
    let (_bob, mut bob_hears) = client(&url(server.addr), BOB).await;
    // What a socket had taken may come again; nothing is left out.
    let mut first = soon(bob_hears.recv()).await.unwrap();
    if first == "x" {
        first = soon(bob_hears.recv()).await.unwrap();
    }
    assert_eq!(first, "y");
    hear(&mut bob_hears, &["z"]).await;
    say(&ann, "live").await;
    hear(&mut bob_hears, &["live"]).await;
    hear(&mut ann_hears, &["x", "y", "z", "live"]).await;
}

#[tokio::test]
async fn a_persistent_id_of_somebody_else_is_refused_and_its_owner_goes_on() {
    let by_name = |head: &http::request::Parts| {
        let name = head
            .headers
            .get("X-User")
            .and_then(|name| name.to_str().ok());
        Ok::<_, Unauthenticated>(name.map(Identity::named).unwrap_or_default())
    };
    const KEY: [u8; 32] = [7; 32];
    let signed = PersistentIds::signed([KEY]);
    let (gone, _leaves) = mpsc::unbounded_channel();
    let server = HubServer::builder().hub(Foo { gone }).authenticate(by_name);
    let server = server.persistent_ids(signed.clone()).build().unwrap();
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/signalr", bound.local_addr());
    let serving = tokio::spawn(bound.serve());
    let connect = |user: &'static str, id: &str| {
        let (heard, hears) = mpsc::unbounded_channel();
        let builder = HubClient::builder(&url).query("persistentId", id);
        let client = builder
            .header("X-User", user)
            .on("foo", "bar", move |(m,): (String,)| {
                let heard = heard.clone();
                async move { drop(heard.send(m)) }
            });
        async move { (soon(client.connect()).await, hears) }
    };
    let id = signed.make();
    let (ann, mut hears) = connect("ann", &id).await;
    let ann = ann.unwrap();
    for (user, id, why) in [
        ("bob", &*id, "another user's"),
        ("ann", &id[..36], "not signed"),
        (
            "ann",
            &PersistentIds::signed([[8; 32]]).make(),
            "not signed",
        ),
    ] {
        match connect(user, id).await.0 {
            Err(ConnectError::Refused { status, body, .. }) => {
                assert!(status == 403 && body.contains(why), "{status} {body}");
            }
            other => panic!("{user}: {other:?}"),
        }
    }
    let _: () = soon(ann.invoke("foo", "bar", ("still here",)))
        .await
        .unwrap();
    assert_eq!(soon(hears.recv()).await.unwrap(), "still here");
    serving.abort();
}
