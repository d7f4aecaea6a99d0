//! Live sessions by user, group, persistent id, index and predicate, against a model (`delivery.md` c).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;

use common::dice::Dice;
use common::hubs::ByHeader;
use common::{Client, Server, until, within};
use futures_util::FutureExt;
use hub_server::{
    AckOptions, BuildError, Builder, ConnectionId, DeliveryError, GroupName, HubHandle, HubServer,
    LiveSession, PersistentId, UserId, hub,
};
use serde_json::json;

struct Shop;

#[hub(name = "shop")]
impl Shop {
    fn nothing(&self) {}
}

#[hub(name = "other")]
impl Other {
    fn nothing(&self) {}
}

struct Other;

/// The property of a session that it is looked up by.
#[derive(Clone)]
struct Customer {
    tier: u64,
    region: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Tier(u64);

fn builder() -> Builder {
    HubServer::builder()
        .hub(Shop)
        .hub(Other)
        .authenticate(ByHeader)
        .session_index(|customer: &Customer| customer.region.clone())
        .session_index(|customer: &Customer| Tier(customer.tier))
}

fn server() -> (Server, HubHandle) {
    let server = builder().build().unwrap();
    let hub = server.handle("shop").unwrap();
    (Server::memory_of(server), hub)
}

fn ids(found: &[LiveSession]) -> BTreeSet<String> {
    let ids: BTreeSet<String> = found.iter().map(|it| it.id().to_string()).collect();
    assert_eq!(ids.len(), found.len(), "each once");
    ids
}

/// What should be known of a client.
#[derive(Default, Clone)]
struct Known {
    user: String,
    owner: Option<String>,
    groups: BTreeSet<String>,
    customer: Option<(u64, String)>,
}

type Model = BTreeMap<String, Known>;

fn those(model: &Model, holds: impl Fn(&Known) -> bool) -> BTreeSet<String> {
    let holding = model.iter().filter(|(_, known)| holds(known));
    holding.map(|(id, _)| id.clone()).collect()
}

/// Every way to look somebody up says what the model says.
fn agree(hub: &HubHandle, model: &Model) {
    let sessions = hub.sessions();
    assert_eq!(ids(&sessions.all()), those(model, |_| true));
    for user in ["ann", "bob", "nobody"] {
        let found = sessions.by_user(&UserId::new(user));
        assert_eq!(ids(&found), those(model, |it| it.user == user), "{user}");
    }
    for group in ["g0", "g1", "g2"] {
        let found = sessions.by_group(&GroupName::from(group));
        assert_eq!(
            ids(&found),
            those(model, |it| it.groups.contains(group)),
            "{group}"
        );
    }
    for region in ["north", "south", "nowhere"] {
        let of = |it: &Known| it.customer.as_ref().is_some_and(|(_, own)| own == region);
        let found = sessions.by::<Customer, _>(&region.to_owned()).unwrap();
        assert_eq!(ids(&found), those(model, of), "{region}");
    }
    for tier in 0..4 {
        let of = |it: &Known| it.customer.as_ref().is_some_and(|(own, _)| *own == tier);
        let found = sessions.by::<Customer, _>(&Tier(tier)).unwrap();
        assert_eq!(ids(&found), those(model, of));
        let found = sessions.matching(|peer| {
            peer.items
                .with(|it: &Customer| it.tier == tier)
                .unwrap_or(false)
        });
        assert_eq!(ids(&found), those(model, of));
    }
    for (id, known) in model {
        let session = sessions.get(&id.as_str().into()).unwrap();
        assert_eq!(session.user().unwrap().as_str(), known.user);
        let mut groups: Vec<_> = session.groups().iter().map(ToString::to_string).collect();
        groups.sort_unstable();
        assert!(groups.iter().eq(&known.groups), "{groups:?}");
        assert!(session.is_open());
        if let Some(owner) = &known.owner {
            let found = sessions.by_persistent_id(&PersistentId::parse(owner).unwrap());
            assert_eq!(
                ids(&found),
                those(model, |it| it.owner.as_ref() == Some(owner))
            );
        }
    }
    assert!(sessions.get(&"nobody".into()).is_none());
}

async fn come<'a>(server: &'a Server, user: &str, owner: Option<&str>) -> Client<'a> {
    let mut client = server.negotiated(&["shop"], Some(user)).await;
    client
        .more
        .extend(owner.map(|owner| ("persistentId".to_owned(), owner.to_owned())));
    client.socket = client.open("/connect", &[]).await.unwrap();
    client.socket.frame().await;
    assert_eq!(client.get("/start").await.status, 200);
    client
}

#[tokio::test]
async fn every_look_up_agrees_with_a_model_while_clients_come_go_join_leave_and_change() {
    let (server, hub) = server();
    let mut dice = Dice::new(7);
    let (mut clients, mut model): (Vec<Client<'_>>, Model) = Default::default();
    for step in 0..600 {
        let pick = usize::try_from(dice.roll(clients.len().max(1) as u64)).unwrap();
        let at = clients.get(pick).map(|client| client.id.clone());
        match (dice.roll(6), at) {
            (0, _) | (_, None) if clients.len() < 12 => {
                let user = ["ann", "bob"][usize::try_from(dice.roll(2)).unwrap()];
                let owner = (dice.roll(2) == 0).then(|| uuid::Uuid::new_v4().to_string());
                let client = come(&server, user, owner.as_deref()).await;
                let known = Known {
                    user: user.into(),
                    owner,
                    ..Known::default()
                };
                model.insert(client.id.clone(), known);
                clients.push(client);
            }
            (1, Some(id)) if step % 3 == 0 => {
                let mut client = clients.swap_remove(pick);
                let session = hub.sessions().get(&id.as_str().into()).unwrap();
                match dice.roll(3) {
                    0 => client.abort().await,
                    1 => session.abort(),
                    _ => {
                        // It would have its time for a close frame.
                        client.cut();
                        within(session.close(1000, "")).await.unwrap();
                    }
                }
                until(|| async { (!session.is_open()).then_some(()) }).await;
                model.remove(&id);
            }
            (2, Some(id)) => {
                let group = format!("g{}", dice.roll(3));
                within(hub.groups().add(&id.as_str().into(), group.as_str()))
                    .await
                    .unwrap();
                model.get_mut(&id).unwrap().groups.insert(group);
            }
            (3, Some(id)) => {
                let group = format!("g{}", dice.roll(3));
                within(hub.groups().remove(&id.as_str().into(), group.as_str()))
                    .await
                    .unwrap();
                model.get_mut(&id).unwrap().groups.remove(&group);
            }
            (_, Some(id)) => {
                let tier = dice.roll(4);
                let region = ["north", "south"][usize::try_from(dice.roll(2)).unwrap()];
                let customer = Customer {
                    tier,
                    region: region.into(),
                };
                let session = hub.sessions().get(&id.as_str().into()).unwrap();
                session.peer().items.set(customer);
                model.get_mut(&id).unwrap().customer = Some((tier, region.into()));
            }
            _ => {}
        }
        agree(&hub, &model);
        // Who comes back on a new link is the same session.
        if step % 50 == 0
            && let Some(client) = clients.first_mut()
        {
            client.cut();
            agree(&hub, &model);
            client.reconnect().await;
            agree(&hub, &model);
        }
    }
}

#[tokio::test]
async fn an_audience_is_narrowed_by_a_predicate_as_it_is_sent() {
    let (server, hub) = server();
    let mut clients = Vec::new();
    for tier in 0..4_u64 {
        let client = come(&server, "ann", None).await;
        let id: ConnectionId = client.id.as_str().into();
        let session = hub.sessions().get(&id).unwrap();
        session.peer().items.set(Customer {
            tier,
            region: "north".into(),
        });
        if tier != 2 {
            hub.groups().add(&id, "g").await.unwrap();
        }
        clients.push(client);
    }
    let above = |least: u64| {
        move |peer: &hub_server::Peer| {
            peer.items
                .with(|it: &Customer| it.tier > least)
                .unwrap_or(false)
        }
    };
    let to = hub.clients();
    // Chosen before, decided as it is sent.
    let late = to.matching(above(10));
    to.matching(above(1)).send("all", ()).await.unwrap();
    to.group("g")
        .matching(above(0))
        .send("group", ())
        .await
        .unwrap();
    to.user("ann")
        .matching(above(1))
        .matching(|peer| !peer.id.as_str().is_empty())
        .send("user", ())
        .await
        .unwrap();
    to.all()
        .except([clients[3].id.as_str()])
        .matching(above(1))
        .send("except", ())
        .await
        .unwrap();
    to.client(clients[0].id.as_str())
        .matching(above(1))
        .send("never", ())
        .await
        .unwrap();
    let first = hub.sessions().get(&clients[0].id.as_str().into()).unwrap();
    first.peer().items.set(Customer {
        tier: 11,
        region: "south".into(),
    });
    late.send("late", ()).await.unwrap();
    to.all().send("end", ()).await.unwrap();
    let expected: [&[&str]; 4] = [
        &["late", "end"],
        &["group", "end"],
        &["all", "user", "except", "end"],
        &["all", "group", "user", "end"],
    ];
    for (client, expected) in clients.iter_mut().zip(expected) {
        for name in expected {
            assert_eq!(client.event().await[0], *name);
        }
    }
    let acks = to
        .matching(above(2))
        .send_with_ack("ask", (), AckOptions::default())
        .await
        .unwrap();
    assert_eq!(acks.len(), 2);
    assert!(acks.iter().all(|(_, ack)| ack.is_ok()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_predicate_may_panic_or_ask_the_sessions() {
    let (server, hub) = server();
    let mut client = come(&server, "ann", None).await;
    let panics = hub.clients().matching(|_| panic!("not today"));
    let sent = AssertUnwindSafe(panics.send("never", ()))
        .catch_unwind()
        .await;
    assert!(sent.is_err());
    let looked = std::panic::catch_unwind(AssertUnwindSafe(|| {
        hub.sessions().matching(|_| panic!("nor now"))
    }));
    assert!(looked.is_err());
    let inner = hub.clone();
    let asks = hub.clients().matching(move |peer| {
        peer.items.set(Customer {
            tier: 1,
            region: "north".into(),
        });
        let sessions = inner.sessions();
        let own = sessions.get(&peer.id).unwrap();
        // A look at an item may look further, too.
        let there = peer.items.with(|it: &Customer| {
            peer.items.set(Customer {
                tier: it.tier + 1,
                ..it.clone()
            });
            sessions.by::<Customer, _>(&Tier(2)).unwrap().len() == 1 && sessions.all().len() == 1
        });
        there == Some(true) && own.is_open() && own.groups().is_empty()
    });
    within(asks.send("asked", ())).await.unwrap();
    assert_eq!(client.event().await, json!(["asked"]));
    // A key that can't be made is the setter's affair.
    let session = hub.sessions().all().pop().unwrap();
    assert_eq!(hub.sessions().by::<Customer, _>(&Tier(2)).unwrap().len(), 1);
    assert!(session.is_open());
}

#[tokio::test]
async fn sessions_are_of_their_hub_alone_and_an_index_must_be_declared() {
    let (server, hub) = server();
    let client = come(&server, "ann", None).await;
    let id: ConnectionId = client.id.as_str().into();
    assert_eq!(hub.sessions().all().len(), 1);
    hub.sessions().get(&id).unwrap().peer().items.set(Customer {
        tier: 1,
        region: "north".into(),
    });
    let server = builder().build().unwrap();
    assert!(server.handle("other").unwrap().sessions().all().is_empty());
    let none = hub.sessions().by::<Customer, u8>(&1);
    assert!(matches!(none, Err(DeliveryError::NoIndex)));
    let twice = builder()
        .session_index(|customer: &Customer| Tier(customer.tier + 1))
        .build();
    assert!(matches!(twice, Err(BuildError::Setting(_))));
}
