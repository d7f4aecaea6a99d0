//! Random histories: whatever comes, goes and changes, a list with the diffs since is the truth, and nobody stays behind.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::*;
use crate::presence::Member;

const STEPS: usize = if cfg!(debug_assertions) {
    20_000
} else {
    1_000_000
};

const DELAY: u64 = 40;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

/// A member as it should be.
#[derive(Debug, Clone)]
struct Known {
    room: Option<GroupName>,
    who: Newcomer,
    info: Option<Payload>,
    until: Option<Instant>,
    /// Whether a newer connection of its client takes its place: it was the newest when it came.
    newest: bool,
}

/// The same by looking through all of them each time.
#[derive(Default)]
struct Truth {
    members: Vec<Known>,
    infos: HashMap<ConnectionId, Payload>,
}

impl Truth {
    fn enter(&mut self, room: &Option<GroupName>, who: &Newcomer) {
        let here = |it: &&mut Known| it.room == *room;
        let mut all = self.members.iter_mut().filter(here);
        if let Some(back) = all.find(|it| it.who.conn == who.conn) {
            back.until = None;
            return;
        }
        let own = self.infos.get(&who.conn).cloned();
        let mut all = self.members.iter_mut().filter(here);
        let same = |it: &Known| it.who.owner.is_some() && it.who.owner == who.owner;
        let mut before = all.find(|it| it.newest && same(it));
        let newest = before.as_ref().is_none_or(|it| it.who.serial < who.serial);
        if newest && let Some(before) = &mut before {
            before.newest = false;
        }
        if let Some(older) = before.filter(|it| newest && it.who.user == who.user) {
            older.newest = true;
            older.info = own.or(older.info.take());
            older.who = who.clone();
            older.until = None;
            if let Some(info) = &older.info {
                self.infos.insert(who.conn.clone(), info.clone());
            } else {
                self.infos.remove(&who.conn);
            }
            return;
        }
        self.members.push(Known {
            room: room.clone(),
            who: who.clone(),
            info: own,
            until: None,
            newest,
        });
    }

    fn tidy(&mut self, now: Instant) {
        self.members.retain(|it| it.until.is_none_or(|at| at > now));
        let there: BTreeSet<_> = self.members.iter().map(|it| it.who.conn.clone()).collect();
        self.infos.retain(|conn, _| there.contains(conn));
    }

    fn of(&self, room: &Option<GroupName>) -> BTreeMap<ConnectionId, Option<Payload>> {
        let here = self.members.iter().filter(|it| it.room == *room);
        here.map(|it| (it.who.conn.clone(), it.info.clone()))
            .collect()
    }

    fn users(&self, room: &Option<GroupName>) -> BTreeSet<String> {
        let here = self.members.iter().filter(|it| it.room == *room);
        here.filter_map(|it| it.who.user.as_ref().map(ToString::to_string))
            .collect()
    }
}

/// Somebody who watches a room, and misses something now and then.
struct Watcher {
    room: Option<GroupName>,
    loses: u64,
    view: PresenceView,
    users: BTreeSet<String>,
    lists: usize,
    checked: usize,
}

impl Watcher {
    fn list(&mut self, roster: &Roster) {
        let mut page = roster.page(&self.room, None);
        self.view = PresenceView::new(page.clone());
        while let Some(next) = page.next {
            page = roster.page(&self.room, Some(next));
            self.view.add(page.clone());
        }
        let users = self.view.members().values();
        let users = users.filter_map(|it| it.user.as_ref().map(ToString::to_string));
        self.users = users.collect();
        self.lists += 1;
    }

    /// Users as the events tell them, which must be as the members do.
    fn hear(&mut self, diff: &PresenceDiff) {
        let mut at = self.view.version();
        for change in diff.changes.iter().flatten() {
            if at.is_none_or(|at| change.version != at + 1) {
                continue;
            }
            at = Some(change.version);
            if let Some(user) = &change.user_join {
                assert!(self.users.insert(user.to_string()), "{user} joined twice");
            }
            if let Some(user) = &change.user_leave {
                assert!(self.users.remove(user.as_str()), "{user} left twice");
            }
        }
    }

    fn check(&mut self, truth: &Truth) {
        let members = self.view.members().values();
        let known = |it: &Member| (it.conn.clone(), it.info.clone());
        let known: BTreeMap<_, _> = members.map(known).collect();
        assert_eq!(known, truth.of(&self.room));
        if self.loses == 0 {
            assert_eq!(self.users, truth.users(&self.room));
        }
        self.checked += 1;
    }
}

fn newcomer(dice: &mut Dice, clients: u64, serial: u64) -> Newcomer {
    let client = dice.roll(clients);
    // Some have an id of their own, and each time another connection; the others come back as who they are.
    let owner = client
        .is_multiple_of(3)
        .then(|| PersistentId::from(u128::from(client)));
    let conn = match owner {
        Some(_) => format!("{client}-{}", serial % 4),
        None => format!("{client}"),
    };
    let user = match client % 7 {
        0 => String::new(),
        5 if dice.roll(10) == 0 => "other".to_owned(),
        n => format!("user {n}"),
    };
    Newcomer {
        owner,
        serial,
        ..who(&conn, &user)
    }
}

fn history(seed: u64, steps: usize, clients: u64, delay: Duration, max_told: usize) {
    let options = PresenceOptions::default().leave_delay(delay).page(7);
    let options = options.max_told(max_told).stats_every(ms(20));
    let mut stage = Stage::new(options);
    let (mut dice, mut truth) = (Dice(seed), Truth::default());
    let rooms = [None, Some(GroupName::from("x")), Some(GroupName::from("y"))];
    let watcher = |(room, loses): (&Option<GroupName>, u64)| Watcher {
        room: room.clone(),
        loses,
        view: PresenceView::default(),
        users: BTreeSet::new(),
        lists: 0,
        checked: 0,
    };
    let all = rooms
        .iter()
        .flat_map(|room| [(room, 0), (room, 30)])
        .map(watcher);
    let mut watchers: Vec<Watcher> = all.collect();
    // A connection's user and owner do not change while it is there.
    let mut known: HashMap<ConnectionId, Newcomer> = HashMap::new();
    for step in 1..=steps {
        let now = stage.now;
        let fresh = newcomer(&mut dice, clients, step as u64);
        known.retain(|conn, _| truth.members.iter().any(|it| it.who.conn == *conn));
        let who = known.entry(fresh.conn.clone()).or_insert(fresh).clone();
        let room = &rooms[usize::try_from(dice.roll(3)).unwrap()];
        match dice.roll(9) {
            0..=2 => {
                stage.roster.enter(room.clone(), &who, now, 0);
                truth.enter(room, &who);
            }
            3 | 4 => {
                stage.roster.leave(room, &who.conn, now);
                let is = |it: &Known| it.room == *room && it.who.conn == who.conn;
                truth.members.retain(|it| !is(it));
            }
            5 => {
                stage.roster.end(&who.conn, now);
                let until = now + delay;
                let own = truth
                    .members
                    .iter_mut()
                    .filter(|it| it.who.conn == who.conn);
                for it in own {
                    it.until.get_or_insert(until);
                }
            }
            6 => {
                let info = Payload::of(&dice.roll(3)).unwrap();
                let there = stage.roster.update(&who.conn, Some(&info), now);
                let mut own = truth
                    .members
                    .iter_mut()
                    .filter(|it| it.who.conn == who.conn)
                    .peekable();
                assert_eq!(there, own.peek().is_some());
                own.for_each(|it| it.info = Some(info.clone()));
                if there {
                    truth.infos.insert(who.conn.clone(), info);
                }
            }
            7 => {
                let keeps = |at: &Option<GroupName>| at == room;
                stage.roster.retain(&who.conn, now, keeps);
                let goes = |it: &Known| it.who.conn == who.conn && it.room != *room;
                truth.members.retain(|it| !goes(it));
            }
            _ => stage.now += ms(dice.roll(6)),
        }
        truth.tidy(stage.now);
        // Whoever drives a roster asks it when it said so.
        if stage.now > now || dice.roll(4) == 0 {
            let untold = stage.roster.take(stage.now);
            for room in untold.empty.iter().filter(|_| dice.roll(2) == 0) {
                stage.roster.forget(room);
            }
            let told = untold.diffs;
            for watcher in &mut watchers {
                let mut missed = watcher.lists == 0;
                for diff in &told {
                    if diff.group != watcher.room {
                        continue;
                    }
                    if watcher.loses > 0 && dice.roll(watcher.loses) == 0 {
                        continue;
                    }
                    watcher.hear(diff);
                    missed |= !watcher.view.apply(diff.clone());
                }
                if missed {
                    watcher.list(&stage.roster);
                }
                // In a crowd it may be told later.
                let newest = Some(stage.roster.page(&watcher.room, None).version);
                if watcher.loses == 0 && watcher.view.version() == newest {
                    watcher.check(&truth);
                } else if watcher.loses == 0
                    && max_told > 100
                    && !truth.of(&watcher.room).is_empty()
                {
                    panic!("{:?} is not told at once", watcher.room);
                }
            }
            for room in &rooms {
                let stats = stage.roster.stats(room);
                let (clients, users) = (truth.of(room).len(), truth.users(room).len());
                assert_eq!((stats.clients, stats.users), (clients as u64, users as u64));
            }
        }
        if dice.roll(500) == 0 {
            // Who has missed the last one knows with the next one.
            for watcher in &mut watchers {
                watcher.list(&stage.roster);
                watcher.check(&truth);
            }
        }
    }
    for watcher in &watchers {
        assert!(watcher.checked > steps / 500 / 2, "{}", watcher.checked);
    }
    for conn in truth.members.iter().map(|it| &it.who.conn) {
        stage.roster.end(conn, stage.now);
    }
    stage.now += delay;
    stage.roster.take(stage.now);
    stage.now += ms(20);
    stage.roster.take(stage.now);
    rooms.iter().for_each(|room| stage.roster.forget(room));
    assert!(stage.roster.is_blank());
}

#[test]
fn a_list_and_what_is_told_after_it_are_the_truth() {
    history(11, STEPS, 60, ms(DELAY), 1_000);
}

#[test]
fn without_a_delay_too() {
    history(12, STEPS / 5, 60, Duration::ZERO, 1_000);
}

#[test]
fn in_rooms_that_become_too_full_and_empty_again_too() {
    history(13, STEPS / 5, 60, ms(DELAY), 12);
}

#[test]
fn in_rooms_that_are_forgotten_too() {
    history(14, STEPS / 5, 4, Duration::ZERO, 1_000);
}
