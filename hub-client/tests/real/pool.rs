//! A pool of connections to services that move.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hub_client::{CallError, ClientPool, HubClient, PoolError, Resolve, RetryPolicy, State};

use crate::hub::{DeskProxy, Server, Was, soon};

type Asked = Vec<(String, Option<String>)>;

/// Knows where services are, and who asked.
#[derive(Clone, Default)]
struct Directory {
    at: Arc<Mutex<Vec<SocketAddr>>>,
    asked: Arc<Mutex<Asked>>,
}

impl Directory {
    fn of(servers: &[&Server]) -> Self {
        let this = Self::default();
        this.moves(servers.iter().map(|server| server.addr).collect());
        this
    }

    /// The addresses that are given, one after the other; the last one for ever.
    fn moves(&self, to: Vec<SocketAddr>) {
        *self.at.lock().unwrap() = to;
    }

    fn asked(&self) -> Asked {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[async_trait]
impl Resolve for Directory {
    async fn resolve(
        &self,
        service: &str,
        gone: Option<&str>,
    ) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let asked = (service.to_owned(), gone.map(str::to_owned));
        self.asked.lock().unwrap().push(asked);
        let mut at = self.at.lock().unwrap();
        let next = match at.len() {
            0 => return Err("never heard of it".into()),
            1 => at[0],
            _ => at.remove(0),
        };
        Ok(url(next))
    }
}

fn url(addr: SocketAddr) -> String {
    format!("http://{addr}/signalr")
}

fn pool(directory: &Directory) -> ClientPool {
    ClientPool::new(directory.clone(), |url, hub| {
        let soon = RetryPolicy::every(Duration::from_millis(10));
        HubClient::builder(url).hub(hub).retry(soon)
    })
}

#[tokio::test]
async fn many_who_ask_at_once_share_one_connection() {
    let mut server = Server::start().await;
    let directory = Directory::of(&[&server]);
    let pool = pool(&directory);
    let asking: Vec<_> = (0..50)
        .map(|n| {
            let pool = pool.clone();
            let hub = if n % 2 == 0 { "desk" } else { "Desk" };
            tokio::spawn(async move { pool.client("office", hub).await.unwrap() })
        })
        .collect();
    let mut ids = Vec::new();
    for asking in asking {
        ids.push(soon(asking).await.unwrap().connection_id());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let desk: DeskProxy = soon(pool.hub("office")).await.unwrap();
    assert_eq!(desk.add(1, 2).await.unwrap(), 3);
    assert_eq!(server.next().await, (ids[0].clone(), Was::Connected));
    assert_eq!(server.rest(), []);
    assert_eq!(directory.asked().len(), 1);
    // Another service is another connection.
    let other = soon(pool.client("annex", "desk")).await.unwrap();
    assert_eq!(server.next().await, (other.connection_id(), Was::Connected));
}

#[tokio::test]
async fn all_are_closed_with_the_pool_whoever_holds_them() {
    let mut server = Server::start().await;
    let pool = pool(&Directory::of(&[&server]));
    let held = soon(pool.client("office", "desk")).await.unwrap();
    assert_eq!(server.next().await.1, Was::Connected);
    drop(pool.clone());
    assert_eq!(held.state(), State::Connected);
    drop(pool);
    assert_eq!(server.next().await.1, Was::Disconnected { stopped: true });
    let desk: DeskProxy = held.hub();
    assert!(matches!(desk.add(1, 1).await, Err(CallError::NotConnected)));

    let pool = self::pool(&Directory::of(&[&server]));
    let held = soon(pool.client("office", "desk")).await.unwrap();
    soon(pool.close()).await;
    assert_eq!(held.state(), State::Disconnected);
    let late = soon(pool.client("office", "desk")).await;
    assert!(matches!(late, Err(PoolError::Closed)));
}

#[tokio::test]
async fn a_service_is_looked_for_again_when_its_node_is_gone() {
    let (first, mut second) = (Server::impatient().await, Server::start().await);
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let directory = Directory::of(&[&first]);
    let pool = pool(&directory);
    let client = soon(pool.client("office", "desk")).await.unwrap();
    let (old, gone) = (client.connection_id(), url(first.addr));
    assert_eq!(directory.asked(), [("office".into(), None)]);
    first.stop().await;
    // It tries to come back, and is given as it is; then it is over.
    let mut states = client.states();
    soon(states.wait_for(|state| *state == State::Disconnected))
        .await
        .unwrap();
    // The first address that is found is of no use, either.
    directory.moves(vec![nobody, second.addr]);
    let client = soon(pool.client("office", "desk")).await.unwrap();
    assert_ne!(client.connection_id(), old);
    assert_eq!(
        directory.asked(),
        [
            ("office".into(), Some(gone)),
            ("office".into(), Some(url(nobody)))
        ]
    );
    assert_eq!(
        second.next().await,
        (client.connection_id(), Was::Connected)
    );
}

#[tokio::test]
async fn what_can_not_be_found_or_reached_is_told_and_leaves_nothing() {
    let directory = Directory::default();
    let pool = pool(&directory);
    let error = soon(pool.client("nowhere", "desk")).await.unwrap_err();
    assert_eq!(error.to_string(), "'nowhere' can't be found");
    let server = Server::start().await;
    directory.moves(vec![server.addr]);
    server.stop().await;
    directory.asked();
    let error = soon(pool.client("ruin", "desk")).await.unwrap_err();
    assert!(matches!(error, PoolError::Connect { .. }), "{error}");
    assert_eq!(directory.asked().len(), 3);
    assert_eq!(format!("{pool:?}"), "{}");
    // A refusal says the same at any address.
    let server = Server::start().await;
    directory.moves(vec![server.addr]);
    let error = soon(pool.client("office", "unknown")).await.unwrap_err();
    assert!(matches!(error, PoolError::Connect { .. }), "{error}");
}
