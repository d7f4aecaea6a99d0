//! Presence over real sockets: a list, and what changes after it (`delivery.md` d).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::over::Over;
use common::presence::{Bare, Chat, Hears, Watcher, bare, builder, start};
use common::receive::POLL;
use common::{Server, until};
use hub_server::{BuildError, DeliveryError, HubServer, PresenceOptions, PresencePage};
use serde_json::json;

fn delayed(ms: u64) -> PresenceOptions {
    PresenceOptions::default().leave_delay(Duration::from_millis(ms))
}

async fn polling<'s>(server: &'s Server, user: &str) -> Over<'s> {
    server.over_as(POLL, &["chat"], Some(user)).await
}

#[tokio::test]
async fn a_list_and_then_each_change_in_order_on_every_wire() {
    let (server, _) = start(PresenceOptions::default()).await;
    let mut ann = Watcher::of(bare(&server, "ann").await, None).await;
    let a = ann.client.id.clone();
    assert_eq!(ann.members(), [a.clone()].into());
    let poll = polling(&server, "bob").await;
    let b = poll.id.clone();
    let mut bob = Watcher::of(poll, None).await;
    assert_eq!(bob.members(), [a.clone(), b.clone()].into());
    let member = &bob.view.members()[&a.as_str().into()];
    assert_eq!(member.user.as_ref().unwrap(), "ann");
    assert!(member.since > 1_600_000_000_000 && member.info.is_none());
    let carl = bare(&server, "carl").await;
    for (id, name) in [(&a, "a"), (&b, "b"), (&carl.id, "c")] {
        ann.name(id, name);
        bob.name(id, name);
    }
    ann.hears(&["+b ++bob", "+c ++carl"]).await;
    bob.hears(&["+c ++carl"]).await;
    bob.client.ask("mood", json!([{"busy": true}])).await;
    for told in [ann.heard().await, bob.heard().await] {
        assert_eq!(told, ["~b"]);
    }
    let info = |watcher: &hub_server::PresenceView| {
        let bob = &watcher.members()[&b.as_str().into()];
        String::from_utf8(bob.info.as_ref().unwrap().as_bytes().to_vec()).unwrap()
    };
    assert_eq!(info(&ann.view), r#"{"busy":true}"#);
    assert_eq!(info(&bob.view), r#"{"busy":true}"#);
    carl.socket.close().await;
    ann.hears(&["-c --carl"]).await;
    bob.hears(&["-c --carl"]).await;
    bob.client.abort().await;
    ann.hears(&["-b --bob"]).await;
    let diff = ann.last.as_ref().unwrap();
    assert_eq!((diff.clients, diff.users), (1, 1));
    assert_eq!(ann.members(), [a].into());
    assert_eq!(
        ann.client.ask("stats", json!([])).await,
        json!({"clients": 1, "users": 1})
    );
    ann.client.ask("unwatch", json!([])).await;
    ann.client.ask("mood", json!([1])).await;
    assert!(ann.client.socket.events.is_empty());
}

#[tokio::test]
async fn users_come_first_and_go_last_with_their_connections() {
    let (server, _) = start(PresenceOptions::default()).await;
    let mut watcher = Watcher::of(bare(&server, "").await, None).await;
    let first = bare(&server, "ann").await;
    let second = bare(&server, "ann").await;
    let nobody = bare(&server, "").await;
    for (client, name) in [(&first, "1"), (&second, "2"), (&nobody, "n")] {
        watcher.name(&client.id, name);
    }
    watcher.hears(&["+1 ++ann", "+2", "+n"]).await;
    assert_eq!(watcher.last.as_ref().unwrap().users, 1);
    drop(first);
    watcher.hears(&["-1"]).await;
    drop(second);
    watcher.hears(&["-2 --ann"]).await;
    drop(nobody);
    watcher.hears(&["-n"]).await;
}

#[tokio::test]
async fn who_loses_a_link_and_is_back_has_neither_left_nor_come() {
    let (server, _) = start(PresenceOptions::default()).await;
    let client = bare(&server, "ann").await;
    let own = client.id.clone();
    let mut ann = Watcher::of(client, None).await;
    ann.name(&own, "a");
    let mut bob = server.client_as(&["chat"], Some("bob")).await;
    let carl = polling(&server, "carl").await;
    let (b, c) = (bob.id.clone(), carl.id.clone());
    ann.name(&b, "b");
    ann.name(&c, "c");
    ann.hears(&["+b ++bob", "+c ++carl"]).await;
    for round in 0..3 {
        bob.cut();
        bob.reconnect().await;
        // A poll that is dropped, and the next one.
        drop(carl.come("/poll").await);
        drop(carl.come("/reconnect").await);
        ann.hears_nothing("a", round).await;
    }
    // One who watches, and is away while something happens, is told of it.
    let mut bob = Watcher::of(bob, None).await;
    bob.name(&own, "a");
    bob.name(&c, "c");
    bob.client.cut();
    ann.client.ask("mood", json!(["alone"])).await;
    carl.abort().await;
    ann.name(&c, "c");
    ann.hears(&["~a", "-c --carl"]).await;
    bob.client.reconnect().await;
    bob.hears(&["~a", "-c --carl"]).await;
    assert_eq!(bob.members(), [own, b].into());
}

#[tokio::test]
async fn who_is_back_with_an_older_token_has_not_left_its_group() {
    let (server, hub) = start(PresenceOptions::default()).await;
    let client = bare(&server, "ann").await;
    let own = client.id.clone();
    let mut ann = Watcher::of(client, Some("room")).await;
    ann.name(&own, "a");
    let mut bob = server.client_as(&["chat"], Some("bob")).await;
    ann.name(&bob.id, "b");
    bob.result("chat", "mood", json!([0])).await;
    let before = bob.socket.cursor.clone();
    hub.groups()
        .add(&bob.id.as_str().into(), "room")
        .await
        .unwrap();
    ann.hears(&["+b ++bob"]).await;
    // Its link broke before the token with the group came.
    bob.reconnect_from(before, None).await;
    bob.result("chat", "id", json!([])).await;
    ann.client.ask("join", json!(["room"])).await;
    ann.hears(&["+a ++ann"]).await;
    assert_eq!(hub.presence().group("room").stats().unwrap().clients, 2);
}

#[tokio::test]
async fn who_has_ended_leaves_after_the_delay() {
    let delay = Duration::from_millis(400);
    let (server, hub) = start(delayed(400)).await;
    let mut ann = Watcher::of(bare(&server, "ann").await, None).await;
    let bob = server.client_as(&["chat"], Some("bob")).await;
    ann.name(&bob.id, "b");
    ann.hears(&["+b ++bob"]).await;
    let ended = Instant::now();
    bob.abort().await;
    ann.hears(&["-b --bob"]).await;
    assert!(ended.elapsed() >= delay, "{:?}", ended.elapsed());
    assert_eq!(hub.presence().stats().unwrap().clients, 1);
}

#[tokio::test]
async fn a_client_that_is_known_again_has_not_left() {
    const ID: &str = "00000000-0000-0000-0000-00000000000b";
    let (server, _) = start(delayed(20_000)).await;
    let mut ann = Watcher::of(bare(&server, "ann").await, None).await;
    let mut before = None;
    for round in 0..3 {
        let mut bob = server.negotiated(&["chat"], Some("bob")).await;
        bob.more = vec![("persistentId".into(), ID.into())];
        bob.socket = bob.open("/connect", &[]).await.unwrap();
        bob.socket.frame().await;
        assert_eq!(bob.get("/start").await.status, 200);
        let name = format!("b{round}");
        ann.name(&bob.id, &name);
        match before.replace(name.clone()) {
            None => ann.hears(&["+b0 ++bob"]).await,
            Some(older) => ann.hears(&[&format!("{name}<{older}")]).await,
        }
        // Once it said goodbye, once it is there still.
        if round == 0 {
            bob.result("chat", "mood", json!(["here"])).await;
            ann.hears(&["~b0"]).await;
            bob.abort().await;
        }
    }
    assert_eq!(ann.members().len(), 2);
    let member = ann.view.members().values().find(|it| it.info.is_some());
    assert_eq!(member.unwrap().user.as_ref().unwrap(), "bob");
}

#[tokio::test]
async fn groups_have_members_of_their_own() {
    let (server, hub) = start(PresenceOptions::default()).await;
    let mut ann = Watcher::of(bare(&server, "ann").await, Some("room")).await;
    assert!(ann.members().is_empty());
    let mut bob = bare(&server, "bob").await;
    let mut carl = polling(&server, "carl").await;
    ann.name(&bob.id, "b");
    ann.name(&carl.id, "c");
    bob.ask("join", json!(["room"])).await;
    ann.hears(&["+b ++bob"]).await;
    assert_eq!(ann.last.as_ref().unwrap().group.as_ref().unwrap(), "room");
    let c = carl.id.as_str().into();
    let groups = hub.groups();
    let (added, _) = tokio::join!(groups.add(&c, "room"), carl.poll());
    added.unwrap();
    ann.hears(&["+c ++carl"]).await;
    bob.ask("mood", json!(["in"])).await;
    ann.hears(&["~b"]).await;
    // Twice is once; another group is another matter.
    bob.ask("join", json!(["room"])).await;
    bob.ask("join", json!(["other"])).await;
    bob.ask("leave", json!(["room"])).await;
    ann.hears(&["-b --bob"]).await;
    let (removed, _) = tokio::join!(groups.remove(&c, "room"), carl.poll());
    removed.unwrap();
    // As a client does, at once.
    let _next = carl.come("/poll").await;
    ann.hears(&["-c --carl"]).await;
    let other = hub.presence().group("other").list().unwrap();
    assert_eq!(other.members.len(), 1);
    let session = hub.sessions().get(&ann.client.id.as_str().into()).unwrap();
    assert!(session.groups().is_empty(), "who watches is no member");
    drop(bob);
    let gone = || async {
        let stats = hub.presence().group("other").stats().unwrap();
        (stats.clients == 0).then_some(())
    };
    until(gone).await;
}

#[tokio::test]
async fn in_a_crowd_counts_are_told_and_once_a_second() {
    let (server, hub) = start(PresenceOptions::default().max_told(3)).await;
    let mut ann = Watcher::of(bare(&server, "ann").await, None).await;
    let mut others = Vec::new();
    for _ in 0..2 {
        others.push(bare(&server, "bob").await);
        assert_eq!(ann.heard().await.len(), 1);
    }
    let (begun, mut told) = (Instant::now(), 0);
    for _ in 0..20 {
        others.push(bare(&server, "bob").await);
    }
    while ann.last.as_ref().unwrap().clients < 23 {
        assert!(ann.heard().await.is_empty());
        assert_eq!(ann.last.as_ref().unwrap().changes, None);
        told += 1;
    }
    assert_eq!(ann.view.version(), None);
    others.truncate(1);
    // Until changes are told again, which says that a list is due: not just below the limit.
    loop {
        let event = ann.client.event().await;
        told += 1;
        if event[1].get("changes").is_some() {
            assert_eq!(event[1]["changes"], json!([]));
            assert!(event[1]["clients"].as_u64().unwrap() <= 3, "{event}");
            break;
        }
    }
    assert!(begun.elapsed() >= Duration::from_secs(told - 1), "{told}");
    let all_left = || async { (hub.presence().stats().unwrap().clients == 2).then_some(()) };
    until(all_left).await;
    let list = hub.presence().list().unwrap();
    ann.view = hub_server::PresenceView::new(list);
    let late = bare(&server, "bob").await;
    while !ann.members().contains(&late.id) {
        ann.heard().await;
    }
    assert_eq!(ann.members().len(), 3);
}

#[tokio::test]
async fn infos_and_lists_have_limits() {
    let (server, hub) = start(PresenceOptions::default().page(2)).await;
    let mut clients: Vec<Bare> = Vec::new();
    for _ in 0..5 {
        clients.push(bare(&server, "").await);
    }
    let mut after = None;
    let mut sizes = Vec::new();
    loop {
        let page = clients[0].ask("list", json!([after])).await;
        let page: PresencePage = serde_json::from_value(page).unwrap();
        sizes.push(page.members.len());
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [2, 2, 1]);
    // With its quotes.
    let fits = "x".repeat(1_022);
    assert_eq!(clients[0].ask("mood", json!([fits])).await, json!(null));
    let refused = clients[0].ask("mood", json!([fits + "x"])).await;
    assert_eq!(refused, "an info has at most 1024 bytes");
    let presence = hub.presence();
    let gone = presence.update(&"nobody".into(), 1).await;
    assert!(matches!(gone, Err(DeliveryError::Gone)), "{gone:?}");
    let unnamed = presence.group("").list();
    assert!(matches!(unnamed, Err(DeliveryError::EmptyName(_))));
    presence
        .update(&clients[1].id.as_str().into(), ("set", "outside"))
        .await
        .unwrap();
    let list = json!(presence.list().unwrap());
    assert_eq!(list["members"][1]["info"], json!(["set", "outside"]));
}

#[test]
fn it_is_off_unless_it_was_asked_for_and_can_be() {
    let server = HubServer::builder().hub(Chat).build().unwrap();
    let off = server.handle("chat").unwrap().presence().list();
    assert!(matches!(off, Err(DeliveryError::NoPresence)), "{off:?}");
    let unknown = builder(PresenceOptions::default()).presence("nosuch", delayed(0));
    let unknown = unknown.build().unwrap_err();
    assert!(matches!(&unknown, BuildError::UnknownHub(name) if name == "nosuch"));
    assert!(builder(delayed(30_000)).build().is_ok());
    let long = builder(delayed(30_001)).build().unwrap_err();
    assert_eq!(
        long.to_string(),
        "the leave delay of presence is at most the disconnect timeout"
    );
}
