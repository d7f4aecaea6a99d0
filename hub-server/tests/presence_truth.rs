//! Whatever clients do, who is told to be there is who is there; and what presence has to do with the rest.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::dice::Dice;
use common::presence::{Bare, Hears, Watcher, bare, builder, start};
use common::receive::POLL;
use common::shared_log::SharedLog;
use common::wires::Servers;
use common::{Client, Server, until};
use hub_server::{
    DeliveryError, Filter, HubHandle, LiveSession, Next, Outgoing, PresenceOptions, Queued,
    async_trait,
};
use serde_json::json;

type Ids = BTreeSet<String>;

fn listed(hub: &HubHandle, group: Option<&str>) -> Ids {
    let presence = match group {
        Some(group) => hub.presence().group(group),
        None => hub.presence(),
    };
    let members = presence.list().unwrap().members;
    members.iter().map(|it| it.conn.to_string()).collect()
}

fn there(hub: &HubHandle, group: Option<&str>) -> Ids {
    let sessions = match group {
        Some(group) => hub.sessions().by_group(&group.into()),
        None => hub.sessions().all(),
    };
    let id = |session: &LiveSession| session.id().to_string();
    sessions.iter().map(id).collect()
}

/// Somebody who comes and goes.
enum Somebody<'s> {
    Bare(Bare),
    Classic(Client<'s>),
}

impl Somebody<'_> {
    async fn ask(&mut self, method: &str, args: serde_json::Value) {
        match self {
            Self::Bare(client) => client.ask(method, args).await,
            Self::Classic(client) => client.ask(method, args).await,
        };
    }
}

#[tokio::test]
async fn after_much_coming_and_going_all_are_listed_and_nobody_else() {
    let (server, hub) = start(PresenceOptions::default()).await;
    let groups = [None, Some("g0"), Some("g1")];
    let mut watchers = Vec::new();
    for group in groups {
        watchers.push(Watcher::of(bare(&server, "w").await, group).await);
    }
    let mut dice = Dice::new(5);
    let mut people: Vec<Somebody<'_>> = Vec::new();
    for step in 1..=400 {
        let at = usize::try_from(dice.roll(people.len().max(1) as u64)).unwrap();
        let group = format!("g{}", dice.roll(2));
        let user = format!("u{}", dice.roll(3));
        match dice.roll(9) {
            0 | 1 if people.len() < 12 => people.push(match dice.roll(2) {
                0 => Somebody::Bare(bare(&server, &user).await),
                _ => Somebody::Classic(server.client_as(&["chat"], Some(&user)).await),
            }),
            _ if people.is_empty() => {}
            2 => match people.swap_remove(at) {
                Somebody::Bare(client) => drop(client),
                Somebody::Classic(client) => client.abort().await,
            },
            3 | 4 => {
                if let Somebody::Classic(client) = &mut people[at] {
                    client.cut();
                    client.reconnect().await;
                }
            }
            5 | 6 => people[at].ask("join", json!([group])).await,
            7 => people[at].ask("leave", json!([group])).await,
            _ => people[at].ask("mood", json!([step])).await,
        }
        if step % 20 == 0 {
            // Sockets that were dropped end in their own time.
            let settled = || async {
                let same = |group: &Option<&str>| listed(&hub, *group) == there(&hub, *group);
                let all = hub.presence().stats().unwrap().clients == people.len() as u64 + 3;
                (groups.iter().all(same) && all).then_some(())
            };
            until(settled).await;
            for (watcher, group) in watchers.iter_mut().zip(groups) {
                let wanted = listed(&hub, group);
                while watcher.view.version() != Some(version(&hub, group)) {
                    watcher.heard().await;
                }
                assert_eq!(watcher.members(), wanted, "{group:?} at {step}");
            }
        }
    }
}

fn version(hub: &HubHandle, group: Option<&str>) -> u64 {
    let of_hub = hub.presence();
    let list = group.map_or_else(|| of_hub.list(), |group| of_hub.group(group).list());
    list.unwrap().version
}

#[tokio::test]
async fn whoever_changes_something_is_told_before_the_answer() {
    let (server, _) = start(PresenceOptions::default()).await;
    let mut ann = Watcher::of(bare(&server, "ann").await, None).await;
    for mood in 0..50 {
        ann.client.ask("mood", json!([mood])).await;
        assert_eq!(ann.client.socket.events.len(), 1);
        assert_eq!(ann.heard().await.len(), 1);
    }
    // What is there already is no change.
    ann.client.ask("mood", json!([49])).await;
    assert!(ann.client.socket.events.is_empty());
}

#[tokio::test]
async fn a_hub_that_is_closed_alone_is_left_at_once() {
    let options = PresenceOptions::default().leave_delay(Duration::from_secs(20));
    let servers = Servers::of(builder(options)).await;
    let mut ann = Watcher::of(bare(&servers.http, "ann").await, None).await;
    let mut wire = servers.client(true, "").await;
    for _ in 0..3 {
        wire.say_to("chat", "1", "").await;
        assert!(wire.hear().await.starts_with("chat|2|"));
        let told = ann.heard().await;
        assert!(told[0].starts_with('+'), "{told:?}");
        wire.say_to("chat", "3", "").await;
        assert!(wire.hear().await.starts_with("chat|3|"));
        let told = ann.heard().await;
        assert!(told[0].starts_with('-'), "{told:?}");
    }
}

/// Lets what is told of presence pass, but for some of it.
#[derive(Clone, Default)]
struct Gate(Arc<AtomicU32>);

#[async_trait]
impl Filter for Gate {
    async fn send(
        &self,
        event: Outgoing,
        next: Next<'_, Outgoing>,
    ) -> Result<Option<Queued>, DeliveryError> {
        if &*event.event.method == "whoIsThere" {
            match self.0.fetch_add(1, Ordering::Relaxed) {
                1 => panic!("a filter may"),
                2 => return Err(DeliveryError::Refused("not this one".into())),
                _ => {}
            }
        }
        next.run(event).await
    }
}

#[tokio::test]
async fn filters_see_what_is_told_and_a_change_that_they_keep_back_is_noticed() {
    let options = PresenceOptions::default().method("whoIsThere");
    let gate = Gate::default();
    let server = builder(options).filter(gate.clone()).build().unwrap();
    let server = Server::tcp_of(server).await;
    let mut ann = bare(&server, "ann").await;
    let list = ann.ask("watch", json!([null])).await;
    let mut view = hub_server::PresenceView::new(serde_json::from_value(list).unwrap());
    for mood in 0..4 {
        ann.ask("mood", json!([mood])).await;
    }
    assert_eq!(gate.0.load(Ordering::Relaxed), 4);
    for in_step in [true, false] {
        let event = ann.event().await;
        assert_eq!(event[0], "whoIsThere");
        let diff = serde_json::from_value(event[1].clone()).unwrap();
        assert_eq!(view.apply(diff), in_step, "{event}");
    }
}

#[tokio::test]
async fn a_server_that_was_restarted_repeats_no_version_of_the_one_before() {
    let before = builder(PresenceOptions::default()).key([7; 32]);
    let (before, after) = (before.build().unwrap(), builder(PresenceOptions::default()));
    let after = after.key([7; 32]).build().unwrap();
    let (old, new) = (
        before.handle("chat").unwrap(),
        after.handle("chat").unwrap(),
    );
    let before = Server::tcp_of(before).await;
    let client = before.client_as(&["chat"], Some("ann")).await;
    let list = old.presence().list().unwrap();
    let after = Server::tcp_of(after).await;
    let mut client = client.moved(&after);
    client.reconnect().await;
    let now = new.presence().list().unwrap();
    assert_eq!(now.members.len(), 1);
    assert_eq!(now.members[0].conn, list.members[0].conn);
    assert_ne!(now.members[0].node, list.members[0].node);
    assert!(
        now.version.abs_diff(list.version) > 1_000,
        "by chance, once in 2^37"
    );
    assert!(now.version < 1 << 49);
}

#[tokio::test]
async fn polls_that_come_and_go_are_one_client() {
    let (server, hub) = start(PresenceOptions::default()).await;
    let own = bare(&server, "ann").await;
    let id = own.id.clone();
    let mut ann = Watcher::of(own, None).await;
    let mut bob = server.over_as(POLL, &["chat"], Some("bob")).await;
    ann.name(&id, "a");
    ann.name(&bob.id, "b");
    ann.hears(&["+b ++bob"]).await;
    for round in 0..5 {
        bob.result("chat", "mood", json!([round])).await;
        ann.hears(&["~b"]).await;
        let caller = hub.clients().client(bob.id.as_str());
        caller.send("hello", ()).await.unwrap();
        assert_eq!(bob.event().await, json!(["hello"]));
        ann.hears_nothing("a", round).await;
    }
}

#[tokio::test]
async fn servers_that_share_a_log_have_none() {
    let [one, _] = SharedLog::of(2).try_into().ok().unwrap();
    let refused = builder(PresenceOptions::default()).log(one).build();
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.starts_with("presence is of one server"),
        "{refused}"
    );
}
