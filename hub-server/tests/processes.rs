//! Two processes that share a key and nothing else: clients may go from one to the other, but what the other sent is lost
//! to them, and the hub is told (checklist items 37, 58, 66).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use common::hubs::builder;
use common::receive::{ALL, Over, POLL};
use common::{Server, until};
use serde_json::{Value, json};

const HUB: &[&str] = &["conformance"];
const KEY: &str = "HUB_TEST_KEY";

/// A server in a process of its own: this binary again, with one test to run.
struct Process {
    server: Server,
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Process {
    fn start(key: u8) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_other_process", "--ignored", "--nocapture"])
            .env(KEY, key.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = Arc::new(Mutex::new(Vec::new()));
        let addr = loop {
            let line = lines.next().expect("an address").unwrap();
            match line.strip_prefix("serving at ") {
                Some(addr) => break addr.parse().unwrap(),
                None => said.lock().unwrap().push(line),
            }
        };
        let more = said.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                more.lock().unwrap().push(line);
            }
        });
        Self {
            server: Server::elsewhere(addr),
            child,
            said,
        }
    }

    /// Waits until the hubs there were told this of the connection.
    async fn was_told(&self, id: &str, events: &[&str]) {
        let mut asks = self.server.client(HUB).await;
        let query = json!([id]);
        let mut told = Value::Null;
        for _ in 0..200 {
            told = asks.result("conformance", "events", query.clone()).await;
            if told == json!(events) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert_eq!(told, json!(events));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
#[ignore = "the other tests run it, as a process of its own"]
async fn the_other_process() {
    let Ok(key) = std::env::var(KEY) else { return };
    tracing::subscriber::set_global_default(Said).unwrap();
    let builder = builder().0.key([key.parse().unwrap(); 32]);
    let server = Server::tcp(builder).await;
    println!("serving at {}", server.addr().unwrap());
    // Until the test that asked for it ends, however it does.
    let ended = || std::io::stdin().read_to_end(&mut Vec::new());
    let _ = tokio::task::spawn_blocking(ended).await;
}

/// Prints what the server logs.
struct Said;

impl tracing::Subscriber for Said {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("hub_server") && *metadata.level() <= tracing::Level::INFO
    }

    fn event(&self, event: &tracing::Event<'_>) {
        struct Message(String);
        impl tracing::field::Visit for Message {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        println!("{}: {}", event.metadata().level(), message.0);
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// Whether the client hears its group, and nothing else.
async fn hears(client: &mut Over<'_>, group: &str, text: &str) {
    let poll = match client.transport {
        POLL => Some(client.come("/poll").await),
        _ => None,
    };
    client
        .result("conformance", "SendGroup", json!([group, text]))
        .await;
    if let Some(mut poll) = poll {
        let body = poll.body().await;
        client.take(&serde_json::from_str(&body).unwrap());
    }
    let heard = json!(["groupMessage", group, text]);
    assert_eq!(client.event().await, heard, "{}", client.transport);
}

#[tokio::test]
async fn a_connection_negotiated_in_one_process_is_served_by_another_with_the_same_key() {
    let [a, b] = [1, 1].map(Process::start);
    for transport in ALL {
        let mut client = a.server.negotiated_over(transport, HUB, None).await;
        client.server = &b.server;
        client.connect().await;
        client.start().await;
        client.no_event().await;
        client.abort().await;
        let told = ["connected", "disconnected:true"];
        b.was_told(&client.id, &told).await;
    }
    let negotiated = a.server.negotiated(HUB, None).await;
    let mut client = negotiated.moved(&b.server);
    client.socket = client.open("/connect", &[]).await.unwrap();
    assert_eq!(client.socket.frame().await["S"], 1);
    assert_eq!(client.get("/start").await.status, 200);
    client.no_event().await;
    // Another key is another farm.
    let stranger = Process::start(2);
    let refused = negotiated.moved(&stranger.server).get("/start").await;
    let text = "The ConnectionId is in the incorrect format.";
    assert_eq!((refused.status, &*refused.body), (400, text));
}

#[tokio::test]
async fn a_connection_that_goes_to_another_process_is_welcome_has_its_groups_and_the_hub_hears_of_the_gap()
 {
    let [a, b] = [1, 1].map(Process::start);
    for transport in ALL {
        let mut client = a.server.over(transport, HUB).await;
        client.result("conformance", "Join", json!(["g"])).await;
        client.payload().await;
        hears(&mut client, "g", "here").await;
        client.server = &b.server;
        if transport == POLL {
            let mut poll = client.come("/reconnect").await;
            client
                .result("conformance", "Caller", json!(["there"]))
                .await;
            let body = poll.body().await;
            client.take(&serde_json::from_str(&body).unwrap());
        } else {
            client.reconnect().await;
            client
                .result("conformance", "Caller", json!(["there"]))
                .await;
        }
        let there = json!(["message", client.id, "there"]);
        assert_eq!(client.event().await, there);
        hears(&mut client, "g", "there").await;
        b.was_told(&client.id, &["reconnected:epoch"]).await;
        // And back.
        client.server = &a.server;
        if transport == POLL {
            hears(&mut client, "g", "again").await;
        } else {
            client.reconnect().await;
            hears(&mut client, "g", "again").await;
        }
        let told = ["connected", "reconnected:epoch"];
        a.was_told(&client.id, &told).await;
        // Neither has anything to say of the other's.
        client.no_event().await;
    }
    let mut client = a.server.client(HUB).await;
    client.result("conformance", "join", json!(["g"])).await;
    client.no_event().await;
    let mut there = client.moved(&b.server);
    let (cursor, groups) = (client.socket.cursor.clone(), client.socket.groups.clone());
    there.reconnect_from(cursor, groups).await;
    let say = json!(["g", "there"]);
    there.result("conformance", "sendGroup", say).await;
    let heard = json!(["groupMessage", "g", "there"]);
    assert_eq!(there.event().await, heard);
    b.was_told(&there.id, &["reconnected:epoch"]).await;
}

#[tokio::test]
async fn a_server_says_once_that_its_log_is_in_memory() {
    let process = Process::start(1);
    process.server.client(HUB).await.no_event().await;
    let line = "INFO: the log is this server's alone: other nodes do not see its messages";
    let said = || {
        process
            .said
            .lock()
            .unwrap()
            .iter()
            .filter(|l| *l == line)
            .count()
    };
    until(|| async { (said() > 0).then_some(()) }).await;
    assert_eq!(said(), 1);
}
