//! [`Wire`]: a socket whose output is a queue of ready bytes.
//!
//! tungstenite reads through it and answers pings into the queue; frames of the outbox join them there as they are,
//! without being copied into tungstenite's own buffer and framed again. Nothing is written before the driver flushes, so
//! that everything ready goes out at once.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// tungstenite may queue pongs up to this size; a peer that only pings and never reads does not fill the memory.
const MAX_QUEUED: usize = 64 * 1024;

/// So many pieces go into one write.
const PIECES: usize = 16;

pub(crate) struct Wire<S> {
    socket: S,
    queue: VecDeque<Bytes>,
    queued: usize,
}

impl<S> Wire<S> {
    pub(crate) fn new(socket: S) -> Self {
        Self {
            socket,
            queue: VecDeque::new(),
            queued: 0,
        }
    }

    /// Bytes not yet written.
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// Queues whole frames.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.queued += bytes.len();
        self.queue.push_back(bytes);
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    /// Writes what is queued, as far as the socket takes it.
    pub(crate) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.queued > 0 {
            let written = if self.queue.len() == 1 {
                let first = self.queue.front().map_or(&[][..], |bytes| bytes);
                ready!(Pin::new(&mut self.socket).poll_write(cx, first))?
            } else {
                let mut slices = [IoSlice::new(&[]); PIECES];
                let mut count = 0;
                for (slice, bytes) in slices.iter_mut().zip(&self.queue) {
                    *slice = IoSlice::new(bytes);
                    count += 1;
                }
                let slices = slices.get(..count).unwrap_or_default();
                ready!(Pin::new(&mut self.socket).poll_write_vectored(cx, slices))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        if self.queue.capacity() > PIECES {
            self.queue = VecDeque::new();
        }
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn advance(&mut self, mut written: usize) {
        self.queued -= written;
        while let Some(first) = self.queue.front_mut() {
            if first.len() > written {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.queue.pop_front();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.queued > MAX_QUEUED {
            ready!(self.poll_drain(cx))?;
        }
        self.push(Bytes::copy_from_slice(buf));
        Poll::Ready(Ok(buf.len()))
    }

    // The driver drains; tungstenite asks for a flush after every read.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn pieces_arrive_in_order_whatever_the_socket_takes() {
        let (near, mut far) = tokio::io::duplex(7);
        let mut wire = Wire::new(near);
        let mut expected = Vec::new();
        for n in 0..40u8 {
            let piece = vec![n; usize::from(n)];
            expected.extend_from_slice(&piece);
            wire.push(piece.into());
        }
        let reader = tokio::spawn(async move {
            let mut all = Vec::new();
            far.read_to_end(&mut all).await.unwrap();
            all
        });
        std::future::poll_fn(|cx| wire.poll_drain(cx))
            .await
            .unwrap();
        assert_eq!(wire.queued(), 0);
        drop(wire);
        assert_eq!(reader.await.unwrap(), expected);
    }
}
