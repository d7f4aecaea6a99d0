//! [`Room`]: a hub or one of its groups. Its members, its version, and the changes that nobody has been told of yet.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use super::roster::At;
use super::{
    Member, Newcomer, PresenceChange, PresenceDiff, PresenceOptions, PresencePage, PresenceStats,
};
use crate::id::{ConnectionId, GroupName, PersistentId, UserId};
use crate::value::Payload;

/// So many changes go into one diff: with the longest infos that is less than 100 KiB.
const CHANGES: usize = 64;

/// So many changes wait to be told; with more the room counts as crowded.
const PENDING: usize = 1_024;

#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) version: u64,
    /// By place: in the order in which they came.
    members: BTreeMap<u64, Listed>,
    places: HashMap<ConnectionId, u64>,
    owners: HashMap<PersistentId, u64>,
    users: HashMap<UserId, usize>,
    pending: Vec<PresenceChange>,
    /// Whether only the counts are told, and why.
    crowd: Option<Crowd>,
    /// When counts were last told.
    told: Option<Instant>,
    /// Whether it stands among those that have something to tell.
    pub(super) queued: bool,
}

/// Why only the counts are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crowd {
    /// Too many are there.
    Full,
    /// Too much has happened since something was told, or that was lost.
    Behind,
}

#[derive(Debug)]
struct Listed {
    member: Member,
    owner: Option<PersistentId>,
    /// Of the connection.
    serial: u64,
    /// When it leaves, if it has ended.
    going: Option<At>,
}

/// What a newcomer finds.
pub(super) enum Entered {
    /// It is there already; if it was about to leave, it stays.
    Back(Option<At>),
    /// It takes the place of an older connection of its client, with that one's info.
    Replaced {
        old: ConnectionId,
        info: Option<Payload>,
        going: Option<At>,
    },
    Joined,
}

impl Room {
    pub(super) fn at(version: u64) -> Self {
        Self {
            version,
            ..Self::default()
        }
    }

    pub(super) fn enter(
        &mut self,
        who: &Newcomer,
        info: Option<Payload>,
        place: u64,
        since: u64,
    ) -> Entered {
        if let Some(listed) = self.listed(&who.conn) {
            return Entered::Back(listed.going.take());
        }
        if let Some(replaced) = self.replace(who, info.as_ref()) {
            return replaced;
        }
        let member = Member {
            conn: who.conn.clone(),
            user: who.user.clone(),
            node: who.node,
            info,
            since,
        };
        self.places.insert(who.conn.clone(), place);
        if let Some(owner) = &who.owner
            && self.newest(owner) < who.serial
        {
            self.owners.insert(owner.clone(), place);
        }
        let user_join = who.user.as_ref().and_then(|user| {
            let connections = self.users.entry(user.clone()).or_default();
            *connections += 1;
            (*connections == 1).then(|| user.clone())
        });
        let listed = Listed {
            member: member.clone(),
            owner: who.owner.clone(),
            serial: who.serial,
            going: None,
        };
        self.members.insert(place, listed);
        self.change(PresenceChange {
            join: Some(member),
            user_join,
            ..PresenceChange::default()
        });
        Entered::Joined
    }

    /// The number of a client's newest connection.
    fn newest(&self, owner: &PersistentId) -> u64 {
        let place = self.owners.get(owner);
        let listed = place.and_then(|place| self.members.get(place));
        listed.map_or(0, |listed| listed.serial)
    }

    /// The same client as a newer connection has not left. An older one, which has not ended yet, stands beside it.
    fn replace(&mut self, who: &Newcomer, info: Option<&Payload>) -> Option<Entered> {
        let place = *self.owners.get(who.owner.as_ref()?)?;
        let listed = self.members.get_mut(&place)?;
        if listed.member.user != who.user || listed.serial > who.serial {
            return None;
        }
        listed.serial = who.serial;
        let old = std::mem::replace(&mut listed.member.conn, who.conn.clone());
        listed.member.node = who.node;
        if info.is_some() {
            listed.member.info = info.cloned();
        }
        let (going, member) = (listed.going.take(), listed.member.clone());
        self.places.remove(&old);
        self.places.insert(who.conn.clone(), place);
        let info = member.info.clone();
        self.change(PresenceChange {
            update: Some(member),
            was: Some(old.clone()),
            ..PresenceChange::default()
        });
        Some(Entered::Replaced { old, info, going })
    }

    /// It is there no more; gives what it had before it, if it was about to leave.
    pub(super) fn leave(&mut self, conn: &ConnectionId) -> Option<At> {
        let place = self.places.remove(conn)?;
        let Listed {
            member,
            owner,
            going,
            ..
        } = self.members.remove(&place)?;
        // Its client may have a newer place, as another user.
        if let Some(owner) = owner.filter(|owner| self.owners.get(owner) == Some(&place)) {
            self.owners.remove(&owner);
        }
        let last = |user: &UserId| {
            let connections = self.users.get_mut(user)?;
            *connections -= 1;
            (*connections == 0).then(|| self.users.remove_entry(user))?
        };
        let user_leave = member.user.as_ref().and_then(last).map(|(user, _)| user);
        self.change(PresenceChange {
            leave: Some(member.conn),
            user_leave,
            ..PresenceChange::default()
        });
        going
    }

    /// It has ended, and leaves then; `false` if it is to leave already.
    pub(super) fn go(&mut self, conn: &ConnectionId, at: At) -> bool {
        let listed = self.listed(conn).filter(|listed| listed.going.is_none());
        listed.map(|listed| listed.going = Some(at)).is_some()
    }

    pub(super) fn update(&mut self, conn: &ConnectionId, info: Option<&Payload>) {
        let changed = |it: &&mut Listed| it.member.info.as_ref() != info;
        let Some(listed) = self.listed(conn).filter(changed) else {
            return;
        };
        listed.member.info = info.cloned();
        let update = Some(listed.member.clone());
        self.change(PresenceChange {
            update,
            ..PresenceChange::default()
        });
    }

    fn listed(&mut self, conn: &ConnectionId) -> Option<&mut Listed> {
        self.members.get_mut(self.places.get(conn)?)
    }

    fn change(&mut self, change: PresenceChange) {
        self.version += 1;
        if self.crowd.is_none() {
            let version = self.version;
            self.pending.push(PresenceChange { version, ..change });
        }
    }

    /// Tells only the counts from now on if it has become too full, or changes faster than is told.
    pub(super) fn look(&mut self, options: &PresenceOptions) {
        if self.members.len() > options.max_told {
            self.crowd(Crowd::Full);
        } else if self.pending.len() > PENDING {
            self.crowd(Crowd::Behind);
        }
    }

    /// From now on the counts are told.
    pub(super) fn crowd(&mut self, why: Crowd) {
        self.crowd = Some(why);
        self.pending = Vec::new();
    }

    /// When something may be told.
    pub(super) fn due(&self, now: Instant, options: &PresenceOptions) -> Instant {
        let told = self.told.filter(|_| self.crowd.is_some());
        told.map_or(now, |told| now.max(told + options.stats_every))
    }

    /// What there is to tell.
    pub(super) fn tell(
        &mut self,
        group: Option<&GroupName>,
        now: Instant,
        options: &PresenceOptions,
        out: &mut Vec<PresenceDiff>,
    ) {
        let PresenceStats { clients, users } = self.stats();
        let diff = |version: u64, changes: Option<Vec<PresenceChange>>| PresenceDiff {
            group: group.cloned(),
            version,
            clients,
            users,
            changes,
        };
        if let Some(why) = self.crowd {
            self.told = Some(now);
            // Not just below the limit, or one who comes and goes would have everybody ask for the list.
            let fits = match why {
                Crowd::Full => options.max_told - options.max_told / 10,
                Crowd::Behind => options.max_told,
            };
            self.crowd = self.crowd.filter(|_| self.members.len() > fits);
            let changes = self.crowd.is_none().then(Vec::new);
            out.push(diff(self.version, changes));
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        for changes in pending.chunks(CHANGES) {
            let last = changes.last().map_or(self.version, |last| last.version);
            out.push(diff(last, Some(changes.to_vec())));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn stats(&self) -> PresenceStats {
        PresenceStats::of(self.members.len(), self.users.len())
    }

    pub(super) fn page(&self, after: Option<u64>, len: usize) -> PresencePage {
        let from = after.map_or(0, |after| after.saturating_add(1));
        let mut rest = self.members.range(from..);
        let taken: Vec<_> = rest.by_ref().take(len).collect();
        let last = taken.last().map(|(place, _)| **place);
        let next = last.filter(|_| rest.next().is_some());
        let members = taken.into_iter().map(|(_, it)| it.member.clone()).collect();
        PresencePage::new(self.version, members, next)
    }
}
