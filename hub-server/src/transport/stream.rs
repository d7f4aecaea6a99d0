//! [`Stream`]: a receive request over plain HTTP, as the body of its answer. hyper polls it when the client takes more;
//! there is no task of its own.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::connection::link::{End, Mode, Opened};
use crate::connection::resume::Reader;
use crate::connection::{lifetime, pressure};

pub(crate) struct Stream {
    prelude: Option<Bytes>,
    /// `None` for a request that was refused when its head was out already.
    opened: Option<Opened>,
    reader: Reader,
    /// The payload that a replaced request ends with: the way back that its client had.
    last: Option<Bytes>,
    ended: bool,
}

impl Stream {
    /// The stream of a receive request; `prelude` goes first.
    pub(crate) fn new(prelude: Option<Bytes>, opened: Opened) -> Self {
        Self {
            prelude,
            opened: Some(opened),
            reader: Reader::default(),
            last: None,
            ended: false,
        }
    }

    /// A stream that is cut after its prelude (`classic-signalr.md` 2.5 row 14).
    pub(crate) fn cut(prelude: Option<Bytes>) -> Self {
        Self {
            prelude,
            opened: None,
            reader: Reader::default(),
            last: None,
            ended: false,
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if let Some(prelude) = self.prelude.take() {
            return Poll::Ready(Some(Ok(prelude)));
        }
        let Some(opened) = &self.opened else {
            if !std::mem::replace(&mut self.ended, true) {
                // hyper flushes while it waits; with an error it would drop what it has not sent yet, head and all.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(Some(Err(io::ErrorKind::InvalidInput.into())));
        };
        let (node, connection) = (&opened.node, &opened.connection);
        let _inside = opened.span.enter();
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            self.reader.poll(cx, opened);
            let mut link = connection.link();
            if link.request != opened.request {
                // Replaced: a long poll ends with its own cursor (`classic-signalr.md` 10.4).
                self.ended = true;
                return Poll::Ready(self.last.take().map(Ok));
            }
            if link.end == Some(End::Aborted) {
                self.ended = true;
                return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
            }
            // What overtakes is written first.
            let closes = link.end == Some(End::Closed);
            if link.end.is_some() {
                self.ended = !closes;
                link.conclude(node.epoch, node.is_leaving());
            } else {
                link.settle(node.epoch);
                self.last = link.way_back(node.epoch);
            }
            if let Some(bytes) = link.outbox.drain() {
                // hyper asks when it has room again.
                link.flow.take(bytes.len());
                return Poll::Ready(Some(Ok(bytes)));
            }
            link.flow.clear();
            if link.mode == Mode::Served || closes {
                self.ended = true;
                if link.mode == Mode::Served {
                    link.flush(node.tide.passed());
                }
                if link.drained() {
                    let _ = connection.parting.set(true);
                }
                continue;
            }
            link.flush(node.tide.passed());
            if link.drained() {
                let _ = connection.parting.set(true);
                continue;
            }
            pressure::look(node, connection, &mut link);
            let settled = link.settled();
            link.park(cx.waker());
            drop(link);
            node.settle(&connection.id, settled);
            if self.ended || !self.reader.is_due(connection) {
                return if self.ended {
                    Poll::Ready(None)
                } else {
                    Poll::Pending
                };
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(Opened {
            node,
            connection,
            request,
            ..
        }) = &self.opened
        {
            lifetime::detach(node, connection, *request, false);
        }
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stream")
    }
}
