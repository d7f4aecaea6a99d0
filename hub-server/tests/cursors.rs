//! Cursors and what is kept for those who come back (`classic-signalr.md` 5.3, 5.4, checklist "Cursors and buffering";
//! `design.md` 3). Where the original loses messages in silence and this server does not, the test says so.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::collections::HashMap;
use std::time::Duration;

use common::hubs::{Events, builder};
use common::{Client, Server, until, within};
use hub_server::{Builder, ConnectionId, HubHandle};
use serde_json::{Value, json};

const HUB: &[&str] = &["conformance"];
const MIB: usize = 1 << 20;

/// A server with a way to send from outside, so that nothing depends on a caller's own connection.
async fn tcp(set: impl FnOnce(Builder) -> Builder) -> (Server, HubHandle, Events) {
    let (builder, events) = builder();
    let server = set(builder).build().unwrap();
    let hub = server.handle("conformance").unwrap();
    (Server::tcp_of(server).await, hub, events)
}

fn memory(set: impl FnOnce(Builder) -> Builder) -> (Server, HubHandle, Events) {
    let (builder, events) = builder();
    let server = set(builder).build().unwrap();
    let hub = server.handle("conformance").unwrap();
    (Server::memory_of(server), hub, events)
}

fn same(builder: Builder) -> Builder {
    builder
}

async fn to_all(hub: &HubHandle, n: i64) {
    hub.clients().all().send("n", (n,)).await.unwrap();
}

fn id(client: &Client<'_>) -> ConnectionId {
    client.id.as_str().into()
}

/// The numbers of the next events `["n", number]`.
async fn numbers(client: &mut Client<'_>, count: usize) -> Vec<i64> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let event = client.event().await;
        assert_eq!(event[0], "n", "{event}");
        numbers.push(event[1].as_i64().unwrap());
    }
    numbers
}

/// A small generator of random numbers: the same for the same seed.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

#[tokio::test]
async fn item_36_a_reconnect_replays_exactly_what_was_missed_in_the_order_of_all_topics_together() {
    let (server, hub, events) = tcp(same).await;
    let mut ann = server.client_as(HUB, Some("ann")).await;
    let mut bob = server.client(HUB).await;
    ann.result("conformance", "join", json!(["g"])).await;
    let mut dice = Dice::new(36);
    let mut send = async |numbers: std::ops::Range<i64>| {
        let mut for_ann = Vec::new();
        for n in numbers {
            let clients = hub.clients();
            let (to, gets) = match dice.roll(7) {
                0 => (clients.all(), true),
                1 => (clients.group("g"), true),
                2 => (clients.user("ann"), true),
                3 => (clients.client(ann.id.as_str()), true),
                4 => (clients.group("other"), false),
                5 => (clients.user("bob"), false),
                _ => (clients.all_except([ann.id.as_str()]), false),
            };
            to.send("n", (n,)).await.unwrap();
            for_ann.extend(gets.then_some(n));
        }
        for_ann
    };
    let seen = send(0..40).await;
    let missed = send(40..140).await;
    let live_range = 140..180;
    // What was sent while the socket was there counts as seen; the rest was missed.
    assert_eq!(numbers(&mut ann, seen.len()).await, seen);
    ann.cut();
    ann.reconnect().await;
    assert_eq!(numbers(&mut ann, missed.len()).await, missed);
    ann.no_event().await;
    let mut send_later = Vec::new();
    for n in live_range {
        hub.clients().group("g").send("n", (n,)).await.unwrap();
        send_later.push(n);
    }
    assert_eq!(numbers(&mut ann, send_later.len()).await, send_later);
    ann.no_event().await;
    events
        .become_for(&ann.id, &["connected", "reconnected"])
        .await;
    assert_eq!(events.of(&bob.id), ["connected"]);
    bob.result("conformance", "nothing", json!([])).await;
}

#[tokio::test]
async fn item_36_the_same_old_cursor_gives_the_same_messages_again() {
    let (server, hub, _) = tcp(same).await;
    let mut client = server.client(HUB).await;
    to_all(&hub, 0).await;
    assert_eq!(numbers(&mut client, 1).await, [0]);
    let old = client.socket.cursor.clone();
    for n in 1..30 {
        to_all(&hub, n).await;
    }
    for _ in 0..3 {
        client.cut();
        client.reconnect_from(old.clone(), None).await;
        assert_eq!(numbers(&mut client, 29).await, (1..30).collect::<Vec<_>>());
        client.no_event().await;
    }
}

#[tokio::test]
async fn item_37_a_cursor_of_another_process_starts_at_the_end_and_the_hub_is_told() {
    let (first, hub, _) = tcp(|builder| builder.key([7; 32])).await;
    let mut client = first.client(HUB).await;
    to_all(&hub, 1).await;
    assert_eq!(numbers(&mut client, 1).await, [1]);
    let cursor = client.socket.cursor.clone();
    let (second, hub, events) = tcp(|builder| builder.key([7; 32])).await;
    to_all(&hub, 2).await;
    let mut there = client.moved(&second);
    there.reconnect_from(cursor, None).await;
    events.become_for(&there.id, &["reconnected:epoch"]).await;
    to_all(&hub, 3).await;
    assert_eq!(numbers(&mut there, 1).await, [3]);
    there.no_event().await;
    // Other texts that are no cursors of this process are the same to it.
    for foreign in ["s-0,2F", "d-1-FF", "nonsense"] {
        there.cut();
        there.reconnect_from(Some(foreign.into()), None).await;
        to_all(&hub, 4).await;
        assert_eq!(numbers(&mut there, 1).await, [4]);
        there.no_event().await;
    }
    // An empty one is no cursor at all: nothing was missed.
    there.cut();
    there.reconnect_from(Some(String::new()), None).await;
    there.no_event().await;
    until(|| async { (events.of(&there.id).len() == 5).then_some(()) }).await;
    assert_eq!(
        events.of(&there.id)[1..],
        [
            "reconnected:epoch",
            "reconnected:epoch",
            "reconnected:epoch",
            "reconnected"
        ]
    );
}

#[tokio::test]
async fn item_38_a_malformed_cursor_is_accepted_as_a_socket_and_closed() {
    let (server, hub, events) = tcp(same).await;
    let mut client = server.client(HUB).await;
    let cursor = client.socket.cursor.clone().unwrap();
    let (prefix, _) = cursor.rsplit_once('-').unwrap();
    for malformed in ["-", "-x", "-1-1", "-1 2", "-10000000000000000", "-1|B,0"] {
        let message_id = format!("{prefix}{malformed}");
        for verb in ["/reconnect", "/connect"] {
            let mut socket = client
                .open(verb, &[("messageId", &message_id)])
                .await
                .unwrap();
            assert_eq!(socket.end().await, Some(1000), "{message_id}");
        }
    }
    // The connection itself took no notice.
    assert_eq!(events.of(&client.id), ["connected"]);
    to_all(&hub, 1).await;
    assert_eq!(numbers(&mut client, 1).await, [1]);
}

#[tokio::test]
async fn item_39_more_than_is_kept_was_missed_and_the_hub_is_told() {
    let (server, hub, events) = tcp(|builder| builder.retain(100, MIB)).await;
    let mut client = server.client(HUB).await;
    client.cut();
    for n in 0..150 {
        to_all(&hub, n).await;
    }
    client.reconnect().await;
    assert_eq!(
        numbers(&mut client, 100).await,
        (50..150).collect::<Vec<_>>()
    );
    client.no_event().await;
    // The original tells nobody.
    events
        .become_for(&client.id, &["connected", "reconnected:trimmed"])
        .await;
}

#[tokio::test]
async fn item_39_nothing_is_said_of_a_gap_where_there_is_none() {
    let (server, hub, events) = tcp(|builder| builder.retain(100, MIB)).await;
    let mut client = server.client(HUB).await;
    for n in 0..150 {
        to_all(&hub, n).await;
    }
    assert_eq!(numbers(&mut client, 150).await.len(), 150);
    client.cut();
    for n in 0..100 {
        to_all(&hub, n).await;
    }
    client.reconnect().await;
    assert_eq!(
        numbers(&mut client, 100).await,
        (0..100).collect::<Vec<_>>()
    );
    events
        .become_for(&client.id, &["connected", "reconnected"])
        .await;
}

#[tokio::test(start_paused = true)]
async fn item_40_what_a_connection_is_excepted_from_moves_its_cursor_and_never_comes() {
    let (server, hub, _) = memory(same);
    let mut client = server.client(HUB).await;
    let before = client.socket.cursor.clone();
    let others = hub.clients().all_except([client.id.as_str()]);
    others.send("n", (1,)).await.unwrap();
    // It is told with the next keep-alive: a frame for each would be a frame for nothing.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let frame = client.socket.frame().await;
    assert_eq!(frame["M"], json!([]));
    assert_ne!(client.socket.cursor, before);
    let after = client.socket.cursor.clone();
    others.send("n", (2,)).await.unwrap();
    to_all(&hub, 3).await;
    for cursor in [before, after] {
        client.cut();
        client.reconnect_from(cursor, None).await;
        assert_eq!(numbers(&mut client, 1).await, [3]);
        client.no_event().await;
    }
}

#[tokio::test]
async fn item_41_a_cursor_is_never_empty_and_survives_any_spelling_of_a_url() {
    let (server, hub, _) = tcp(same).await;
    let mut client = server.client(HUB).await;
    client.send("conformance", "join", json!(["g"])).await;
    client.send("conformance", "progress", json!([2])).await;
    to_all(&hub, 0).await;
    let mut events = 0;
    while events < 3 {
        let frame = client.socket.frame().await;
        if frame.get("I").is_some() {
            continue;
        }
        let cursor = frame["C"].as_str().unwrap();
        assert!(
            !cursor.is_empty()
                && cursor
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-'),
            "{cursor}"
        );
        events += frame["M"].as_array().unwrap().len();
    }
    client.socket.events.clear();
    let cursor = client.socket.cursor.clone().unwrap();
    to_all(&hub, 1).await;
    let all_escaped: String = cursor.bytes().map(|b| format!("%{b:02X}")).collect();
    for spelling in [cursor.clone(), cursor.to_lowercase(), all_escaped] {
        let target = format!(
            "{}&messageId={spelling}",
            server.target("/reconnect", &client.query(&[]))
        );
        let mut socket = server.upgrade(&target, &[]).await.unwrap();
        assert_eq!(socket.event().await, json!(["n", 1]), "{spelling}");
    }
}

#[tokio::test(start_paused = true)]
async fn item_42_topics_outlive_their_last_listener_and_are_reclaimed_later() {
    let (server, hub, events) = memory(same);
    let mut client = server.client_as(HUB, Some("ann")).await;
    client.result("conformance", "join", json!(["g"])).await;
    client.no_event().await;
    client.cut();
    // 30 s and 5 s of grace, and a beat or two.
    tokio::time::sleep(Duration::from_secs(41)).await;
    assert_eq!(events.of(&client.id), ["connected", "disconnected:false"]);
    tokio::time::sleep(Duration::from_secs(92)).await;
    let everybody = [
        hub.clients().all(),
        hub.clients().group("g"),
        hub.clients().user("ann"),
        hub.clients().client(client.id.as_str()),
    ];
    for (n, to) in everybody.iter().enumerate() {
        to.send("n", (n,)).await.unwrap();
    }
    client.reconnect().await;
    assert_eq!(numbers(&mut client, 4).await, [0, 1, 2, 3]);
    client.no_event().await;
    client.cut();
    tokio::time::sleep(Duration::from_secs(160)).await;
    // Somebody comes, and what is idle for too long goes.
    let other = server.client(&["demo"]).await;
    for (n, to) in everybody.iter().enumerate() {
        to.send("n", (n,)).await.unwrap();
    }
    client.reconnect().await;
    client.no_event().await;
    // The original says nothing.
    until(|| async { (events.of(&client.id).len() == 5).then_some(()) }).await;
    assert_eq!(
        events.of(&client.id)[2..],
        ["reconnected", "disconnected:false", "reconnected:expired"]
    );
    drop(other);
}

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

const FILLER: usize = 200;

async fn fill(hub: &HubHandle, numbers: std::ops::Range<i64>) {
    let filler = "x".repeat(FILLER);
    for n in numbers {
        hub.clients().all().send("n", (n, &filler)).await.unwrap();
    }
}

#[tokio::test]
async fn a_slow_reader_catches_up_from_the_log_while_messages_keep_coming() {
    let (server, hub, events) = memory(|b| b.outbox(8, 4096).retain(100_000, 256 * MIB));
    let mut client = server.client(HUB).await;
    // Far more than pipe and outbox hold together.
    fill(&hub, 0..2_000).await;
    let going = tokio::spawn(async move {
        for chunk in 0..100 {
            fill(&hub, 2_000 + chunk * 20..2_020 + chunk * 20).await;
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(
        numbers(&mut client, 4_000).await,
        (0..4_000).collect::<Vec<_>>()
    );
    going.await.unwrap();
    client.no_event().await;
    assert_eq!(
        events.of(&client.id),
        ["connected"],
        "on one and the same socket"
    );
}

#[tokio::test]
async fn a_slow_reader_catches_up_when_no_more_messages_come() {
    // Without keep-alive nothing but the socket itself can wake the connection.
    let (server, hub, _) = memory(|b| {
        b.outbox(8, 4096)
            .retain(100_000, 256 * MIB)
            .keep_alive(None)
    });
    let mut client = server.client(HUB).await;
    fill(&hub, 0..2_000).await;
    assert_eq!(
        numbers(&mut client, 2_000).await,
        (0..2_000).collect::<Vec<_>>()
    );
}

/// Reads to the end of the socket: the numbers and the close code.
async fn to_the_end(client: &mut Client<'_>) -> (Vec<i64>, Option<u16>) {
    let code = client.socket.end().await;
    let events = std::mem::take(&mut client.socket.events);
    (
        events
            .iter()
            .map(|event| event["A"][0].as_i64().unwrap())
            .collect(),
        code,
    )
}

#[tokio::test]
async fn a_slow_reader_whose_gap_is_gone_is_closed_and_told_when_it_is_back() {
    let (server, hub, events) = memory(|b| b.outbox(8, 4096).retain(50, MIB));
    let mut client = server.client(HUB).await;
    fill(&hub, 0..2_000).await;
    let (seen, code) = to_the_end(&mut client).await;
    assert_eq!(code, Some(1000));
    let last = i64::try_from(seen.len()).unwrap();
    assert_eq!(
        seen,
        (0..last).collect::<Vec<_>>(),
        "no hole before the end"
    );
    assert!(last < 1_900);
    client.reconnect().await;
    assert_eq!(
        numbers(&mut client, 50).await,
        (1_950..2_000).collect::<Vec<_>>()
    );
    events
        .become_for(&client.id, &["connected", "reconnected:trimmed"])
        .await;
}

#[tokio::test]
async fn a_gap_that_opens_while_a_client_catches_up_is_told_too() {
    let (server, hub, events) = memory(|b| b.outbox(8, 4096).retain(1_000, 64 * MIB));
    let mut client = server.client(HUB).await;
    client.cut();
    fill(&hub, 0..900).await;
    // Nothing is lost so far. It comes back, does not read, and the log goes on.
    client.reconnect().await;
    events
        .become_for(&client.id, &["connected", "reconnected"])
        .await;
    fill(&hub, 900..3_000).await;
    let (seen, code) = to_the_end(&mut client).await;
    let last = i64::try_from(seen.len()).unwrap();
    assert_eq!(
        seen,
        (0..last).collect::<Vec<_>>(),
        "no hole before the end"
    );
    assert_eq!(code, Some(1000));
    client.reconnect().await;
    assert_eq!(
        numbers(&mut client, 1_000).await,
        (2_000..3_000).collect::<Vec<_>>()
    );
    let told = ["connected", "reconnected", "reconnected:trimmed"];
    events.become_for(&client.id, &told).await;
}

#[tokio::test]
async fn a_gap_in_a_group_that_was_joined_meanwhile_is_told_and_the_membership_kept() {
    let (server, hub, events) = tcp(|builder| builder.retain(50, MIB)).await;
    let mut client = server.client(HUB).await;
    client.cut();
    hub.groups().add(&id(&client), "g").await.unwrap();
    for n in 0..120 {
        hub.clients().group("g").send("n", (n,)).await.unwrap();
    }
    client.reconnect().await;
    // The gap lies in a topic that the client did not know of: it is sent away once more, with the new token.
    let (seen, code) = to_the_end(&mut client).await;
    assert_eq!((seen, code), (vec![], Some(1000)));
    assert!(client.socket.groups.is_some());
    client.reconnect().await;
    assert_eq!(
        numbers(&mut client, 50).await,
        (70..120).collect::<Vec<_>>()
    );
    let told = ["connected", "reconnected", "reconnected:trimmed"];
    events.become_for(&client.id, &told).await;
}

/// Reads frames until `calls` answers are there; an answer before its own events fails.
async fn answers_come_last(client: &mut Client<'_>, calls: usize, each: usize) {
    let mut events: HashMap<String, usize> = HashMap::new();
    let mut answered = 0;
    while answered < calls {
        let frame = client.socket.frame().await;
        for event in std::mem::take(&mut client.socket.events) {
            if event["M"] == "spread" {
                let tag = event["A"][0].as_str().unwrap();
                let count = events.entry(tag.to_owned()).or_default();
                assert_eq!(event["A"][1], *count, "{tag}");
                *count += 1;
            }
        }
        if let Some(tag) = frame["R"].as_str() {
            assert_eq!(events.get(tag), Some(&each), "the result of {tag} overtook");
            answered += 1;
        }
    }
}

async fn spread(client: &mut Client<'_>, calls: usize, each: usize) {
    for call in 0..calls {
        let args = json!([format!("call {call}"), each]);
        client.send("conformance", "spread", args).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_result_never_overtakes_the_events_that_its_method_sent_before_it() {
    let (server, _, _) = tcp(same).await;
    let mut client = server.client(HUB).await;
    for _ in 0..5 {
        spread(&mut client, 100, 10).await;
        answers_come_last(&mut client, 100, 10).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_result_does_not_overtake_its_events_when_the_reader_is_slow() {
    let (server, hub, _) = memory(|b| b.outbox(8, 4096).retain(100_000, 256 * MIB));
    let mut client = server.client(HUB).await;
    for _ in 0..3 {
        spread(&mut client, 100, 10).await;
        fill(&hub, 0..2_000).await;
        answers_come_last(&mut client, 100, 10).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_result_does_not_overtake_its_events_when_the_client_has_just_come_back() {
    let (server, hub, _) = memory(|b| b.outbox(8, 4096).retain(100_000, 256 * MIB));
    let mut client = server.client(HUB).await;
    for _ in 0..5 {
        client.cut();
        fill(&hub, 0..1_000).await;
        client.reconnect().await;
        spread(&mut client, 20, 10).await;
        // Its calls run while it reads nothing.
        hub.clients().all().send("n", (0,)).await.unwrap();
        answers_come_last(&mut client, 20, 10).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_result_does_not_overtake_what_was_sent_to_a_group_just_joined() {
    let (server, _, _) = tcp(same).await;
    let mut client = server.client(HUB).await;
    for round in 0..50 {
        let group = format!("g{round}");
        let call = client.send("conformance", "joinAndSend", json!([group, 3]));
        let call = call.await;
        let mut seen = 0;
        loop {
            let frame: Value = client.socket.frame().await;
            seen += std::mem::take(&mut client.socket.events).len();
            if frame["I"] == *call {
                assert_eq!(seen, 3, "round {round}");
                break;
            }
        }
    }
}
