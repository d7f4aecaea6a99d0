//! [`LineReader`]: lines from a socket, none longer than it may be.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::telnet::Telnet;
use super::wire::Wire;

/// So much is read at once.
const CHUNK: usize = 4 * 1024;

/// Lines from a socket.
pub(super) struct LineReader<S> {
    pub(super) wire: Wire<S>,
    telnet: Telnet,
    buffer: BytesMut,
    /// Up to here there is no line's end.
    searched: usize,
    max: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> LineReader<S> {
    pub(super) fn new(socket: S, max: usize) -> Self {
        Self {
            wire: Wire::new(socket),
            telnet: Telnet::default(),
            buffer: BytesMut::new(),
            searched: 0,
            max,
        }
    }

    /// The next line without its end; nothing at the end of the stream. A line that is too long is invalid data.
    pub(super) fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            let fresh = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(at) = fresh.iter().position(|&byte| byte == b'\n') {
                let mut line = self.buffer.split_to(self.searched + at + 1);
                self.searched = 0;
                line.truncate(line.len() - 1);
                if line.last() == Some(&b'\r') {
                    line.truncate(line.len() - 1);
                }
                return Poll::Ready(if line.len() > self.max {
                    Err(io::ErrorKind::InvalidData.into())
                } else {
                    Ok(Some(line.freeze()))
                });
            }
            self.searched = self.buffer.len();
            if self.searched > self.max {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            let mut chunk = [0; CHUNK];
            let mut read = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut self.wire).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(None));
            }
            self.telnet.clean(read.filled(), &mut self.buffer);
        }
    }
}
