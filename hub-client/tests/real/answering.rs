//! Answers to a server that waits for them, over links that are cut.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hub_client::{Builder, HubClient, RetryPolicy, State};
use hub_server::{AckError, AckOptions, Acks};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::board::{Server, client_at};
use crate::hub::soon;
use crate::proxy::Proxy;

const LONG: Duration = Duration::from_secs(50);

/// Asks a client for a price.
fn ask(server: &Server, client: &HubClient, event: &'static str, n: u64) -> JoinHandle<Acks> {
    let to = server.hub.clients().client(client.connection_id());
    tokio::spawn(async move {
        let asked = to.send_with_ack(event, (n,), AckOptions::within(LONG));
        asked.await.unwrap()
    })
}

/// The value of the one answer.
async fn answer(asked: JoinHandle<Acks>) -> Result<Option<u64>, AckError> {
    let mut answers = soon(asked).await.unwrap();
    assert_eq!(answers.len(), 1);
    let (_, answer) = answers.remove(0);
    answer.map(|acked| acked.value.map(|value| value.read().unwrap()))
}

#[tokio::test]
async fn each_answer_is_what_its_callbacks_gave() {
    let server = Server::start().await;
    let builder = client_at(server.addr)
        .on_ask("board", "price", |(n,): (u64,)| async move { Ok(n * 2) })
        .on_ask("board", "refused", |(n,): (u64,)| async move {
            Err::<(), _>(format!("not {n}"))
        })
        .on("board", "told", |_: (u64,)| async {});
    let client = soon(builder.connect()).await.unwrap();
    let asked = ["price", "refused", "told", "unknown"];
    let asked = asked.map(|event| ask(&server, &client, event, 21));
    let failed = |text: &str| Err(AckError::Failed(text.into()));
    let expected = [
        Ok(Some(42)),
        failed("not 21"),
        Ok(None),
        failed("there is no such callback"),
    ];
    for (asked, expected) in asked.into_iter().zip(expected) {
        assert_eq!(answer(asked).await, expected);
    }
}

/// A callback that answers when the test says so, and counts.
struct Slow {
    called: mpsc::UnboundedReceiver<u64>,
    go: watch::Sender<u64>,
    calls: Arc<Mutex<Vec<u64>>>,
}

impl Slow {
    fn of(builder: Builder) -> (Builder, Self) {
        let (calling, called) = mpsc::unbounded_channel();
        let (go, gone) = watch::channel(0);
        let calls = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&calls);
        let builder = builder.on_ask("board", "price", move |(n,): (u64,)| {
            let (mut gone, calling) = (gone.clone(), calling.clone());
            all.lock().unwrap().push(n);
            async move {
                let _ = calling.send(n);
                gone.wait_for(|go| *go >= n)
                    .await
                    .map_err(|error| error.to_string())?;
                Ok(n)
            }
        });
        (builder, Self { called, go, calls })
    }
}

async fn is(client: &HubClient, expected: State) {
    let mut states = client.states();
    let there = states.wait_for(|state| *state == expected);
    soon(there).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cuts_lose_no_answer_and_no_callback_runs_twice() {
    let server = Server::start().await;
    let proxy = Proxy::start(server.addr).await;
    let quickly = RetryPolicy::every(Duration::from_millis(10));
    let (builder, mut slow) = Slow::of(client_at(proxy.addr).retry(quickly));
    let client = soon(builder.connect()).await.unwrap();
    for n in 1..=40 {
        let away = n % 4 == 0;
        if away {
            proxy.lead(None);
            proxy.cut();
            is(&client, State::Reconnecting).await;
        }
        let asked = ask(&server, &client, "price", n);
        if away {
            proxy.lead(Some(server.addr));
        }
        assert_eq!(soon(slow.called.recv()).await, Some(n));
        match n % 4 {
            // Known while there is no link.
            1 => {
                proxy.lead(None);
                proxy.cut();
                is(&client, State::Reconnecting).await;
                slow.go.send_replace(n);
                proxy.lead(Some(server.addr));
            }
            // Written to a link that carries nothing any more.
            2 => {
                proxy.freeze();
                let carries = async || {
                    let call = client.invoke::<()>("board", "put", (1, n));
                    let answered = tokio::time::timeout(Duration::from_millis(50), call);
                    answered.await.is_ok()
                };
                while carries().await {}
                slow.go.send_replace(n);
                // Time to leave: whether it has or not, it must arrive.
                tokio::time::sleep(Duration::from_millis(20)).await;
                proxy.cut();
            }
            // Anywhere.
            3 => {
                slow.go.send_replace(n);
                proxy.cut();
            }
            _ => drop(slow.go.send_replace(n)),
        }
        assert_eq!(answer(asked).await, Ok(Some(n)), "question {n}");
        is(&client, State::Connected).await;
    }
    let calls = slow.calls.lock().unwrap().clone();
    assert_eq!(calls, Vec::from_iter(1..=40));
}
