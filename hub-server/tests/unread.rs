//! What is too much to be kept for a client, or on a hub (`delivery.md` a.4): told to the hub, to the client, and to a recorder.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::hubs::Events;
use common::receive::POLL;
use common::{Client, Server, until};
use hub_server::{Builder, Context, HubError, HubServer, LogOptions, Overflow, hub};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use serde_json::{Value, json};

struct Foo(Events);

#[hub(name = "foo")]
impl Foo {
    async fn on_opened(&self, cx: &Context) -> Result<(), HubError> {
        if cx.persistent_id().is_some() {
            let replay = cx.online_publish().await?;
            let gaps: Vec<_> = replay
                .gaps
                .iter()
                .map(|gap| format!("{:?}", gap.why))
                .collect();
            self.0.add(cx, format!("opened {gaps:?}"));
            cx.offline_subscribe(["a", "b"], Duration::from_secs(60))
                .await?;
        }
        Ok(())
    }

    fn on_closed(&self, cx: &Context) {
        self.0.add(cx, "closed");
    }

    async fn keep(&self, cx: &Context, n: u64) -> Result<(), HubError> {
        let queue = cx.queue(if n.is_multiple_of(2) { "a" } else { "b" });
        let kept = queue.send("bar", (n,)).await;
        if let Err(error) = &kept {
            let full = std::error::Error::source(error).map(ToString::to_string);
            self.0.add(cx, format!("refused: {full:?}"));
        }
        Ok(kept?)
    }

    fn nothing(&self) {}
}

struct World {
    server: Server,
    events: Events,
}

impl World {
    async fn new(builder: Builder) -> Self {
        let events = Events::default();
        let builder = builder.hub(Foo(events.clone()));
        let server = Server::tcp(builder).await;
        Self { server, events }
    }

    /// The client of this number, which can be told what it has missed.
    async fn come(&self, number: u8) -> Client<'_> {
        let mut client = self.server.negotiated(&["foo"], None).await;
        let id = format!("00000000-0000-0000-0000-0000000000{number:02x}");
        client.more = vec![("persistentId".into(), id), ("tags".into(), "1".into())];
        client.socket = client.open("/connect", &[]).await.unwrap();
        client.socket.frame().await;
        assert_eq!(client.get("/start").await.status, 200);
        client
    }

    async fn go(&self, client: Client<'_>) {
        let before = self.events.count("closed");
        client.abort().await;
        self.events.come("closed", before + 1).await;
    }

    async fn keep(&self, numbers: std::ops::Range<u64>) {
        let mut ann = self.server.client(&["foo"]).await;
        for n in numbers {
            ann.result("foo", "keep", json!([n])).await;
        }
    }
}

/// What a client gets, and what it is told that it has missed, once all has come.
async fn heard(client: &mut Client<'_>) -> (Vec<u64>, Vec<Value>) {
    let asked = client.send("foo", "nothing", json!([])).await;
    let mut missed = Vec::new();
    while !client.socket.is_answered(&asked) {
        let frame = client.socket.frame().await;
        missed.extend(frame["X"].as_array().into_iter().flatten().cloned());
    }
    let numbers = client.socket.events.drain(..);
    let numbers = numbers.map(|event| event["A"][0].as_u64().unwrap());
    missed.sort_by_key(Value::to_string);
    (numbers.collect(), missed)
}

fn trimmed(queue: &str) -> Value {
    json!({"T": "queue", "W": "trimmed", "H": "foo", "N": queue})
}

/// Servers with these limits: one that keeps in memory, and one that does on a disk.
fn builders(options: &LogOptions) -> Vec<(Builder, Option<std::path::PathBuf>)> {
    let builder = || HubServer::builder().log_options(options.clone());
    let mut builders = vec![(builder(), None)];
    if cfg!(feature = "redb") {
        let dir = std::env::temp_dir().join(format!("hub-unread-{}", uuid::Uuid::new_v4()));
        builders.push((kept_in(builder(), &dir), Some(dir)));
    }
    builders
}

#[cfg(feature = "redb")]
fn kept_in(builder: Builder, dir: &std::path::Path) -> Builder {
    builder.keep_in(dir)
}

#[cfg(not(feature = "redb"))]
fn kept_in(builder: Builder, _: &std::path::Path) -> Builder {
    builder
}

fn clear(dir: Option<std::path::PathBuf>) {
    if let Some(dir) = dir {
        drop(std::fs::remove_dir_all(dir));
    }
}

#[tokio::test]
async fn who_leaves_too_much_unread_has_a_gap_and_nobody_else() {
    let options = LogOptions::default().unread(10);
    for count in [9, 10, 11, 12] {
        for (builder, dir) in builders(&options) {
            let world = World::new(builder).await;
            world.go(world.come(1).await).await;
            world.keep(0..2).await;
            // The other one has had the first two.
            world.go(world.come(2).await).await;
            world.keep(2..count).await;
            let lost = count.saturating_sub(10);
            let gaps: Vec<Value> = ["a", "b"].map(trimmed)[..lost as usize].to_vec();
            let mut bob = world.come(1).await;
            let all: Vec<u64> = (lost..count).collect();
            assert_eq!(heard(&mut bob).await, (all, gaps));
            let told = world.events.of(&bob.id);
            let causes = vec!["Trimmed"; lost as usize];
            assert_eq!(told, [format!("opened {causes:?}")]);
            world.go(bob).await;
            let mut cid = world.come(2).await;
            assert_eq!(heard(&mut cid).await, ((2..count).collect(), vec![]));
            world.go(cid).await;
            // It has been told, and is as anybody.
            world.keep(count..count + 3).await;
            let mut bob = world.come(1).await;
            let next = (count..count + 3).collect();
            assert_eq!(heard(&mut bob).await, (next, vec![]));
            drop(bob);
            drop(world);
            clear(dir);
        }
    }
}

#[tokio::test]
async fn who_goes_before_it_has_anything_is_told_of_the_gap_again() {
    for (builder, dir) in builders(&LogOptions::default().unread(10)) {
        let world = World::new(builder).await;
        world.go(world.come(1).await).await;
        world.keep(0..12).await;
        // Its socket is gone before it has read of it; another one takes over.
        let mut first = world.come(1).await;
        world.events.come("opened [\"Trimmed\"", 1).await;
        first.cut();
        let mut bob = world.come(1).await;
        let gaps = ["a", "b"].map(trimmed).to_vec();
        assert_eq!(heard(&mut bob).await, ((2..12).collect(), gaps));
        assert_eq!(world.events.count("opened [\"Trimmed\""), 2);
        drop((first, bob));
        drop(world);
        clear(dir);
    }
}

#[tokio::test]
async fn a_hub_that_is_full_lets_go_or_refuses_and_tells() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    recorder.install().unwrap();
    let mut dropped = 0.0;
    // So much is a number from ten on as an argument.
    let options = LogOptions::default().hub_bytes(10 * (256 + 4));
    for (round, (builder, dir)) in (1..).zip(builders(&options)) {
        let world = World::new(builder).await;
        world.go(world.come(1).await).await;
        world.keep(10..20).await;
        world.keep(20..21).await;
        let mut bob = world.come(1).await;
        let all = (11..21).collect();
        assert_eq!(heard(&mut bob).await, (all, vec![trimmed("a")]));
        until(|| {
            for (key, _, _, value) in snapshots.snapshot().into_vec() {
                let key = key.key();
                let full = key.labels().any(|label| label.value() == "full");
                if let (true, "dropped_total", DebugValue::Counter(count)) =
                    (full, key.name(), value)
                {
                    dropped += f64::from(u32::try_from(count).unwrap());
                }
            }
            let told = dropped == f64::from(round);
            async move { told.then_some(()) }
        })
        .await;
        drop(bob);
        drop(world);
        clear(dir);
    }
    for (builder, dir) in builders(&options.overflow(Overflow::RejectNew)) {
        let world = World::new(builder.detailed_errors(true)).await;
        world.go(world.come(1).await).await;
        world.keep(10..20).await;
        let mut ann = world.server.client(&["foo"]).await;
        let refused = ann.call("foo", "keep", json!([20])).await;
        assert!(refused.get("E").is_some(), "{refused}");
        let told = world.events.of(&ann.id);
        assert!(told[0].contains("the queue is full"), "{told:?}");
        let mut bob = world.come(1).await;
        assert_eq!(heard(&mut bob).await, ((10..20).collect(), vec![]));
        drop((ann, bob));
        drop(world);
        clear(dir);
    }
}

#[tokio::test]
async fn a_poll_is_told_what_was_found_before_it_came() {
    let world = World::new(HubServer::builder().log_options(LogOptions::default().unread(2))).await;
    world.go(world.come(1).await).await;
    world.keep(0..6).await;
    let mut client = world.server.negotiated_over(POLL, &["foo"], None).await;
    let id = "00000000-0000-0000-0000-000000000001";
    client.more = vec![
        ("persistentId".into(), id.into()),
        ("tags".into(), "1".into()),
    ];
    client.connect().await;
    // Between its requests the hub finds the gap.
    client.start().await;
    world
        .events
        .come("opened [\"Trimmed\", \"Trimmed\"]", 1)
        .await;
    let payload = client.poll().await;
    let mut missed = payload["X"].as_array().cloned().unwrap_or_default();
    missed.sort_by_key(Value::to_string);
    assert_eq!(missed, [trimmed("a"), trimmed("b")], "{payload}");
    world.keep(6..7).await;
    let payload = client.poll().await;
    assert!(payload["X"].is_null(), "told once: {payload}");
}
