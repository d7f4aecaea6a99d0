//! A link's way through what was kept for its client while that was away, and what the client is known to have had.

use bytes::Bytes;
use hub_core::{Cursor, Entry, Envelope, Epoch, HubName, Lane, Part, Topic};

use tokio::time::Instant;

use super::{Link, Mode};
use crate::connection::sessions::Waiting;

/// How far a client is known to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Had {
    /// With what goes to everybody who listens.
    pub(super) live: u64,
    /// With what was kept for it.
    pub(super) replay: u64,
}

/// What was kept for a client, on its way: read from the log before anything newer, while the link's own position stands.
#[derive(Debug, Clone)]
pub(crate) struct Catch {
    /// The queues, and the order after which each is owed.
    pub(crate) topics: Vec<(Topic, u64)>,
    /// Everything up to this order was written.
    pub(crate) at: u64,
    /// It ends here: what is newer comes as to everybody.
    pub(crate) upto: u64,
    /// When the client came.
    pub(crate) since: Instant,
}

impl Catch {
    /// Whether an entry is owed, and was not before.
    pub(crate) fn owes(&self, entry: &Entry) -> bool {
        let mut topics = self.topics.iter();
        topics.any(|(topic, after)| *topic == entry.topic && entry.order > *after)
    }

    /// Takes over from an earlier one, of another hub or of this one before it was closed. Under way it goes on where it is.
    /// Done, it owes nothing, since what is newer came as to everybody; but its topics stay, as it may not be known to have
    /// arrived (`Link::had`). A topic is there once, however often its hub is opened.
    fn join(&mut self, older: Self) {
        let done = older.at >= older.upto;
        for (topic, after) in older.topics {
            let after = if done { u64::MAX } else { after.max(older.at) };
            match self.topics.iter_mut().find(|(known, _)| *known == topic) {
                Some((_, own)) => *own = after.min(*own),
                None => self.topics.push((topic, after)),
            }
        }
        if !done {
            self.at = self.at.min(older.at);
            self.upto = self.upto.max(older.upto);
        }
    }

    fn from(&self) -> u64 {
        self.topics
            .iter()
            .map(|(_, after)| *after)
            .min()
            .unwrap_or(self.upto)
    }
}

impl Link {
    /// Hubs are about to be told of the client, when everything up to `passed` was handed on: what comes waits in the log.
    pub(crate) fn open(&mut self, passed: u64) {
        if self.mode == Mode::Live {
            self.position = self.position.max(passed);
            self.mode = Mode::Behind;
        }
    }

    /// The hubs have been told: what was kept is on its way, and the rest follows.
    pub(crate) fn opened(&mut self) {
        if std::mem::take(&mut self.opening) {
            self.wake();
        }
    }

    /// Sends what waits, before anything newer; everything up to `passed` has been handed to those who listen.
    pub(crate) fn catch_up_on(&mut self, waiting: Waiting, passed: u64) {
        let live = self.mode == Mode::Live;
        let upto = if live {
            self.position.max(passed)
        } else {
            self.position
        };
        let Waiting { topics, after, .. } = waiting;
        let topics = topics.into_iter().map(|topic| (topic, after));
        let mut catch = Catch {
            topics: topics.collect(),
            at: after,
            upto,
            since: Instant::now(),
        };
        if let Some(older) = self.replay.take() {
            catch.join(older);
        }
        if live {
            self.mode = Mode::Behind;
        } else {
            // Between its position and the pump's the client was away, too.
            self.away = self.away.max(passed);
        }
        self.position = upto;
        // Of what is sent now nothing has reached it yet.
        self.proven.replay = self.proven.replay.min(catch.at);
        self.flushed.replay = self.flushed.replay.min(catch.at);
        if let Some(probed) = &mut self.probed {
            probed.replay = probed.replay.min(catch.at);
        }
        self.replays_from(catch.at);
        self.replay = Some(catch);
        self.wake();
    }

    /// A hub is closed: the rest of what was kept for it is for when it is opened again.
    pub(crate) fn stop_replay(&mut self, hub: &HubName) {
        if let Some(catch) = &mut self.replay {
            catch.topics.retain(|(topic, _)| topic.hub() != Some(hub));
        }
        if self.replay.as_ref().is_some_and(|it| it.topics.is_empty()) {
            self.replay = None;
        }
    }

    /// Whether an entry of a queue is kept for this client.
    pub(crate) fn is_owed(&self, entry: &Entry) -> bool {
        let user = self.peer.identity.user_id();
        let owner = self.peer.persistent_id.as_ref();
        let meant = entry.only.as_ref().is_none_or(|only| {
            let included = |owner| only.include(owner, user.as_ref());
            owner.is_some_and(included)
        });
        meant && !entry.excepts(&self.peer.id)
    }

    /// Whether an entry that was read is for this client: kept for it, or sent to what it listens to.
    pub(crate) fn is_meant(&self, entry: &Entry) -> bool {
        let listens = |topic: &Topic| match topic {
            Topic::Group(hub, group) => self.groups.iter().any(|(h, g)| h == hub && g == group),
            topic => self.topics.contains(topic),
        };
        let sent = || entry.also.iter().any(listens) && !entry.excepts(&self.peer.id);
        self.is_owed(entry) || sent()
    }

    /// Queues that are read together with the rest, as far as the client was away.
    pub(crate) fn kept_while_away(&self) -> impl Iterator<Item = &Topic> {
        let owed = self.replay.iter().flat_map(|catch| &catch.topics);
        self.queues.iter().chain(owed.map(|(topic, _)| topic))
    }

    /// What is still to be read of it.
    pub(crate) fn catching(&self) -> Option<&Catch> {
        self.replay.as_ref().filter(|catch| catch.at < catch.upto)
    }

    /// Writes a page of it; everything up to `at` is written then.
    pub(crate) fn caught(&mut self, epoch: Epoch, at: u64, parts: &[&Part]) {
        if let Some(catch) = &mut self.replay {
            catch.at = at.min(catch.upto);
        }
        // The client comes back to where it is, also if there was nothing for it.
        self.frame(epoch, Envelope::default(), parts);
    }

    /// A receive request begins that has had everything up to `cursor`, or begins at the end without one, when
    /// everything up to `passed` was handed on.
    pub(crate) fn resume_replay(&mut self, cursor: Option<Cursor>, passed: u64) {
        self.away = passed;
        self.brought = cursor.map_or(0, |cursor| cursor.replayed.unwrap_or(cursor.order));
        if self.replay.is_none() && cursor.is_none() && !self.queues.is_empty() {
            let after = self.proven.live;
            let topics = self.queues.iter().map(|topic| (topic.clone(), after));
            self.replay = Some(Catch {
                topics: topics.collect(),
                at: after,
                upto: self.position,
                since: Instant::now(),
            });
        }
        if let Some(catch) = &mut self.replay {
            match cursor {
                Some(cursor) if cursor.order > catch.upto => self.replay = None,
                Some(Cursor {
                    replayed: Some(replayed),
                    ..
                }) => catch.at = replayed.clamp(catch.from(), catch.upto),
                // It has seen nothing of it.
                Some(_) => catch.at = catch.from(),
                None => {
                    catch.at = catch.from();
                    catch.upto = self.position;
                }
            }
        }
        if self.catching().is_some() && self.mode == Mode::Live {
            self.mode = Mode::Behind;
        }
        let replay = self.catching().map_or(self.position, |catch| catch.at);
        // What the client brings is what it has had; without a cursor nobody knows more than before.
        if cursor.is_some() || self.request == 0 {
            let live = self.position;
            self.proven = Had { live, replay };
            self.flushed = self.proven;
        }
    }

    /// The cursor for a frame that is written now.
    pub(super) fn cursor(&self, epoch: Epoch) -> Cursor {
        let replay = self.replay.as_ref();
        let replay = replay.filter(|catch| self.position <= catch.upto);
        // Until its hubs have been told of it, nobody knows what it is owed.
        let said = self.opening.then_some(self.brought);
        Cursor {
            epoch,
            order: self.position,
            replayed: replay.map(|catch| catch.at).or(said),
        }
    }

    /// Everything in the outbox has left. While the link is live that is everything that the pump has `passed`.
    pub(crate) fn flush(&mut self, passed: u64) {
        let live = match self.mode {
            Mode::Live => self.position.max(passed),
            _ => self.position,
        };
        let replay = self.catching().map_or(live, |catch| catch.at);
        self.flushed = Had { live, replay };
    }

    /// The last order of what goes to everybody that a client has which never says so: what has left for it, or what its
    /// newest request has shown.
    pub(super) fn had_live(&self) -> u64 {
        match self.downlink.is_single() || self.is_numbered() {
            true => self.proven.live,
            false => self.flushed.live,
        }
    }

    /// Asks the client whether it has had what has left, if it may be owed something; whether there is more to write.
    /// That it is heard of does not tell: what it says may have crossed what is on its way to it.
    pub(crate) fn probe(&mut self) -> bool {
        let owed = self.peer.persistent_id.is_some() || self.awaits_proof();
        let owed = owed && !self.is_numbered();
        let asks = owed && self.probed.is_none();
        let probe = self.downlink.probe().filter(|_| asks);
        let Some(probe) = probe.filter(|_| self.flushed != self.proven) else {
            return false;
        };
        let probe = Bytes::from_static(probe);
        let asked = self.outbox.push(Lane::Control, &probe).is_ok();
        self.probed = asked.then_some(self.flushed);
        asked
    }

    /// The probe was answered: what had left before it has reached the client.
    pub(crate) fn reached(&mut self) {
        if let Some(probed) = self.probed.take() {
            self.proven = self.proven_of(probed);
        }
        self.alive();
    }

    /// The client was heard of; where it can be asked, that alone proves nothing.
    pub(crate) fn heard(&mut self) {
        match self.downlink.probe() {
            Some(_) => self.alive(),
            None => self.hear(),
        }
    }

    /// The client was heard of, or said goodbye: what had left before counts as having reached it.
    pub(crate) fn hear(&mut self) {
        self.proven = self.proven_of(self.flushed);
        self.alive();
    }

    /// The last order that the client is known to have had of a hub, when everything up to `passed` was handed on.
    pub(crate) fn had(&self, hub: &HubName, passed: u64) -> u64 {
        let is_of = |(topic, _): &(Topic, u64)| topic.hub() == Some(hub);
        let replay = self.replay.as_ref();
        let owed = replay.is_some_and(|catch| catch.topics.iter().any(is_of));
        let Had { live, replay } = self.proven;
        let had = if owed { live.min(replay) } else { live };
        // What the pump was handing on as the request began is not for it.
        had.min(passed.max(self.forgiven))
    }

    /// The first hub is opened, when everything up to `passed` was handed on: what came before is not for the client, and
    /// it is not owed what it never gets.
    pub(crate) fn begin_at(&mut self, passed: u64) {
        self.proven.live = self.proven.live.max(passed);
        self.flushed.live = self.flushed.live.max(passed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str) -> Topic {
        Topic::Queue(HubName::from("hub"), name.into())
    }

    fn catch(topics: &[(&str, u64)], at: u64, upto: u64) -> Catch {
        let topics = topics.iter().map(|(name, after)| (topic(name), *after));
        Catch {
            topics: topics.collect(),
            at,
            upto,
            since: Instant::now(),
        }
    }

    /// What becomes of an older one that a newer one joins, with its bounds.
    fn joined(newer: Catch, older: Catch) -> (Vec<(Topic, u64)>, u64, u64) {
        let mut newer = newer;
        newer.join(older);
        (newer.topics, newer.at, newer.upto)
    }

    #[test]
    fn one_that_is_under_way_goes_on_where_it_is() {
        let older = catch(&[("a", 10), ("b", 70)], 50, 100);
        let (topics, at, upto) = joined(catch(&[("c", 20)], 20, 100), older);
        assert_eq!(
            topics,
            [(topic("c"), 20), (topic("a"), 50), (topic("b"), 70)]
        );
        assert_eq!((at, upto), (20, 100));
        // The newer one may begin later.
        let older = catch(&[("a", 10)], 50, 120);
        let (topics, at, upto) = joined(catch(&[("c", 90)], 90, 100), older);
        assert_eq!(topics, [(topic("c"), 90), (topic("a"), 50)]);
        assert_eq!((at, upto), (50, 120));
    }

    #[test]
    fn one_that_is_done_owes_nothing_and_is_remembered() {
        let older = catch(&[("a", 10)], 100, 100);
        let (topics, at, upto) = joined(catch(&[("c", 120)], 120, 150), older);
        assert_eq!(topics, [(topic("c"), 120), (topic("a"), u64::MAX)]);
        assert_eq!((at, upto), (120, 150));
    }

    #[test]
    fn a_hub_that_is_opened_again_and_again_is_there_once() {
        // Closed under way when only 30 was known to have arrived: that much is owed again.
        let older = catch(&[("a", 10)], 50, 100);
        let again = catch(&[("a", 30)], 30, 100);
        assert_eq!(joined(again, older), (vec![(topic("a"), 30)], 30, 100));
        let done = catch(&[("a", 10)], 100, 100);
        let again = catch(&[("a", 100)], 100, 110);
        assert_eq!(joined(again, done), (vec![(topic("a"), 100)], 100, 110));
        let mut catching = catch(&[("a", 10), ("b", 10)], 50, 100);
        for _ in 0..1_000 {
            let mut again = catch(&[("a", 10), ("b", 10)], 10, 100);
            again.join(catching);
            catching = again;
        }
        assert_eq!(catching.topics.len(), 2);
    }
}
