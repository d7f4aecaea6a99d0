//! Calls that run one at a time: over HTTP, through filters, and within the limits that hold for others.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::{Arc, Mutex};

use common::hubs::builder;
use common::ledger::{Book, Ledger};
use common::receive::{FORM, POLL, SSE};
use common::{Client, Server, within};
use futures_util::future::join_all;
use hub_server::{Builder, Filter, HubError, Invocation, Next, Reply, async_trait};
use serde_json::{Value, json};

const HUBS: &[&str] = &["conformance", "ledger"];

fn with(book: &Book) -> Builder {
    builder().0.hub(Ledger(book.clone()))
}

/// A call over HTTP on the connection of a socket.
async fn post(client: &Client<'_>, method: &str, n: usize) -> Value {
    let call = json!({"H": "ledger", "M": method, "A": [n], "I": 0}).to_string();
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("data", &call)
        .finish();
    let mut query = client.query(&[]);
    query.retain(|(name, _)| *name != "transport");
    query.push(("transport", POLL));
    let target = client.server.target("/send", &query);
    let headers = [("Content-Type", FORM)];
    let answer = client.server.post(&target, &headers, body.as_bytes());
    let answer = answer.await;
    assert_eq!(answer.status, 200);
    answer.json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn over_http_they_never_overlap_and_all_are_answered() {
    for transport in [SSE, POLL] {
        let book = Book::default();
        let server = Server::tcp(with(&book)).await;
        let client = server.over(transport, HUBS).await;
        book.gate.add_permits(8);
        let call = |n: usize| {
            let method = ["book", "yields"][n % 2];
            json!({"H": "ledger", "M": method, "A": [n], "I": n}).to_string()
        };
        let calls: Vec<String> = (0_usize..16).map(call).collect();
        let answers = join_all(calls.iter().map(|call| client.post(call))).await;
        for (n, answer) in answers.iter().enumerate() {
            assert_eq!(answer.json()["R"], n, "{}", answer.body);
        }
        assert_eq!(book.most(), 1);
    }
}

#[tokio::test]
async fn a_call_on_the_socket_waits_for_one_over_http() {
    // One call may be open, and the one over HTTP has taken the room.
    let book = Book::default();
    let server = Server::tcp(with(&book).max_open_calls(1)).await;
    let mut client = server.client(HUBS).await;
    let mut socket = std::mem::take(&mut client.socket);
    let mut other = server.client(HUBS).await;
    within(async {
        let over_http = post(&client, "book", 0);
        let on_socket = async {
            book.become_(&["0 began"]).await;
            for (id, method) in [("a", "book"), ("b", "quick")] {
                let call = json!({"H": "ledger", "M": method, "A": [1], "I": id});
                socket.send(&call).await;
            }
            for _ in 0..10 {
                other.result("conformance", "nothing", json!([])).await;
            }
            book.become_(&["0 began"]).await;
            book.gate.add_permits(2);
            assert_eq!(socket.frame().await["I"], "a");
            assert_eq!(socket.frame().await["I"], "b");
        };
        let (over_http, ()) = tokio::join!(over_http, on_socket);
        assert_eq!(over_http["R"], 0);
    })
    .await;
    book.become_(&["0 began", "0 ended", "1 began", "1 ended"])
        .await;
}

#[tokio::test]
async fn they_count_as_calls_that_run() {
    let book = Book::default();
    let server = Server::tcp(with(&book).max_open_calls(3)).await;
    let mut client = server.client(HUBS).await;
    let mut other = server.client(HUBS).await;
    for n in 0..3 {
        client.send("ledger", "book", json!([n])).await;
    }
    let beyond = client.send("conformance", "add", json!([1, 2])).await;
    book.become_(&["0 began"]).await;
    for _ in 0..10 {
        other.result("conformance", "nothing", json!([])).await;
    }
    // The fourth is read when the first has ended, and not before.
    book.gate.add_permits(1);
    assert_eq!(client.socket.frame().await["R"], 0);
    assert_eq!(client.socket.answer(&beyond).await["R"], 3);
    book.gate.add_permits(2);
    for n in 1..3 {
        assert_eq!(client.socket.frame().await["R"], n);
    }
    for n in 3..6 {
        book.gate.add_permits(1);
        assert_eq!(client.result("ledger", "book", json!([n])).await, n);
    }
}

/// Writes down what passes, on the way in and on the way out.
struct Recorder(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Filter for Recorder {
    async fn invoke(
        &self,
        call: Invocation,
        next: Next<'_, Invocation>,
    ) -> Result<Reply, HubError> {
        let name = format!("{}.{}", call.cx.hub(), call.method);
        self.0.lock().unwrap().push(format!(">{name}"));
        let result = next.run(call).await;
        self.0.lock().unwrap().push(format!("<{name}"));
        result
    }
}

#[tokio::test]
async fn filters_are_around_each_of_them() {
    let (book, seen) = (Book::default(), Arc::default());
    let server = Server::tcp(with(&book).filter(Recorder(Arc::clone(&seen)))).await;
    let mut client = server.client(HUBS).await;
    client.send("ledger", "book", json!([0])).await;
    let panics = client.send("ledger", "panic", json!([true])).await;
    let last = client.send("ledger", "yields", json!([3])).await;
    book.gate.add_permits(1);
    client.socket.answer(&panics).await;
    client.socket.answer(&last).await;
    let expected = [
        ">ledger.book",
        "<ledger.book",
        ">ledger.panic",
        ">ledger.yields",
        "<ledger.yields",
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}
