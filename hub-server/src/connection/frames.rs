//! [`Frames`]: one entry on its way to many connections.

use bytes::{Bytes, BytesMut};
use hub_core::{Cursor, Entry, Envelope, Epoch};

use super::downlink::{CARRIERS, Downlink};

/// One entry as frames, made once per carrier and shared by all its connections.
pub(crate) struct Frames<'a> {
    pub(super) epoch: Epoch,
    entry: &'a Entry,
    made: [Option<Bytes>; CARRIERS],
}

impl<'a> Frames<'a> {
    pub(crate) fn new(epoch: Epoch, entry: &'a Entry) -> Self {
        Self {
            epoch,
            entry,
            made: Default::default(),
        }
    }

    /// The frame for a carrier's connections; `None` where they don't share one.
    pub(super) fn of(&mut self, downlink: &dyn Downlink) -> Option<&Bytes> {
        let made = self.made.get_mut(downlink.slot()?)?;
        if made.is_none() {
            let protocol = downlink.protocol();
            let part = self.entry.part(protocol)?;
            let mut payload = BytesMut::with_capacity(part.len() + 48);
            let cursor = Cursor::at(self.epoch, self.entry.order);
            protocol.frame(cursor, Envelope::default(), &[part], &mut payload);
            let mut frame = BytesMut::with_capacity(payload.len() + 64);
            downlink.wrap(&payload, &mut frame);
            *made = Some(frame.freeze());
        }
        made.as_ref()
    }
}
