//! Commands and claims that the pump reads, and what they change.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;

use hub_core::{Command, ConnectionId, Log, Topic};

use super::{Effects, Inner};
use crate::connection::claim::Verdict;
use crate::connection::link::{Connection, Mode};
use crate::meter::Closure;

impl Inner {
    /// Another node claims a connection.
    pub(super) fn hear(
        &mut self,
        id: &ConnectionId,
        order: u64,
        log: &dyn Log,
        effects: &mut Effects,
    ) {
        let Some(connection) = self.by_id.get(id).map(|tracked| tracked.connection.clone()) else {
            return;
        };
        let verdict = connection.link().claim.hear(order);
        match verdict {
            Verdict::Keeps => {}
            Verdict::ClaimsAgain => effects.claims_again = Some(connection),
            Verdict::GivesUp => effects.wake.extend(self.give_up(&connection, log)),
        }
    }

    /// Forgets a connection that another node has; no hub of this one hears of it.
    pub(super) fn give_up(&mut self, connection: &Arc<Connection>, log: &dyn Log) -> Option<Waker> {
        connection.ended.store(true, Ordering::Release);
        let _ = connection.parting.set(false);
        connection.measured.end(Closure::Normal);
        self.remove(connection, log);
        connection.link().give_up()
    }

    pub(super) fn command(
        &mut self,
        id: &ConnectionId,
        command: &Command,
        order: u64,
        log: &dyn Log,
        effects: &mut Effects,
    ) {
        let Some(connection) = self.by_id.get(id).map(|tracked| tracked.connection.clone()) else {
            return;
        };
        let (hub, group, ack) = match command {
            Command::Join(hub, group, ack) | Command::Leave(hub, group, ack) => (hub, group, ack),
            Command::Abort => {
                effects.aborted = Some(connection);
                return;
            }
            _ => return,
        };
        effects.acknowledged = Some(*ack);
        let topic = Topic::Group(hub.clone(), group.clone());
        let joins = matches!(command, Command::Join(..));
        {
            let link = connection.link();
            if link.mode == Mode::Live && order <= link.position {
                // It has read it in the log already.
                return;
            }
        }
        if joins {
            // Also for a connection that is away or catching up: from now on the log keeps the topic for it.
            self.listen(&connection, &topic, log);
        }
        let mut link = connection.link();
        if link.mode != Mode::Live {
            // It reads the command in the log, in its place.
            return;
        }
        link.regroup(command, order);
        if self.floor > order {
            // The tail may leave out what the group got meanwhile.
            link.mode = Mode::Behind;
        }
        effects.wake.extend(link.take_waker());
        if !joins {
            drop(link);
            self.unlisten(&connection, &topic, log);
            self.leave(&connection, &topic);
        }
    }
}
