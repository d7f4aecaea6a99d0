//! A receive request that is cut after a number of bytes, wherever in a head, a chunk or a frame that is. What counts is
//! what came whole before.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::SOON;
use super::receive::{FRAME, POLL, SSE, payload_of};

pub const SOCKET: &str = "webSockets";

pub struct Cut {
    socket: TcpStream,
    transport: &'static str,
    /// So many bytes are still read.
    pub left: usize,
    head: bool,
    unread: Vec<u8>,
    /// What is left of a chunk, with its line end.
    chunk: usize,
    body: Vec<u8>,
    /// Whether the answer came to its end.
    pub ended: bool,
}

impl Cut {
    pub async fn open(
        addr: SocketAddr,
        transport: &'static str,
        target: &str,
        left: usize,
    ) -> Self {
        let mut socket = TcpStream::connect(addr).await.unwrap();
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let upgrade = if transport == SOCKET { upgrade } else { "" };
        let head = format!("GET {target} HTTP/1.1\r\nHost: test.example\r\n{upgrade}\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        Self {
            socket,
            transport,
            left,
            head: true,
            unread: Vec::new(),
            chunk: 0,
            body: Vec::new(),
            ended: false,
        }
    }

    /// Sends a short text on a WebSocket; whether it arrives, who knows.
    pub async fn say(&mut self, text: &str) {
        let len = u8::try_from(text.len()).unwrap();
        assert!(len < 126);
        let mut frame = vec![0x81, 0x80 | len, 0, 0, 0, 0];
        frame.extend(text.as_bytes());
        let _ = self.socket.write_all(&frame).await;
    }

    /// Reads on; gives what is whole now, keep-alives and preludes left out. `None` where it was cut, and at the end.
    pub async fn next(&mut self) -> Option<Vec<Value>> {
        if self.left == 0 || self.ended {
            return None;
        }
        let mut bytes = vec![0; self.left.min(4096)];
        let read = timeout(SOON, self.socket.read(&mut bytes)).await;
        let n = read.expect("nothing more comes").unwrap_or(0);
        self.left -= n;
        self.unread.extend(&bytes[..n]);
        let texts = self.texts();
        if n == 0 {
            self.ended = true;
        }
        let payloads = texts
            .iter()
            .filter(|text| !text.is_empty() && *text != "{}");
        Some(
            payloads
                .map(|text| serde_json::from_str(text).unwrap())
                .collect(),
        )
    }

    fn texts(&mut self) -> Vec<String> {
        if self.head {
            let Some(end) = find(&self.unread, b"\r\n\r\n") else {
                return Vec::new();
            };
            let head = String::from_utf8(self.unread.drain(..end + 4).collect()).unwrap();
            let status = if self.transport == SOCKET {
                "101"
            } else {
                "200"
            };
            assert_eq!(head.split(' ').nth(1), Some(status), "{head}");
            self.head = false;
        }
        if self.transport == SOCKET {
            return std::iter::from_fn(|| self.frame()).collect();
        }
        self.unchunk();
        std::iter::from_fn(|| self.unit()).collect()
    }

    fn unchunk(&mut self) {
        while !self.ended {
            if self.chunk == 0 {
                let Some(end) = find(&self.unread, b"\r\n") else {
                    return;
                };
                let size: Vec<u8> = self.unread.drain(..end + 2).collect();
                let size = std::str::from_utf8(&size).unwrap().trim();
                let size = usize::from_str_radix(size, 16).unwrap();
                self.ended = size == 0;
                self.chunk = size + 2;
            } else if self.unread.is_empty() {
                return;
            } else {
                let n = self.unread.len().min(self.chunk);
                let data = n.min(self.chunk.saturating_sub(2));
                self.body.extend(&self.unread[..data]);
                self.unread.drain(..n);
                self.chunk -= n;
            }
        }
    }

    fn unit(&mut self) -> Option<String> {
        let end = match self.transport {
            POLL => return self.ended.then(|| self.take(self.body.len())).flatten(),
            SSE => find(&self.body, b"\n\n")? + 2,
            FRAME => {
                let ends: [&[u8]; 3] = [b"</script>\r\n", b"</script>\n\n", b"<body>\r\n"];
                let ends = ends
                    .iter()
                    .filter_map(|end| Some(find(&self.body, end)? + end.len()));
                ends.min()?
            }
            other => panic!("{other}"),
        };
        let unit = self.take(end)?;
        Some(payload_of(&unit).map_or_else(String::new, |payload| payload.to_string()))
    }

    /// The first bytes of the body, without the blanks that keep a poll alive.
    fn take(&mut self, end: usize) -> Option<String> {
        let text = String::from_utf8(self.body.drain(..end).collect()).unwrap();
        let text = if self.transport == POLL {
            text.trim().to_owned()
        } else {
            text
        };
        (!text.is_empty()).then_some(text)
    }

    /// A whole text frame; a close frame is the end.
    fn frame(&mut self) -> Option<String> {
        let (head, len) = match *self.unread {
            [_, 126, a, b, ..] => (4, usize::from(u16::from_be_bytes([a, b]))),
            [_, 127, ..] if self.unread.len() >= 10 => {
                let len: [u8; 8] = self.unread[2..10].try_into().unwrap();
                (10, usize::try_from(u64::from_be_bytes(len)).unwrap())
            }
            [_, len @ ..=125, ..] => (2, usize::from(len)),
            _ => return None,
        };
        if self.unread.len() < head + len {
            return None;
        }
        let frame: Vec<u8> = self.unread.drain(..head + len).collect();
        if frame[0] == 0x88 {
            self.ended = true;
            return None;
        }
        assert_eq!(frame[0], 0x81, "whole and text");
        Some(String::from_utf8(frame[head..].to_vec()).unwrap())
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|at| at == what)
}
