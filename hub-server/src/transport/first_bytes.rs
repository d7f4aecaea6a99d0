//! [`Spoken`]: what a client speaks, told by its first bytes (`delivery.md` e.1), and [`Begun`]: the socket with those bytes
//! still to be read.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::timeout;

/// So many bytes decide: the longest verb and what follows it.
const ENOUGH: usize = 8;

/// What HTTP/1.1 begins with, and the preface of HTTP/2, which whoever serves HTTP may know.
const VERBS: [&[u8]; 10] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"CONNECT ",
    b"TRACE ",
    b"PATCH ",
    b"PRI * ",
];

/// What the text protocol begins with, in any case.
const TEXT: &[u8] = b"puttypro";

/// A telnet client may begin with a command.
const TELNET: u8 = 0xFF;

/// A TLS record of a handshake.
const TLS: u8 = 0x16;

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoken {
    Http,
    Text,
    Tls,
    Unknown,
}

impl Spoken {
    /// What begins like this; nothing while it may become one thing or another.
    fn of(bytes: &[u8]) -> Option<Self> {
        let begins = |word: &[u8]| word.iter().zip(bytes).all(|(a, b)| a == b);
        let is_text = TEXT
            .iter()
            .zip(bytes)
            .all(|(a, b)| *a == b.to_ascii_lowercase());
        let verb = VERBS.iter().find(|verb| begins(verb));
        match (bytes.first()?, verb) {
            (&TLS, _) => Some(Self::Tls),
            (&TELNET, _) => Some(Self::Text),
            (_, Some(verb)) if bytes.len() >= verb.len() => Some(Self::Http),
            _ if is_text && bytes.len() >= TEXT.len() => Some(Self::Text),
            (_, None) if !is_text => Some(Self::Unknown),
            _ => None,
        }
    }
}

/// Reads until it is clear what a client speaks; nothing if it does not say so in time, or goes.
pub(crate) async fn listen<S>(mut socket: S, patience: Duration) -> Option<(Spoken, Begun<S>)>
where
    S: AsyncRead + Unpin,
{
    let mut bytes = [0; ENOUGH];
    let mut read = 0;
    let deciding = async {
        while let Some(room) = bytes.get_mut(read..).filter(|room| !room.is_empty()) {
            match socket.read(room).await {
                Ok(more) if more > 0 => read += more,
                _ => return None,
            }
            let so_far = bytes.get(..read).unwrap_or_default();
            if let Some(spoken) = Spoken::of(so_far) {
                return Some(spoken);
            }
        }
        Some(Spoken::Unknown)
    };
    let spoken = timeout(patience, deciding).await.ok()??;
    let begun = Begun {
        head: Bytes::copy_from_slice(bytes.get(..read).unwrap_or_default()),
        socket,
    };
    Some((spoken, begun))
}

/// A socket whose first bytes are known already; they are read once more.
#[derive(Debug)]
pub struct Begun<S> {
    head: Bytes,
    socket: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Begun<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.head.is_empty() {
            return Pin::new(&mut self.socket).poll_read(cx, buf);
        }
        let taken = self.head.len().min(buf.remaining());
        buf.put_slice(self.head.get(..taken).unwrap_or_default());
        self.head.advance(taken);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Begun<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    const SOON: Duration = Duration::from_secs(10);

    #[test]
    fn the_first_bytes_decide_as_soon_as_they_can() {
        for (bytes, spoken) in [
            (&b"GET / HTTP/1.1"[..], Some(Spoken::Http)),
            (b"PUT /", Some(Spoken::Http)),
            (b"POST ", Some(Spoken::Http)),
            (b"PATCH ", Some(Spoken::Http)),
            (b"OPTIONS *", Some(Spoken::Http)),
            (b"PRI * HT", Some(Spoken::Http)),
            (b"PuttyProtocol", Some(Spoken::Text)),
            (b"puttyprotocol?qos=1", Some(Spoken::Text)),
            (b"PUTTYPRO", Some(Spoken::Text)),
            (b"\xff\xfd\x01", Some(Spoken::Text)),
            (b"\x16\x03\x01", Some(Spoken::Tls)),
            (b"", None),
            (b"P", None),
            (b"PU", None),
            (b"PUT", None),
            (b"pu", None),
            (b"PUTT", None),
            (b"Puttypr", None),
            (b"OPTIONS", None),
            (b"get / HTTP", Some(Spoken::Unknown)),
            (b"GETS ", Some(Spoken::Unknown)),
            (b"GE ", Some(Spoken::Unknown)),
            (b"put ", Some(Spoken::Unknown)),
            (b"Puttyx", Some(Spoken::Unknown)),
            (b"foo|1|", Some(Spoken::Unknown)),
            (b"\r\n", Some(Spoken::Unknown)),
            (b"\0", Some(Spoken::Unknown)),
            (b"SSH-2.0", Some(Spoken::Unknown)),
        ] {
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(Spoken::of(bytes), spoken, "{text:?}");
        }
    }

    #[tokio::test]
    async fn nothing_that_was_read_is_lost_wherever_it_is_cut() {
        let said = b"PuttyProtocol?qos=1\r\nfoo|1|\r\n";
        for cut in 0..said.len() {
            let (near, mut far) = tokio::io::duplex(64);
            let (head, tail) = said.split_at(cut);
            let saying = async {
                far.write_all(head).await.unwrap();
                tokio::task::yield_now().await;
                far.write_all(tail).await.unwrap();
                drop(far);
            };
            let (heard, ()) = tokio::join!(listen(near, SOON), saying);
            let (spoken, mut begun) = heard.unwrap();
            assert_eq!(spoken, Spoken::Text, "{cut}");
            let mut all = Vec::new();
            begun.read_to_end(&mut all).await.unwrap();
            assert_eq!(all, said, "{cut}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_too_little_for_too_long_is_nobody() {
        for said in ["", "PUT", "puttypr"] {
            let (near, mut far) = tokio::io::duplex(64);
            far.write_all(said.as_bytes()).await.unwrap();
            assert!(listen(near, SOON).await.is_none(), "{said}");
            let (near, mut far) = tokio::io::duplex(64);
            far.write_all(said.as_bytes()).await.unwrap();
            drop(far);
            assert!(listen(near, SOON).await.is_none(), "{said}, and gone");
        }
    }
}
