//! Messages that overtake what waits for a client. They are in no log: on a link that lives they come once, and with it they
//! are lost.

use bytes::BytesMut;
use hub_core::{Classic, Cursor, Envelope, Epoch, Event, Full, Lane, Protocol, Tag};

use super::{Link, Mode};

/// There is nothing to overtake on, or something that must not be overtaken.
pub(crate) struct InTurn;

impl Link {
    /// Writes an event in the high lane; `Ok(false)` if there is no room.
    ///
    /// Its frame bears the cursor of the last frame that has left in order: some clients forget theirs over a frame without
    /// one, and a newer one would leave out what was overtaken if the link breaks now. It has no number, also where the
    /// others do: to acknowledge it would acknowledge what it overtook.
    ///
    /// # Errors
    /// When it has to go in its turn.
    pub(crate) fn overtake(&mut self, epoch: Epoch, event: &Event) -> Result<bool, InTurn> {
        let writes = matches!(self.mode, Mode::Live | Mode::Behind);
        if !writes || self.opening || self.end.is_some() || self.downlink.is_single() {
            return Err(InTurn);
        }
        let cursor = self.overtaking_cursor(epoch).ok_or(InTurn)?;
        let protocol = self.downlink.protocol();
        let tag = Tag {
            order: 0,
            ask: None,
        };
        // It has no place in the log, and no tag that says one.
        let part = match protocol.answers() {
            true => Classic.event(event, tag),
            false => protocol.event(event, tag),
        };
        let mut payload = BytesMut::new();
        protocol.frame(cursor, Envelope::default(), &[&part], &mut payload);
        let mut frame = BytesMut::new();
        self.downlink.wrap(&payload, &mut frame);
        let pushed = self.outbox.push(Lane::Send, &frame.freeze());
        self.wake();
        Ok(pushed != Err(Full))
    }

    /// The position that a client has by now, if it can be said in one number.
    fn overtaking_cursor(&self, epoch: Epoch) -> Option<Cursor> {
        let order = self.outbox.left();
        let mut cursor = Cursor::at(epoch, order);
        if let Some(catch) = self.replay.as_ref().filter(|catch| order <= catch.upto) {
            // Nobody knows how much of what was kept has left, unless all has.
            if self.catching().is_some() || self.outbox.waits(Lane::Post) {
                return None;
            }
            cursor.replayed = Some(catch.at);
        }
        Some(cursor)
    }
}
