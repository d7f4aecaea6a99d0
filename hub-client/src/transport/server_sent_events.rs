//! The serverSentEvents transport: the receiving half (`classic-signalr.md` 6.2). Calls go as requests of their own.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Incoming};

use super::event_stream::EventStream;
use super::{Link, Place};
use crate::error::LinkError;

pub(crate) struct ServerSentEvents {
    body: Incoming,
    events: EventStream,
}

impl ServerSentEvents {
    /// Reads the frames of an answer, of `max_frame` bytes at most.
    pub(crate) fn new(body: Incoming, max_frame: usize) -> Self {
        let events = EventStream::new(max_frame);
        Self { body, events }
    }
}

impl Link for ServerSentEvents {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        after: Option<Place<'_>>,
    ) -> Poll<Result<Option<Bytes>, LinkError>> {
        if after.is_none() {
            return Poll::Pending;
        }
        loop {
            if let Some(frame) = self.events.frame() {
                return Poll::Ready(Ok(Some(frame)));
            }
            let part = match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(part)) => {
                    part.map_err(|error| LinkError::Failed(Arc::new(error)))?
                }
                Poll::Ready(None) => return Poll::Ready(Err(LinkError::Closed)),
                Poll::Pending => return Poll::Pending,
            };
            if let Ok(bytes) = part.into_data() {
                let pushed = self.events.push(&bytes);
                pushed.map_err(|error| LinkError::Failed(Arc::new(error)))?;
            }
        }
    }
}
