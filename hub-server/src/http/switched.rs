//! [`Switched`]: a socket after its upgrade; and [`Held`]: the same before that, as hyper has it. The answer to an upgrade is kept back
//! there, to leave in one write with what is said first.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use crate::transport::first_bytes::Begun;

/// What the answer to an upgrade begins with.
const SWITCHING: &[u8] = b"HTTP/1.1 101 ";

/// A socket that speaks something else than HTTP now.
pub(crate) struct Switched {
    pub(crate) socket: Box<dyn Io>,
    /// What was read from it already.
    pub(crate) read: Vec<u8>,
    /// What has to be written before anything else.
    pub(crate) unsent: Bytes,
}

impl Switched {
    /// The bare socket where it is known: hyper's own buffers go, and reads and writes are direct. Any other is read and written
    /// through hyper.
    pub(super) fn of(upgraded: Upgraded) -> Self {
        let upgraded = match upgraded.downcast::<TokioIo<Held<TcpStream>>>() {
            Ok(parts) => return Self::released(parts.io.into_inner(), &parts.read_buf),
            Err(upgraded) => upgraded,
        };
        let upgraded = match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => {
                let held = Held::new(parts.io.into_inner());
                return Self::released(held, &parts.read_buf);
            }
            Err(upgraded) => upgraded,
        };
        match upgraded.downcast::<TokioIo<Held<Begun<TcpStream>>>>() {
            Ok(parts) => Self::released(parts.io.into_inner(), &parts.read_buf),
            Err(upgraded) => Self {
                socket: Box::new(TokioIo::new(upgraded)),
                read: Vec::new(),
                unsent: Bytes::new(),
            },
        }
    }

    fn released<S: Io + 'static>(held: Held<S>, read: &[u8]) -> Self {
        let Held { socket, unsent } = held;
        Self {
            socket: Box::new(socket),
            read: read.to_vec(),
            unsent,
        }
    }

    /// Writes what is still to be written, where it is not known when there will be more.
    ///
    /// # Errors
    /// When the socket broke.
    pub(super) async fn settle(&mut self) -> io::Result<()> {
        self.socket
            .write_all(&std::mem::take(&mut self.unsent))
            .await
    }
}

/// What is read and written.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Io for S {}

/// A socket that keeps back the answer to an upgrade until something else is read or written.
#[derive(Debug)]
pub(crate) struct Held<S> {
    socket: S,
    unsent: Bytes,
}

impl<S> Held<S> {
    pub(crate) fn new(socket: S) -> Self {
        let unsent = Bytes::new();
        Self { socket, unsent }
    }

    /// Takes the answer to an upgrade.
    fn keeps(&mut self, pieces: &[IoSlice<'_>]) -> Option<usize> {
        let switches = pieces.first()?.starts_with(SWITCHING) && self.unsent.is_empty();
        switches.then(|| {
            let pieces: Vec<&[u8]> = pieces.iter().map(|piece| &**piece).collect();
            self.unsent = pieces.concat().into();
            self.unsent.len()
        })
    }
}

impl<S: AsyncWrite + Unpin> Held<S> {
    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            match ready!(Pin::new(&mut self.socket).poll_write(cx, &self.unsent))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.unsent.advance(written),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Held<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_unsent(cx))?;
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Held<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(kept) = self.keeps(&[IoSlice::new(buf)]) {
            return Poll::Ready(Ok(kept));
        }
        ready!(self.poll_unsent(cx))?;
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(kept) = self.keeps(bufs) {
            return Poll::Ready(Ok(kept));
        }
        ready!(self.poll_unsent(cx))?;
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_unsent(cx))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};

    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";

    /// What has arrived by now.
    fn arrived(far: &mut DuplexStream) -> Vec<u8> {
        let mut bytes = [0; 100];
        let mut buf = ReadBuf::new(&mut bytes);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let _ = Pin::new(far).poll_read(&mut cx, &mut buf);
        buf.filled().to_vec()
    }

    #[tokio::test]
    async fn the_answer_to_an_upgrade_leaves_with_what_is_written_next() {
        let (near, mut far) = duplex(1000);
        let mut held = Held::new(near);
        held.write_all(ANSWER).await.unwrap();
        held.flush().await.unwrap();
        assert_eq!(arrived(&mut far), b"");
        held.write_all(b"more").await.unwrap();
        assert_eq!(arrived(&mut far), [ANSWER, b"more"].concat());
        // Whatever it looks like: it is no answer any more.
        held.write_all(b"HTTP/1.1 200 OK").await.unwrap();
        assert_eq!(arrived(&mut far), b"HTTP/1.1 200 OK");
    }

    #[tokio::test]
    async fn it_leaves_before_anything_is_read_or_the_socket_is_closed() {
        for reads in [true, false] {
            let (near, mut far) = duplex(1000);
            let mut held = Held::new(near);
            let (head, rest) = ANSWER.split_at(20);
            let pieces = [IoSlice::new(head), IoSlice::new(rest)];
            let written = held.write_vectored(&pieces).await.unwrap();
            assert_eq!(written, ANSWER.len());
            if reads {
                far.write_all(b"x").await.unwrap();
                assert_eq!(held.read_u8().await.unwrap(), b'x');
            } else {
                held.shutdown().await.unwrap();
            }
            assert_eq!(arrived(&mut far), ANSWER);
        }
    }

    #[tokio::test]
    async fn what_is_left_of_it_is_handed_on_or_written_by_itself() {
        let (near, mut far) = duplex(1000);
        let mut held = Held::new(near);
        held.write_all(ANSWER).await.unwrap();
        let mut switched = Switched::released(held, b"early");
        assert_eq!(
            (&*switched.unsent, &*switched.read),
            (ANSWER, &b"early"[..])
        );
        assert_eq!(arrived(&mut far), b"");
        switched.settle().await.unwrap();
        assert_eq!(arrived(&mut far), ANSWER);
        assert!(switched.unsent.is_empty());
    }
}
