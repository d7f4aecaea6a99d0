//! What happens while a client is away: joins, leaves and messages take effect at their own place, nothing is lost and
//! nothing repeated, wherever it was cut (`classic-signalr.md` 5.3, `design.md` 3).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::hubs::builder;
use common::outside::{id, numbers, same, tcp, to_all};
use common::receive::Dice;
use common::{Client, Server, within};
use hub_server::{Builder, ConnectionId, HubHandle};
use serde_json::json;

const HUB: &[&str] = &["conformance"];

#[tokio::test]
async fn a_join_while_the_client_was_away_takes_effect_at_its_own_place() {
    // The original starts the group at its end and loses what lies between join and reconnect.
    let (server, hub, _) = tcp(same).await;
    let mut client = server.client(HUB).await;
    client.cut();
    let group = hub.clients().group("g");
    group.send("n", (0,)).await.unwrap();
    to_all(&hub, 1).await;
    hub.groups().add(&id(&client), "g").await.unwrap();
    group.send("n", (2,)).await.unwrap();
    to_all(&hub, 3).await;
    group.send("n", (4,)).await.unwrap();
    client.reconnect().await;
    assert_eq!(numbers(&mut client, 4).await, [1, 2, 3, 4]);
    client.no_event().await;
    assert!(client.socket.groups.is_some(), "the token came");
    client.cut();
    group.send("n", (5,)).await.unwrap();
    client.reconnect().await;
    assert_eq!(numbers(&mut client, 1).await, [5]);
}

#[tokio::test]
async fn a_leave_while_the_client_was_away_takes_effect_at_its_own_place() {
    let (server, hub, _) = tcp(same).await;
    let mut client = server.client(HUB).await;
    client.result("conformance", "join", json!(["g"])).await;
    client.no_event().await;
    let group = hub.clients().group("g");
    client.cut();
    group.send("n", (0,)).await.unwrap();
    hub.groups().remove(&id(&client), "g").await.unwrap();
    group.send("n", (1,)).await.unwrap();
    to_all(&hub, 2).await;
    hub.groups().add(&id(&client), "g").await.unwrap();
    group.send("n", (3,)).await.unwrap();
    hub.groups().remove(&id(&client), "g").await.unwrap();
    group.send("n", (4,)).await.unwrap();
    client.reconnect().await;
    assert_eq!(numbers(&mut client, 3).await, [0, 2, 3]);
    client.no_event().await;
    client.reconnect().await;
    group.send("n", (5,)).await.unwrap();
    client.no_event().await;
}

/// A cursor beyond a join must not reach a client before the join's token: cut in between, the client would come back
/// with neither.
#[tokio::test]
async fn a_cursor_beyond_a_join_never_comes_before_the_token() {
    for round in 0..30 {
        let (server, hub, _) = tcp(same).await;
        let mut client = server.client(HUB).await;
        let call = client.send("conformance", "joinAndSend", json!(["g", 5]));
        call.await;
        for expected in 0..5 {
            while client.socket.events.is_empty() {
                client.socket.frame().await;
            }
            let event = client.event().await;
            assert_eq!(event, json!(["groupMessage", "g", expected]));
            assert!(
                client.socket.groups.is_some(),
                "round {round}: an event of the group, and no token yet"
            );
        }
        // And as often as not the whole thing while the client is away.
        client.cut();
        to_all(&hub, 1).await;
        hub.groups().add(&id(&client), "h").await.unwrap();
        to_all(&hub, 2).await;
        let known = client.socket.groups.clone();
        client.reconnect().await;
        assert_eq!(numbers(&mut client, 1).await, [1]);
        assert_eq!(numbers(&mut client, 1).await, [2]);
        assert_ne!(client.socket.groups, known, "round {round}");
    }
}

#[tokio::test]
async fn a_join_before_the_init_frame_is_told_too() {
    // Before protocol 1.4 `on_connected` runs ahead of the init frame.
    let (builder, _) = builder();
    let server = Server::tcp(builder).await;
    let mut client = server.negotiated(&["groupJoiningHub"], None).await;
    client.socket = client
        .open("/connect", &[("clientProtocol", "1.3")])
        .await
        .unwrap();
    assert_eq!(client.event().await, json!(["ping"]));
    let fence = client.call("groupJoiningHub", "pingGroup", json!([])).await;
    assert_eq!(fence["I"], "0");
    assert_eq!(client.event().await, json!(["ping"]));
    assert!(client.socket.groups.is_some());
}

struct World {
    hub: HubHandle,
    clients: Vec<ConnectionId>,
}

impl World {
    /// Sends and regroups at random, one thing after the other; gives what each client has to get.
    async fn run(self, mut dice: Dice, steps: i64) -> Vec<Vec<i64>> {
        const GROUPS: [&str; 3] = ["a", "b", "c"];
        let mut expected = vec![Vec::new(); self.clients.len()];
        let mut members = vec![[false; 3]; self.clients.len()];
        let count = self.clients.len() as u64;
        for n in 0..steps {
            let who = usize::try_from(dice.roll(count)).unwrap();
            let group = usize::try_from(dice.roll(3)).unwrap();
            let clients = self.hub.clients();
            let gets: Box<dyn Fn(usize) -> bool + Send> = match dice.roll(10) {
                0 => {
                    let groups = self.hub.groups();
                    groups.add(&self.clients[who], GROUPS[group]).await.unwrap();
                    members[who][group] = true;
                    continue;
                }
                1 => {
                    let groups = self.hub.groups();
                    groups
                        .remove(&self.clients[who], GROUPS[group])
                        .await
                        .unwrap();
                    members[who][group] = false;
                    continue;
                }
                2 | 3 => {
                    clients.all().send("n", (n,)).await.unwrap();
                    Box::new(|_| true)
                }
                4 => {
                    let to = clients.all_except([&self.clients[who]]);
                    to.send("n", (n,)).await.unwrap();
                    Box::new(move |client| client != who)
                }
                5 => {
                    let to = clients.client(&self.clients[who]);
                    to.send("n", (n,)).await.unwrap();
                    Box::new(move |client| client == who)
                }
                6 => {
                    let user = if who == 0 { "ann" } else { "bob" };
                    clients.user(user).send("n", (n,)).await.unwrap();
                    Box::new(move |client| (client == 0) == (who == 0))
                }
                _ => {
                    let to = clients.group(GROUPS[group]);
                    to.send("n", (n,)).await.unwrap();
                    let members = members.clone();
                    Box::new(move |client| members[client][group])
                }
            };
            for (client, list) in expected.iter_mut().enumerate() {
                list.extend(gets(client).then_some(n));
            }
            if dice.roll(4) == 0 {
                tokio::task::yield_now().await;
            }
        }
        self.hub.clients().all().send("end", ()).await.unwrap();
        expected
    }
}

/// Reads frame by frame until the event `end`, cuts the socket at random frames and comes back with what was seen last,
/// or, now and then, with what was seen some frames ago.
async fn wander(client: &mut Client<'_>, mut dice: Dice) -> (Vec<i64>, u32) {
    let mut seen: Vec<i64> = Vec::new();
    let mut cuts = 0;
    // Where a client that forgets its last frames would stand: cursor, token, and how much it had seen by then.
    let mut old = (
        client.socket.cursor.clone(),
        client.socket.groups.clone(),
        0,
    );
    loop {
        match dice.roll(12) {
            0 => {
                cuts += 1;
                client.cut();
                if dice.roll(2) == 0 {
                    tokio::time::sleep(Duration::from_millis(dice.roll(4))).await;
                }
                if dice.roll(3) == 0 {
                    let (cursor, groups, count) = old.clone();
                    seen.truncate(count);
                    client.reconnect_from(cursor, groups).await;
                } else {
                    client.reconnect().await;
                }
            }
            1 => {
                old = (
                    client.socket.cursor.clone(),
                    client.socket.groups.clone(),
                    seen.len(),
                );
            }
            _ => {}
        }
        client.socket.frame().await;
        while let Some(event) = client.socket.events.pop_front() {
            if event["M"] == "end" {
                return (seen, cuts);
            }
            seen.push(event["A"][0].as_i64().unwrap());
        }
    }
}

async fn random_cuts(seed: u64, set: impl FnOnce(Builder) -> Builder) -> u32 {
    const CLIENTS: usize = 4;
    let (server, hub, events) = tcp(set).await;
    let mut clients = Vec::new();
    for n in 0..CLIENTS {
        let user = if n == 0 { "ann" } else { "bob" };
        clients.push(server.client_as(HUB, Some(user)).await);
    }
    let world = World {
        hub,
        clients: clients.iter().map(id).collect(),
    };
    let mut dice = Dice::new(seed);
    let world_dice = Dice::new(dice.roll(u64::MAX));
    let running = tokio::spawn(world.run(world_dice, 300));
    let wandering = clients
        .iter_mut()
        .map(|client| wander(client, Dice::new(dice.roll(u64::MAX))));
    let seen = within(futures_util::future::join_all(wandering)).await;
    let expected = running.await.unwrap();
    let mut cuts = 0;
    for (n, ((seen, cut), expected)) in seen.iter().zip(&expected).enumerate() {
        assert_eq!(seen, expected, "seed {seed}, client {n}");
        cuts += cut;
    }
    for client in &clients {
        let told = events.of(&client.id);
        assert!(
            told.iter().all(|e| e == "connected" || e == "reconnected"),
            "seed {seed}: {told:?}"
        );
    }
    cuts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn item_36_cuts_at_random_points_lose_nothing_repeat_nothing_and_keep_the_order() {
    let mut cuts = 0;
    for seed in 0..25 {
        cuts += random_cuts(seed, same).await;
    }
    assert!(cuts > 100, "only {cuts} cuts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn item_36_cuts_at_random_points_with_a_tiny_outbox() {
    for seed in 100..125 {
        random_cuts(seed, |builder| builder.outbox(4, 512)).await;
    }
}
