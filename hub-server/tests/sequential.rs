//! Hubs whose calls run one at a time, for each connection (`design.md` 5), on the wires with a socket. Over HTTP, and what
//! bounds them: `sequential_limits.rs`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::hubs::builder;
use common::ledger::{Book, Ledger, Loose, Second};
use common::wires::Servers;
use common::{Server, Socket, until};
use hub_server::{CallOrder, Context, Hub, HubError, HubServer, hub};
use serde_json::{Value, json};

const HUBS: &[&str] = &["conformance", "ledger", "second", "loose"];

async fn server() -> (Server, Book) {
    let book = Book::default();
    let (builder, _) = builder();
    let builder = builder.hub(Ledger(book.clone())).hub(Second);
    (Server::tcp(builder.hub(Loose(book.clone()))).await, book)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn slow_calls_run_one_at_a_time_in_the_order_in_which_they_came() {
    let (server, book) = server().await;
    let mut client = server.client(HUBS).await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(client.send("ledger", "book", json!([n])).await);
    }
    // This one was sent last, and the calls before it have been taken.
    assert_eq!(client.result("conformance", "add", json!([1, 2])).await, 3);
    book.become_(&["0 began"]).await;
    for (n, id) in ids.iter().enumerate() {
        book.gate.add_permits(1);
        assert_eq!(client.socket.answer(id).await["R"], n);
    }
    book.become_(&[
        "0 began", "0 ended", "1 began", "1 ended", "2 began", "2 ended",
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn short_calls_and_slow_ones_are_answered_in_order() {
    let (server, book) = server().await;
    let mut client = server.client(HUBS).await;
    for round in 0..5 {
        let mut sent = Vec::new();
        for n in 0..100 {
            let method = ["quick", "yields", "pair"][(n + round) % 3];
            sent.push(client.send("ledger", method, json!([n])).await);
        }
        for id in sent {
            // Each frame is the next answer.
            let answer = client.socket.frame().await;
            assert_eq!((&answer["I"], &answer["E"]), (&json!(id), &Value::Null));
        }
    }
    assert_eq!(book.most(), 1);
    assert!(book.take().is_empty());
}

#[tokio::test]
async fn other_hubs_interleave_as_ever() {
    let (server, book) = server().await;
    let mut client = server.client(HUBS).await;
    for n in 0..2 {
        client.send("loose", "book", json!([n])).await;
    }
    book.become_(&["0 began", "1 began"]).await;
    book.gate.add_permits(2);
    book.become_(&["0 began", "1 began", "0 ended", "1 ended"])
        .await;
}

#[tokio::test]
async fn other_connections_and_other_hubs_do_not_wait() {
    let (server, book) = server().await;
    let mut client = server.client(HUBS).await;
    let mut other = server.client(HUBS).await;
    let first = client.send("ledger", "book", json!([0])).await;
    let second = client.send("ledger", "book", json!([1])).await;
    book.become_(&["0 began"]).await;
    assert_eq!(other.result("ledger", "quick", json!([7])).await, 7);
    for hub in ["second", "loose"] {
        assert_eq!(client.result(hub, "quick", json!([8])).await, 8);
    }
    let its = other.send("ledger", "book", json!([2])).await;
    book.become_(&["0 began", "2 began"]).await;
    book.gate.add_permits(3);
    client.socket.answer(&first).await;
    client.socket.answer(&second).await;
    other.socket.answer(&its).await;
    assert_eq!(book.take().len(), 6);
}

#[tokio::test]
async fn a_panic_fails_its_own_call_and_the_next_one_runs() {
    let (server, book) = server().await;
    let mut client = server.client(HUBS).await;
    let first = client.send("ledger", "book", json!([0])).await;
    let panics = [
        client.send("ledger", "panic", json!([false])).await,
        client.send("ledger", "panic", json!([true])).await,
    ];
    let fails = client.send("ledger", "fail", json!([])).await;
    let unknown = client.send("ledger", "nothing", json!([])).await;
    let last = client.send("ledger", "book", json!([1])).await;
    book.gate.add_permits(2);
    assert_eq!(client.socket.answer(&first).await["R"], 0);
    let generic = "There was an error invoking Hub method 'ledger.panic'.";
    for id in panics {
        assert_eq!(client.socket.answer(&id).await["E"], generic);
    }
    assert_eq!(client.socket.answer(&fails).await["E"], "sorry");
    let unresolved = client.socket.answer(&unknown).await;
    assert_eq!(unresolved["E"], generic.replace("panic", "nothing"));
    assert_eq!(client.socket.answer(&last).await["R"], 1);
    book.become_(&["0 began", "0 ended", "1 began", "1 ended"])
        .await;
}

#[tokio::test]
async fn a_call_that_was_taken_is_made_though_its_client_has_gone() {
    let (server, book) = server().await;
    let mut client = server.client(HUBS).await;
    for n in 0..3 {
        client.send("ledger", "book", json!([n])).await;
    }
    client.result("conformance", "nothing", json!([])).await;
    book.become_(&["0 began"]).await;
    // On the socket that it comes back on, its calls stand behind those.
    client.reconnect().await;
    let id = client.send("ledger", "quick", json!([9])).await;
    client.result("conformance", "nothing", json!([])).await;
    assert!(!client.socket.is_answered(&id));
    book.gate.add_permits(2);
    until(|| async { (book.seen().len() == 5).then_some(()) }).await;
    client.abort().await;
    client.socket.end().await;
    book.gate.add_permits(1);
    book.become_(&[
        "0 began", "0 ended", "1 began", "1 ended", "2 began", "2 ended",
    ])
    .await;
    assert_eq!(book.most(), 1);
}

async fn ask(socket: &mut Socket, id: &str, method: &str, n: usize) {
    let call = json!({"H": "ledger", "M": method, "A": [n], "I": id});
    socket.send(&call).await;
}

#[tokio::test]
async fn on_a_bare_socket_too() {
    let book = Book::default();
    let server = Server::tcp(HubServer::builder().hub(Ledger(book.clone()))).await;
    let mut socket = server.upgrade("/signalr", &[]).await.unwrap();
    socket.frame().await;
    let mut other = server.upgrade("/signalr", &[]).await.unwrap();
    other.frame().await;
    for (id, n) in [("a", 0), ("b", 1)] {
        ask(&mut socket, id, "book", n).await;
    }
    ask(&mut socket, "c", "panic", 0).await;
    ask(&mut socket, "d", "quick", 5).await;
    book.become_(&["0 began"]).await;
    ask(&mut other, "a", "quick", 4).await;
    assert_eq!(other.answer("a").await["R"], 4);
    assert!(!socket.is_answered("d"));
    book.gate.add_permits(2);
    let mut answered = Vec::new();
    for _ in 0..4 {
        answered.push(socket.frame().await["I"].as_str().unwrap().to_owned());
    }
    assert_eq!(answered, ["a", "b", "c", "d"]);
    book.become_(&["0 began", "0 ended", "1 began", "1 ended"])
        .await;
}

#[tokio::test]
async fn on_the_wires_of_xsockets_too() {
    for tcp in [true, false] {
        let book = Book::default();
        let servers = Servers::of(HubServer::builder().hub(Ledger(book.clone()))).await;
        let mut wire = servers.client(tcp, "").await;
        wire.say_to("ledger", "1", "").await;
        wire.hear().await;
        for n in ["[0]", "[1]"] {
            wire.say_to("ledger", "book", n).await;
        }
        wire.say_to("ledger", "quick", "[5]").await;
        book.become_(&["0 began"]).await;
        book.gate.add_permits(2);
        for heard in ["ledger|book|0", "ledger|book|1", "ledger|quick|5"] {
            assert_eq!(wire.hear().await, heard);
        }
        book.become_(&["0 began", "0 ended", "1 began", "1 ended"])
            .await;
    }
}

#[hub]
trait Contract {
    async fn act(&self, cx: &Context) -> Result<(), HubError>;
}

struct InOrder;

#[hub(sequential)]
impl Contract for InOrder {
    async fn act(&self, _: &Context) -> Result<(), HubError> {
        Ok(())
    }
}

#[test]
fn who_keeps_a_contract_says_in_what_order() {
    assert_eq!(InOrder.order(), CallOrder::Sequential);
    assert_eq!(Loose(Book::default()).order(), CallOrder::Interleaved);
}
