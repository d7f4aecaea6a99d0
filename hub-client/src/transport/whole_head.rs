//! [`WholeHead`]: a stream that gives nothing before the head of an answer has arrived whole. The WebSocket library takes a
//! head in many small pieces for an attack, which some networks make of it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A head that is longer is given as far as it has come, for the library to refuse.
const LONGEST: usize = 16 * 1024;

/// What ends a head.
const END: &[u8] = b"\r\n\r\n";

#[derive(Debug)]
pub(super) struct WholeHead<S> {
    io: S,
    /// What arrived until the head was whole, and was not taken yet.
    held: BytesMut,
    whole: bool,
}

impl<S> WholeHead<S> {
    pub(super) fn new(io: S) -> Self {
        Self {
            io,
            held: BytesMut::new(),
            whole: false,
        }
    }

    fn is_whole(&self) -> bool {
        self.held.len() >= LONGEST || self.held.windows(END.len()).any(|end| end == END)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WholeHead<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while !this.whole {
            let mut space = [0; 1024];
            let mut part = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut this.io).poll_read(cx, &mut part))?;
            this.held.extend_from_slice(part.filled());
            this.whole = part.filled().is_empty() || this.is_whole();
        }
        if this.held.is_empty() {
            return Pin::new(&mut this.io).poll_read(cx, into);
        }
        let taken = this.held.len().min(into.remaining());
        into.put_slice(this.held.get(..taken).unwrap_or_default());
        this.held.advance(taken);
        if this.held.is_empty() {
            // It is not needed again.
            this.held = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WholeHead<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt, StreamExt};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::{accept_async, client_async};

    use super::*;

    #[tokio::test]
    async fn a_handshake_whose_bytes_come_one_at_a_time_succeeds() {
        let (client, server) = tokio::io::duplex(1);
        let server = tokio::spawn(async move {
            let mut socket = accept_async(WholeHead::new(server)).await.unwrap();
            socket.send(Message::text("hello")).await.unwrap();
            socket
        });
        let client = WholeHead::new(client);
        let (mut socket, _) = client_async("ws://h/", client).await.unwrap();
        let heard = socket.next().await.unwrap().unwrap();
        assert_eq!(heard, Message::text("hello"));
        drop(server.await.unwrap());
    }

    #[tokio::test]
    async fn what_follows_a_head_is_kept_and_an_end_or_a_length_without_one_is_no_wait() {
        for (sent, first) in [
            (b"a\r\n\r\nbc".to_vec(), 3),
            (b"no head".to_vec(), 7),
            (vec![b'x'; LONGEST + 1], 100),
        ] {
            let (client, mut server) = tokio::io::duplex(LONGEST * 2);
            server.write_all(&sent).await.unwrap();
            if sent.len() < LONGEST {
                server.shutdown().await.unwrap();
            }
            let mut client = WholeHead::new(client);
            let mut got = vec![0; first];
            client.read_exact(&mut got).await.unwrap();
            drop(server);
            client.read_to_end(&mut got).await.unwrap();
            assert_eq!(got, sent);
        }
    }
}
