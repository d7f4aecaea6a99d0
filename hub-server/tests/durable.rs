//! What is kept for clients that are away, where the server ends in between.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use common::hubs::Events;
use common::{Server, Socket, until};
use hub_server::{
    Append, Body, Context, Cursor, Event, HubError, HubServer, Limit, Log, LogOptions, Payload,
    RedbLog, Topic, hub,
};
use serde_json::{Value, json};

/// A hub that keeps `bar` for those who are away.
struct Foo(Events);

#[hub(name = "foo")]
impl Foo {
    async fn on_connected(&self, cx: &Context) -> Result<(), HubError> {
        if cx.persistent_id().is_some() {
            let found = cx.online_publish().await?;
            cx.offline_subscribe(["bar"], Duration::from_secs(60))
                .await?;
            let how = if found.reopened { "reopened" } else { "opened" };
            self.0.add(cx, how);
            assert!(found.gaps.is_empty(), "{:?}", found.gaps);
        }
        Ok(())
    }

    async fn on_disconnected(&self, cx: &Context, _: bool) -> Result<(), HubError> {
        self.0.add(cx, "disconnected");
        Ok(())
    }

    async fn bar(&self, cx: &Context, m: u64) -> Result<(), HubError> {
        let all = cx.clients().all();
        Ok(all.and_queue("bar").send("bar", (m,)).await?)
    }

    fn nothing(&self) {}
}

const ANN: &str = "00000000-0000-0000-0000-00000000000a";
const BOB: &str = "00000000-0000-0000-0000-00000000000b";

/// A directory that goes with the test.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("hub-durable-{}", uuid::Uuid::new_v4())))
    }

    /// What a process that died just now has left.
    fn left_by_a_crash(&self) -> Self {
        let copy = Self::new();
        std::fs::create_dir_all(&copy.0).unwrap();
        std::fs::copy(self.0.join("hub.redb"), copy.0.join("hub.redb")).unwrap();
        copy
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A server on this directory, as soon as nobody else has it.
async fn serve(dir: &Dir) -> (Server, Events) {
    let log = until(async || RedbLog::open(&dir.0).ok()).await;
    let events = Events::default();
    let builder = HubServer::builder().hub(Foo(events.clone()));
    (Server::tcp(builder.log(Arc::new(log))).await, events)
}

async fn come(server: &Server, id: &str) -> Socket {
    let query = [
        ("connectionData", r#"[{"name":"foo"}]"#),
        ("persistentId", id),
    ];
    let mut socket = server
        .upgrade(&server.target("", &query), &[])
        .await
        .unwrap();
    assert_eq!(socket.frame().await["S"], 1);
    socket
}

async fn call(socket: &mut Socket, method: &str, args: Value) {
    socket
        .send(&json!({"H": "foo", "M": method, "A": args, "I": 1}))
        .await;
    let answer = socket.answer("1").await;
    assert!(answer.get("E").is_none(), "{answer}");
}

async fn heard(socket: &mut Socket) -> Vec<u64> {
    call(socket, "nothing", json!([])).await;
    let events = socket.events.drain(..);
    events
        .map(|event| event["A"][0].as_u64().unwrap())
        .collect()
}

async fn next(socket: &mut Socket, count: usize) -> Vec<u64> {
    let mut got = Vec::new();
    while got.len() < count {
        got.push(socket.event().await[1].as_u64().unwrap());
    }
    got
}

async fn leave(mut socket: Socket, events: &Events, gone: usize) {
    socket.stream().close(None).await.unwrap();
    socket.end().await;
    until(async || (events.count("disconnected") >= gone).then_some(())).await;
}

#[tokio::test]
async fn what_was_queued_before_and_after_a_restart_comes_in_order_and_once() {
    let dir = Dir::new();
    let (server, events) = serve(&dir).await;
    let mut ann = come(&server, ANN).await;
    let bob = come(&server, BOB).await;
    leave(bob, &events, 1).await;
    for n in 0..50 {
        call(&mut ann, "bar", json!([n])).await;
    }
    assert_eq!(heard(&mut ann).await, (0..50).collect::<Vec<_>>());
    leave(ann, &events, 2).await;
    drop(server);

    let (server, events) = serve(&dir).await;
    let mut ann = come(&server, ANN).await;
    for n in 50..100 {
        call(&mut ann, "bar", json!([n])).await;
    }
    let mut bob = come(&server, BOB).await;
    assert_eq!(next(&mut bob, 100).await, (0..100).collect::<Vec<_>>());
    call(&mut ann, "bar", json!([100])).await;
    assert_eq!(next(&mut bob, 1).await, [100]);
    assert!(heard(&mut bob).await.is_empty());
    assert_eq!(heard(&mut ann).await, (50..101).collect::<Vec<_>>());
    assert_eq!(events.count("reopened"), 2);
    leave(bob, &events, 1).await;
    call(&mut ann, "bar", json!([101])).await;
    leave(ann, &events, 2).await;
    drop(server);

    let (server, _) = serve(&dir).await;
    let mut bob = come(&server, BOB).await;
    assert_eq!(next(&mut bob, 1).await, [101]);
    assert!(heard(&mut bob).await.is_empty());
}

#[tokio::test]
async fn who_was_there_when_the_process_died_is_owed_what_came_later() {
    let dir = Dir::new();
    let (server, _) = serve(&dir).await;
    let ann = come(&server, ANN).await;
    let mut bob = come(&server, BOB).await;
    assert!(heard(&mut bob).await.is_empty());
    let left = dir.left_by_a_crash();

    let (after, events) = serve(&left).await;
    let mut again = come(&after, ANN).await;
    call(&mut again, "bar", json!([7])).await;
    let mut back = come(&after, BOB).await;
    assert_eq!(next(&mut back, 1).await, [7]);
    assert!(heard(&mut back).await.is_empty());
    assert_eq!(events.count("reopened"), 2);
    drop((ann, bob));
}

/// What a child is told, and tells.
const CHILD: &str = "HUB_LOG_CHILD";

fn keeps_all() -> LogOptions {
    LogOptions::default().queue(10_000_000, 1 << 32)
}

fn queue(at: u64) -> Topic {
    Topic::Queue("chat".into(), at.to_string().into())
}

/// Appends until it is killed, and prints what it has receipts of.
#[tokio::test]
#[ignore = "runs as a child of another test"]
async fn the_child_that_is_killed() {
    let Ok(dir) = std::env::var(CHILD) else {
        return;
    };
    let (dir, round) = dir.split_once('#').unwrap();
    let round: u64 = round.parse().unwrap();
    let log = Arc::new(RedbLog::open_with(dir, keeps_all()).unwrap());
    let tasks = (0..4).map(|task| {
        let log = log.clone();
        tokio::spawn(async move {
            for n in 0.. {
                let number = round * 1_000_000 + task * 100_000 + n;
                let said = |at, number| {
                    let event = Event {
                        hub: "chat".into(),
                        method: "m".into(),
                        args: Payload::of(&[number]).unwrap(),
                        state: None,
                        tag: None,
                    };
                    Append::new(queue(at), Body::Event(event))
                };
                let entries = vec![said(0, number), said(1 + task % 2, number)];
                let receipts = log.append(entries).await.unwrap();
                let mut out = std::io::stdout().lock();
                writeln!(out, "\nreceipt {task} {number} {} .", receipts[0].order).unwrap();
                out.flush().unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

#[test]
fn a_process_that_is_killed_loses_nothing_that_has_a_receipt() {
    let dir = Dir::new();
    let mut promised: Vec<(u64, u64, u64)> = Vec::new();
    for round in 0..25_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "the_child_that_is_killed",
                "--ignored",
                "--nocapture",
            ])
            .env(CHILD, format!("{}#{round}", dir.0.display()))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let enough = promised.len() + 1 + (round as usize * 37) % 150;
        let before = promised.len();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let mut words = line.split(' ');
            if words.next() != Some("receipt") {
                continue;
            }
            // The last line may be cut short.
            let numbers: Vec<&str> = words.collect();
            let [task, number, order, "."] = numbers[..] else {
                continue;
            };
            let number_of = |text: &str| text.parse::<u64>().unwrap();
            promised.push((number_of(task), number_of(number), number_of(order)));
            // What is on its way counts, too.
            if promised.len() == enough {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(promised.len() > before, "round {round} has receipts");
        check(&dir.0, &promised, round);
    }
}

fn check(dir: &Path, promised: &[(u64, u64, u64)], round: u64) {
    let log = RedbLog::open_with(dir, keeps_all()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let found = [0, 1, 2].map(|at| {
        let limit = Limit {
            entries: 10_000_000,
            upto: u64::MAX,
        };
        let topics = [queue(at)];
        let read = log.read(&topics, Cursor::at(log.epoch(), 0), limit);
        let page = runtime.block_on(read).unwrap();
        assert!(page.gaps.is_empty(), "round {round}: {:?}", page.gaps);
        assert!(page.entries.is_sorted_by(|a, b| a.order < b.order));
        let number = |body: &Body| match body {
            Body::Event(event) => event.args.read::<[u64; 1]>().unwrap()[0],
            _ => panic!("not an event"),
        };
        let entries = page.entries.iter();
        let found: Vec<(u64, u64)> = entries.map(|it| (number(&it.body), it.order)).collect();
        let mut numbers: Vec<u64> = found.iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        assert!(
            numbers.windows(2).all(|pair| pair[0] < pair[1]),
            "round {round}: twice"
        );
        found
            .into_iter()
            .collect::<std::collections::HashMap<_, _>>()
    });
    for (task, number, order) in promised {
        assert_eq!(found[0].get(number), Some(order), "round {round}");
        let second = &found[1 + *task as usize % 2];
        assert_eq!(second.get(number), Some(&(order + 1)), "round {round}");
    }
}

#[tokio::test]
async fn a_server_makes_its_log_as_it_is_asked_to() {
    let dir = Dir::new();
    let builder = || HubServer::builder().hub(Foo(Events::default()));
    let options = LogOptions::default().max_body(20);
    let send = async |server: HubServer, text: &str| {
        let queue = server.handle("foo").unwrap().clients().queue("bar");
        let service = server.into_service();
        let sent = queue.send("bar", (text,)).await;
        service.shutdown();
        sent
    };
    for kept in [true, false] {
        let mut builder = builder().log_options(options.clone());
        if kept {
            builder = builder.keep_in(&dir.0);
        }
        let refused = send(builder.build().unwrap(), &"x".repeat(30)).await;
        let refused = refused.unwrap_err();
        let why = std::error::Error::source(&refused).unwrap().to_string();
        assert!(why.contains("than the 20"), "{why}");
    }
    // It is let go soon, and can be opened again; what can't be opened is told.
    let server = until(|| async { builder().keep_in(&dir.0).build().ok() }).await;
    let refused = builder().keep_in(&dir.0).build().err().unwrap();
    assert!(refused.to_string().contains("in use"), "{refused}");
    send(server, &"x".repeat(30)).await.unwrap();
    let given = builder().log_options(options);
    let given = given.log(Arc::new(
        hub_server::MemoryLog::with(&LogOptions::default()),
    ));
    assert!(given.build().is_err());
}
