//! Indexes of live sessions follow the sessions' items, and nothing else (`delivery.md` c).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use common::{Client, Server};
use hub_server::{Builder, HubHandle, HubServer, LiveSession, hub};

struct Shop;

#[hub(name = "shop")]
impl Shop {
    fn nothing(&self) {}
}

#[derive(Clone)]
struct Customer {
    tier: u64,
    region: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Tier(u64);

fn server_with(set: impl FnOnce(Builder) -> Builder) -> (Server, HubHandle) {
    let server = set(HubServer::builder().hub(Shop)).build().unwrap();
    let hub = server.handle("shop").unwrap();
    (Server::memory_of(server), hub)
}

fn session(hub: &HubHandle, client: &Client<'_>) -> LiveSession {
    hub.sessions().get(&client.id.as_str().into()).unwrap()
}

/// A key that knows whether somebody has it.
struct Counted(u64, #[expect(dead_code, reason = "it is counted")] Arc<()>);

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Counted {}

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[tokio::test]
async fn an_index_keeps_nothing_of_who_has_gone() {
    let token = Arc::new(());
    let own = token.clone();
    let (server, hub) = server_with(|builder| {
        builder.session_index(move |tier: &Tier| Counted(tier.0, own.clone()))
    });
    let client = server.client(&["shop"]).await;
    let session = session(&hub, &client);
    for n in 0..10 {
        session.peer().items.set(Tier(n));
        assert_eq!(Arc::strong_count(&token), 3, "one key at a time");
        let key = Counted(n, Arc::default());
        assert_eq!(hub.sessions().by::<Tier, _>(&key).unwrap().len(), 1);
    }
    session.abort();
    session.peer().items.set(Tier(11));
    assert_eq!(Arc::strong_count(&token), 2);
}

#[tokio::test]
async fn a_key_that_can_not_be_made_leaves_everything_as_it_was() {
    let (server, hub) = server_with(|builder| {
        builder.session_index(|tier: &Tier| {
            assert!(tier.0 < 10, "no such tier");
            tier.clone()
        })
    });
    let client = server.client(&["shop"]).await;
    let session = session(&hub, &client);
    let items = session.peer().items.clone();
    items.set(Tier(1));
    let set = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| items.set(Tier(10))));
    assert!(set.is_err());
    assert_eq!(items.get(), Some(Tier(1)));
    assert_eq!(hub.sessions().by::<Tier, _>(&Tier(1)).unwrap().len(), 1);
    items.set(Tier(2));
    assert!(hub.sessions().by::<Tier, _>(&Tier(1)).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_follows_values_that_two_tasks_set_while_connections_end() {
    let (server, hub) = server_with(|builder| {
        builder
            .session_index(|customer: &Customer| customer.region.clone())
            .session_index(|customer: &Customer| Tier(customer.tier))
    });
    for round in 0..40 {
        let client = server.client(&["shop"]).await;
        let session = session(&hub, &client);
        let sets = [0, 1].map(|half| {
            let items = session.peer().items.clone();
            tokio::spawn(async move {
                for n in 0..200 {
                    items.set(Customer {
                        tier: n * 2 + half,
                        region: "north".into(),
                    });
                    if n % 16 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            })
        });
        if round % 2 == 0 {
            session.abort();
        }
        for set in sets {
            set.await.unwrap();
        }
        let tier = session.peer().items.with(|it: &Customer| it.tier).unwrap();
        let north = hub
            .sessions()
            .by::<Customer, _>(&"north".to_owned())
            .unwrap();
        let own = hub.sessions().by::<Customer, _>(&Tier(tier)).unwrap();
        let expected = usize::from(round % 2 == 1);
        assert_eq!((north.len(), own.len()), (expected, expected), "{round}");
        session.abort();
        assert!(
            hub.sessions()
                .by::<Customer, _>(&Tier(tier))
                .unwrap()
                .is_empty()
        );
    }
}
