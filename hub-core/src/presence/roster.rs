//! [`Roster`]: who is on a hub and in its groups on one node, as versions and the changes between them.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use super::room::{Crowd, Entered, Room};
use super::{Newcomer, PresenceDiff, PresenceOptions, PresencePage, PresenceStats};
use crate::id::{ConnectionId, GroupName};
use crate::value::Payload;

/// A moment at which something is to be done, apart from others of the same moment.
pub(super) type At = (Instant, u64);

/// A hub (`None`) or one of its groups.
type Key = Option<GroupName>;

/// Who is on a hub and in its groups. Told who comes and goes, it gives what is to be told; it keeps a member for each
/// connection and room, and for each room at most 1,024 changes that were not taken yet. Beyond that, and beyond the members
/// that its options allow, a room tells only how many are there.
///
/// A room's version is one more with each change. A room without members that nobody watches is to be [forgotten](Self::forget);
/// versions go on above all that were ever given, so that a room which comes back never repeats them.
#[derive(Debug)]
pub struct Roster {
    options: PresenceOptions,
    rooms: HashMap<Key, Room>,
    people: HashMap<ConnectionId, Person>,
    due: BTreeMap<At, Due>,
    /// Rooms with something to tell, each once.
    ready: Vec<Key>,
    /// Where the versions of a new room begin.
    floor: u64,
    serial: u64,
}

/// What a connection is in.
#[derive(Debug, Default)]
struct Person {
    info: Option<Payload>,
    rooms: HashSet<Key>,
}

#[derive(Debug)]
enum Due {
    Leave(Key, ConnectionId),
    Tell(Key),
}

/// What a roster has to tell, to whoever watches a room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Untold {
    /// In order.
    pub diffs: Vec<PresenceDiff>,
    /// Rooms in which nobody is any more.
    pub empty: Vec<Option<GroupName>>,
    /// When to ask again, if nothing happens before.
    pub again: Option<Instant>,
}

impl Roster {
    /// Nobody is there. Versions begin at `version`, which should be unlike those of any roster before.
    #[must_use]
    pub fn new(options: PresenceOptions, version: u64) -> Self {
        Self {
            options,
            rooms: HashMap::new(),
            people: HashMap::new(),
            due: BTreeMap::new(),
            ready: Vec::new(),
            floor: version,
            serial: 0,
        }
    }

    /// What it was made with.
    #[must_use]
    pub const fn options(&self) -> &PresenceOptions {
        &self.options
    }

    /// A connection comes to the hub (`None`) or into a group, at `since` of Unix time. Harmless if it is there. If it was
    /// there and has ended, or an older connection of the same client is there, it has not left.
    pub fn enter(&mut self, group: Key, who: &Newcomer, now: Instant, since: u64) {
        self.serial += 1;
        let floor = self.floor;
        let room = self.rooms.entry(group.clone());
        let room = room.or_insert_with(|| Room::at(floor));
        let person = self.people.entry(who.conn.clone()).or_default();
        person.rooms.insert(group.clone());
        let entered = room.enter(who, person.info.clone(), self.serial, since);
        let going = match entered {
            Entered::Joined => None,
            Entered::Back(going) => {
                self.stay(going);
                return;
            }
            Entered::Replaced { old, info, going } => {
                person.info = info;
                self.exit(&old, &group);
                going
            }
        };
        self.stay(going);
        self.changed(group, now);
    }

    /// A connection leaves a room, at once. Harmless if it is not there.
    pub fn leave(&mut self, group: &Key, conn: &ConnectionId, now: Instant) {
        self.exit(conn, group);
        let Some(room) = self.rooms.get_mut(group) else {
            return;
        };
        let before = room.version;
        let going = room.leave(conn);
        let left = room.version != before;
        self.stay(going);
        if left {
            self.changed(group.clone(), now);
        }
    }

    /// A connection leaves all rooms but those for which this holds, at once. Whether there were any.
    pub fn retain(
        &mut self,
        conn: &ConnectionId,
        now: Instant,
        keeps: impl Fn(&Key) -> bool,
    ) -> bool {
        let rooms = self.people.get(conn).map(|person| &person.rooms);
        let gone = rooms.into_iter().flatten().filter(|room| !keeps(room));
        let gone: Vec<Key> = gone.cloned().collect();
        for room in &gone {
            self.leave(room, conn, now);
        }
        !gone.is_empty()
    }

    /// A connection has ended: it leaves all rooms when the leave delay is over, unless it comes back.
    pub fn end(&mut self, conn: &ConnectionId, now: Instant) {
        let delay = self.options.leave_delay;
        if delay.is_zero() {
            self.retain(conn, now, |_| false);
            return;
        }
        let Some(person) = self.people.get(conn) else {
            return;
        };
        for group in &person.rooms {
            self.serial += 1;
            let at = (now + delay, self.serial);
            let room = self.rooms.get_mut(group);
            if room.is_some_and(|room| room.go(conn, at)) {
                self.due.insert(at, Due::Leave(group.clone(), conn.clone()));
            }
        }
    }

    /// What a connection wants to be known of it, in all its rooms; `false` if it is in none.
    pub fn update(&mut self, conn: &ConnectionId, info: Option<&Payload>, now: Instant) -> bool {
        let Some(person) = self.people.get_mut(conn) else {
            return false;
        };
        person.info = info.cloned();
        let rooms: Vec<Key> = person.rooms.iter().cloned().collect();
        for group in rooms {
            if let Some(room) = self.rooms.get_mut(&group) {
                let before = room.version;
                room.update(conn, info);
                if room.version != before {
                    self.changed(group, now);
                }
            }
        }
        true
    }

    /// Diffs of a room could not be told: whoever watches it is told to take a new list.
    pub fn lost(&mut self, group: &Key, now: Instant) {
        let floor = self.floor;
        let room = self.rooms.entry(group.clone());
        let room = room.or_insert_with(|| Room::at(floor));
        room.crowd(Crowd::Behind);
        self.changed(group.clone(), now);
    }

    /// What is to be told now.
    pub fn take(&mut self, now: Instant) -> Untold {
        while let Some(entry) = self.due.first_entry() {
            if entry.key().0 > now {
                break;
            }
            match entry.remove() {
                Due::Leave(group, conn) => self.leave(&group, &conn, now),
                Due::Tell(group) => self.ready.push(group),
            }
        }
        let (mut diffs, mut empty) = (Vec::new(), Vec::new());
        for group in std::mem::take(&mut self.ready) {
            let Some(room) = self.rooms.get_mut(&group) else {
                continue;
            };
            let at = room.due(now, &self.options);
            if at > now {
                // It has become crowded since.
                self.serial += 1;
                self.due.insert((at, self.serial), Due::Tell(group));
                continue;
            }
            room.queued = false;
            room.tell(group.as_ref(), now, &self.options, &mut diffs);
            if room.is_empty() {
                empty.push(group);
            }
        }
        let again = self.due.first_key_value().map(|((at, _), _)| *at);
        Untold {
            diffs,
            empty,
            again,
        }
    }

    /// Nobody watches a room: if it is empty and there is nothing to tell, nothing is kept of it.
    pub fn forget(&mut self, group: &Key) {
        let done = |room: &Room| room.is_empty() && !room.queued;
        if let Some(room) = self.rooms.get(group).filter(|room| done(room)) {
            self.floor = self.floor.max(room.version);
            self.rooms.remove(group);
        }
    }

    /// Who is in a room: the first page, or the one after a place that the page before named.
    #[must_use]
    pub fn page(&self, group: &Key, after: Option<u64>) -> PresencePage {
        let nobody = || PresencePage::new(self.floor, Vec::new(), None);
        let room = self.rooms.get(group);
        room.map_or_else(nobody, |room| room.page(after, self.options.page))
    }

    /// How many are in a room.
    #[must_use]
    pub fn stats(&self, group: &Key) -> PresenceStats {
        let room = self.rooms.get(group);
        room.map(Room::stats).unwrap_or_default()
    }

    /// Whether nothing is kept.
    #[cfg(test)]
    pub(super) fn is_blank(&self) -> bool {
        let Self {
            rooms, people, due, ..
        } = self;
        rooms.is_empty() && people.is_empty() && due.is_empty()
    }

    /// A room is to be told of, as soon as it may.
    fn changed(&mut self, group: Key, now: Instant) {
        let Some(room) = self.rooms.get_mut(&group) else {
            return;
        };
        room.look(&self.options);
        if std::mem::replace(&mut room.queued, true) {
            return;
        }
        let at = room.due(now, &self.options);
        if at <= now {
            self.ready.push(group);
        } else {
            self.serial += 1;
            self.due.insert((at, self.serial), Due::Tell(group));
        }
    }

    /// A connection is in one room less.
    fn exit(&mut self, conn: &ConnectionId, group: &Key) {
        if let Entry::Occupied(mut person) = self.people.entry(conn.clone()) {
            person.get_mut().rooms.remove(group);
            if person.get().rooms.is_empty() {
                person.remove();
            }
        }
    }

    fn stay(&mut self, going: Option<At>) {
        if let Some(at) = going {
            self.due.remove(&at);
        }
    }
}
