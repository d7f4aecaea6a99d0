//! A roster against what should be known, and what it tells.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod history;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Newcomer, PresenceDiff, PresenceOptions, PresenceView, Roster};
use crate::id::{ConnectionId, GroupName, NodeId, PersistentId};
use crate::value::Payload;

const HUB: Option<GroupName> = None;

fn who(conn: &str, user: &str) -> Newcomer {
    Newcomer {
        conn: conn.into(),
        user: (!user.is_empty()).then(|| user.into()),
        owner: None,
        node: NodeId(255),
        serial: 1,
    }
}

fn owned(conn: &str, user: &str, owner: u128, serial: u64) -> Newcomer {
    Newcomer {
        owner: Some(PersistentId::from(owner)),
        serial,
        ..who(conn, user)
    }
}

fn id(conn: &str) -> ConnectionId {
    conn.into()
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A roster, and a clock that the test moves.
struct Stage {
    roster: Roster,
    now: Instant,
}

impl Stage {
    fn new(options: PresenceOptions) -> Self {
        Self {
            roster: Roster::new(options, 100),
            now: Instant::now(),
        }
    }

    fn enter(&mut self, who: &Newcomer) {
        self.roster.enter(HUB, who, self.now, 7);
    }

    fn end(&mut self, conn: &str) {
        self.roster.end(&id(conn), self.now);
    }

    /// What is told, as JSON.
    fn told(&mut self) -> Vec<Value> {
        let diffs = self.roster.take(self.now).diffs;
        let json = |diff: PresenceDiff| serde_json::to_value(diff).unwrap();
        diffs.into_iter().map(json).collect()
    }

    /// The changes of what is told, without versions and members' other parts: `+a`, `-a`, `~a`, `b<a`; with users.
    fn changes(&mut self) -> Vec<String> {
        let told = self.told();
        let changes = told.iter().flat_map(|diff| diff["changes"].as_array());
        changes.flatten().map(short).collect()
    }
}

fn short(change: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut short = match (&change["join"], &change["leave"], &change["update"]) {
        (join, Value::Null, Value::Null) => format!("+{}", text(&join["conn"])),
        (Value::Null, leave, Value::Null) => format!("-{}", text(leave)),
        (_, _, update) => match &change["was"] {
            Value::Null => format!("~{}", text(&update["conn"])),
            was => format!("{}<{}", text(&update["conn"]), text(was)),
        },
    };
    for (key, sign) in [("userJoin", " ++"), ("userLeave", " --")] {
        if let Some(user) = change[key].as_str() {
            short += sign;
            short += user;
        }
    }
    short
}

#[test]
fn a_list_and_what_comes_after_it_have_these_forms() {
    let mut stage = Stage::new(PresenceOptions::default());
    stage.enter(&who("a", "ann"));
    let ann =
        json!({"conn": "a", "user": "ann", "node": "00000000000000ff", "info": null, "since": 7});
    let told = json!([{"version": 101, "clients": 1, "users": 1,
        "changes": [{"version": 101, "join": ann, "userJoin": "ann"}]}]);
    assert_eq!(json!(stage.told()), told);
    let page = stage.roster.page(&HUB, None);
    assert_eq!(json!(page), json!({"version": 101, "members": [ann]}));
    let room = Some(GroupName::from("room"));
    stage
        .roster
        .enter(room.clone(), &who("a", "ann"), stage.now, 8);
    let info = Payload::of(&json!({"mood": "good"})).unwrap();
    assert!(stage.roster.update(&id("a"), Some(&info), stage.now));
    let told = stage.told();
    assert_eq!(told.len(), 2, "both rooms");
    let of_room = told.iter().find(|diff| diff["group"] == "room").unwrap();
    let ann = json!({"conn": "a", "user": "ann", "node": "00000000000000ff",
        "info": {"mood": "good"}, "since": 8});
    assert_eq!(of_room["changes"][1]["update"], ann);
    stage.roster.leave(&room, &id("a"), stage.now);
    let left = stage.told();
    let leave = json!({"version": left[0]["version"], "leave": "a", "userLeave": "ann"});
    assert_eq!(left[0]["changes"], json!([leave]));
    // A Rust client reads the same back.
    let page = stage.roster.page(&HUB, None);
    let text = serde_json::to_string(&page).unwrap();
    assert_eq!(
        serde_json::from_str::<super::PresencePage>(&text).unwrap(),
        page
    );
    let diff: PresenceDiff = serde_json::from_str(&of_room.to_string()).unwrap();
    assert_eq!(json!(diff), *of_room);
}

#[test]
fn users_come_with_their_first_connection_and_go_with_their_last() {
    let mut stage = Stage::new(PresenceOptions::default());
    for (conn, user) in [("a", "ann"), ("b", "ann"), ("c", ""), ("d", "")] {
        stage.enter(&who(conn, user));
    }
    let stats = stage.roster.stats(&HUB);
    assert_eq!((stats.clients, stats.users), (4, 1));
    assert_eq!(stage.changes(), ["+a ++ann", "+b", "+c", "+d"]);
    for conn in ["a", "c", "b"] {
        stage.end(conn);
    }
    assert_eq!(stage.changes(), ["-a", "-c", "-b --ann"]);
}

#[test]
fn an_info_that_is_the_same_is_no_change() {
    let mut stage = Stage::new(PresenceOptions::default());
    stage.enter(&who("a", ""));
    let info = Payload::of(&1).unwrap();
    for info in [Some(&info), Some(&info), None, None] {
        stage.roster.update(&id("a"), info, stage.now);
    }
    assert_eq!(stage.changes(), ["+a", "~a", "~a"]);
    assert!(!stage.roster.update(&id("b"), None, stage.now));
}

#[test]
fn who_has_ended_leaves_when_the_delay_is_over_and_not_if_it_is_back() {
    let mut stage = Stage::new(PresenceOptions::default().leave_delay(ms(100)));
    stage.enter(&who("a", "ann"));
    stage.enter(&who("b", "bob"));
    assert_eq!(stage.changes(), ["+a ++ann", "+b ++bob"]);
    stage.end("a");
    stage.now += ms(60);
    stage.end("b");
    stage.now += ms(39);
    assert_eq!(
        stage.roster.take(stage.now).again,
        Some(stage.now + ms(1)),
        "a is next"
    );
    stage.enter(&who("a", "ann"));
    stage.now += ms(60);
    assert!(stage.changes().is_empty());
    stage.now += ms(1);
    assert_eq!(stage.changes(), ["-b --bob"]);
    // What was cancelled does not come later.
    stage.now += ms(1_000);
    assert!(stage.changes().is_empty());
    assert_eq!(stage.roster.take(stage.now).again, None);
    // A group is left at once.
    let room = Some(GroupName::from("room"));
    stage
        .roster
        .enter(room.clone(), &who("a", ""), stage.now, 0);
    stage.roster.leave(&room, &id("a"), stage.now);
    assert_eq!(stage.changes(), ["+a", "-a"]);
}

#[test]
fn a_client_that_is_back_as_another_connection_has_not_left() {
    let mut stage = Stage::new(PresenceOptions::default().leave_delay(ms(100)));
    stage.enter(&owned("a", "ann", 1, 1));
    let info = Payload::of(&"here").unwrap();
    stage.roster.update(&id("a"), Some(&info), stage.now);
    stage.end("a");
    stage.now += ms(99);
    stage.enter(&owned("b", "ann", 1, 2));
    stage.now += ms(500);
    assert_eq!(stage.changes(), ["+a ++ann", "~a", "b<a"]);
    let page = stage.roster.page(&HUB, None);
    assert_eq!(page.members[0].info, Some(info.clone()), "it goes with it");
    // Taken over while it is there, also without a delay; the late end of the older one is nobody's.
    let mut stage = Stage::new(PresenceOptions::default());
    stage.enter(&owned("a", "ann", 1, 1));
    stage.enter(&owned("b", "ann", 1, 2));
    stage.end("a");
    assert_eq!(stage.changes(), ["+a ++ann", "b<a"]);
    // As another user it is somebody else.
    stage.enter(&owned("c", "eve", 1, 3));
    assert_eq!(stage.changes(), ["+c ++eve"]);
    stage.end("b");
    assert_eq!(stage.changes(), ["-b --ann"]);
    stage.enter(&owned("d", "eve", 1, 4));
    assert_eq!(stage.changes(), ["d<c"]);
}

#[test]
fn an_older_connection_that_comes_late_takes_nothing_from_the_newer() {
    let mut stage = Stage::new(PresenceOptions::default());
    stage.enter(&owned("b", "ann", 1, 2));
    stage.enter(&owned("a", "ann", 1, 1));
    stage.end("a");
    assert_eq!(stage.changes(), ["+b ++ann", "+a", "-a"]);
    stage.enter(&owned("c", "ann", 1, 3));
    assert_eq!(stage.changes(), ["c<b"]);
}

#[test]
fn in_a_crowd_counts_are_told_once_a_second() {
    let mut stage = Stage::new(PresenceOptions::default().max_told(10));
    let names: Vec<String> = (0..15).map(|n| format!("c{n}")).collect();
    for name in &names[..10] {
        stage.enter(&who(name, name));
    }
    let mut view = PresenceView::new(stage.roster.page(&HUB, None));
    assert_eq!(stage.changes().len(), 10);
    stage.enter(&who(&names[10], ""));
    let told = stage.roster.take(stage.now).diffs;
    assert_eq!(
        json!(told),
        json!([{"version": 111, "clients": 11, "users": 10}])
    );
    assert!(view.apply(told[0].clone()));
    assert_eq!(view.version(), None);
    for name in &names[11..] {
        stage.enter(&who(name, ""));
    }
    let untold = stage.roster.take(stage.now);
    assert!(untold.diffs.is_empty());
    assert_eq!(untold.again, Some(stage.now + ms(1_000)));
    stage.now += ms(1_000);
    assert_eq!(
        stage.told(),
        [json!({"version": 115, "clients": 15, "users": 10})]
    );
    // One below the limit is not enough.
    for name in &names[10..] {
        stage.end(name);
    }
    stage.now += ms(1_000);
    assert_eq!(
        stage.told(),
        [json!({"version": 120, "clients": 10, "users": 10})]
    );
    stage.end(&names[0]);
    stage.now += ms(1_000);
    let told = stage.roster.take(stage.now).diffs;
    assert_eq!(
        json!(told),
        json!([{"version": 121, "clients": 9, "users": 9, "changes": []}])
    );
    assert!(!view.apply(told[0].clone()), "a new list is due");
    view = PresenceView::new(stage.roster.page(&HUB, None));
    stage.enter(&who("late", ""));
    for diff in stage.roster.take(stage.now).diffs {
        assert!(view.apply(diff));
    }
    assert_eq!(view.members().len(), 10);
}

#[test]
fn what_nobody_takes_is_bounded_and_what_was_lost_is_told() {
    let mut stage = Stage::new(PresenceOptions::default());
    stage.enter(&who("a", ""));
    let mut view = PresenceView::new(stage.roster.page(&HUB, None));
    for n in 0..10_000 {
        let info = Payload::of(&n).unwrap();
        stage.roster.update(&id("a"), Some(&info), stage.now);
    }
    let told = stage.roster.take(stage.now).diffs;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].changes, Some(Vec::new()));
    assert!(!view.apply(told[0].clone()));
    // Not more often than once a second, however much happens.
    for n in 0..10_000 {
        let info = Payload::of(&n).unwrap();
        stage.roster.update(&id("a"), Some(&info), stage.now);
    }
    let untold = stage.roster.take(stage.now);
    assert!(untold.diffs.is_empty());
    assert_eq!(untold.again, Some(stage.now + ms(1_000)));
    stage.now += ms(1_000);
    assert_eq!(stage.roster.take(stage.now).diffs.len(), 1);
    view = PresenceView::new(stage.roster.page(&HUB, None));
    // Less than that comes in parts, in order.
    for n in 0..1_000 {
        let info = Payload::of(&n).unwrap();
        stage.roster.update(&id("a"), Some(&info), stage.now);
    }
    let told = stage.roster.take(stage.now).diffs;
    assert_eq!(told.len(), 1_000_usize.div_ceil(64));
    assert!(told.into_iter().all(|diff| view.apply(diff)));
    let info = view.members()[&id("a")].info.clone().unwrap();
    assert_eq!(info.read::<u32>().unwrap(), 999);
    // A room that is empty by now is told of, too.
    stage.end("a");
    assert_eq!(stage.changes(), ["-a"]);
    stage.roster.lost(&HUB, stage.now);
    stage.now += ms(1_000);
    let told = stage.roster.take(stage.now).diffs;
    assert_eq!(told.len(), 1);
    assert!(!view.apply(told[0].clone()));
}

#[test]
fn a_room_that_comes_back_repeats_no_version() {
    let mut stage = Stage::new(PresenceOptions::default());
    let rooms = ["x", "y"].map(|name| Some(GroupName::from(name)));
    let empty = stage.roster.page(&rooms[0], None);
    stage
        .roster
        .enter(rooms[0].clone(), &who("a", ""), stage.now, 0);
    let mut view = PresenceView::new(empty);
    for diff in stage.roster.take(stage.now).diffs {
        assert!(view.apply(diff), "nobody was there before");
    }
    let mut other = view.clone();
    for _ in 0..2 {
        stage.roster.leave(&rooms[0], &id("a"), stage.now);
        for diff in stage.roster.take(stage.now).diffs {
            assert!(other.apply(diff));
        }
        stage
            .roster
            .enter(rooms[0].clone(), &who("a", ""), stage.now, 0);
    }
    stage.roster.leave(&rooms[0], &id("a"), stage.now);
    for _ in 0..3 {
        stage
            .roster
            .enter(rooms[1].clone(), &who("a", ""), stage.now, 0);
        stage.roster.leave(&rooms[1], &id("a"), stage.now);
    }
    // As long as somebody watches it goes on.
    for room in stage.roster.take(stage.now).empty {
        assert!(!stage.roster.is_blank());
        stage.roster.forget(&room);
    }
    assert!(stage.roster.is_blank());
    stage
        .roster
        .enter(rooms[0].clone(), &who("b", ""), stage.now, 0);
    let told = stage.roster.take(stage.now).diffs;
    assert!(!view.apply(told[0].clone()), "it missed that a has left");
}

#[test]
fn long_lists_come_by_pages() {
    let mut stage = Stage::new(PresenceOptions::default().page(3));
    for n in 0..7 {
        stage.enter(&who(&format!("c{n}"), ""));
    }
    let mut page = stage.roster.page(&HUB, None);
    let mut view = PresenceView::new(page.clone());
    let mut sizes = vec![page.members.len()];
    while let Some(next) = page.next {
        stage.end("c1");
        stage.end("c6");
        page = stage.roster.page(&HUB, Some(next));
        sizes.push(page.members.len());
        view.add(page.clone());
    }
    assert_eq!(sizes, [3, 3]);
    for diff in stage.roster.take(stage.now).diffs {
        assert!(view.apply(diff));
    }
    assert_eq!(view.members().len(), 5);
}
