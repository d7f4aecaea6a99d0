//! Receiving by serverSentEvents, longPolling or foreverFrame, every byte by hand.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

#[allow(unused_imports, reason = "not every test wants it")]
pub use super::dice::Dice;
pub use super::over::Over;
use super::{Io, Response, SOON, Server};

pub const SSE: &str = "serverSentEvents";
pub const POLL: &str = "longPolling";
pub const FRAME: &str = "foreverFrame";
pub const ALL: [&str; 3] = [SSE, POLL, FRAME];

pub const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";

/// How an answer's body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As HTTP has it end.
    Complete,
    /// The connection was cut.
    Cut,
}

/// An answer whose body comes bit by bit.
pub struct Receiver {
    socket: Box<dyn Io>,
    unread: Vec<u8>,
    /// Bytes of the body that no unit has taken.
    rest: Vec<u8>,
    patience: Duration,
    pub status: u16,
    pub headers: HashMap<String, String>,
    length: Option<usize>,
    pub ended: Option<Ended>,
}

impl Receiver {
    async fn new(socket: Box<dyn Io>, patience: Duration) -> Self {
        let mut receiver = Self {
            socket,
            unread: Vec::new(),
            rest: Vec::new(),
            patience,
            status: 0,
            headers: HashMap::new(),
            length: None,
            ended: None,
        };
        let head = loop {
            let end = receiver.unread.windows(4).position(|at| at == b"\r\n\r\n");
            if let Some(end) = end {
                break receiver.unread.drain(..end + 4).collect::<Vec<_>>();
            }
            assert!(receiver.more().await, "no head");
        };
        let head = Response::parse(&head);
        receiver.status = head.status;
        receiver.length = head
            .headers
            .get("content-length")
            .map(|n| n.parse().unwrap());
        receiver.headers = head.headers;
        receiver
    }

    async fn more(&mut self) -> bool {
        let mut bytes = [0; 16 * 1024];
        let read = timeout(self.patience, self.socket.read(&mut bytes)).await;
        let read = read.unwrap_or_else(|_| {
            let rest = String::from_utf8_lossy(&self.rest);
            panic!("nothing more comes; not taken yet: {rest:?}")
        });
        let n = read.unwrap_or(0);
        self.unread.extend_from_slice(&bytes[..n]);
        n > 0
    }

    async fn exactly(&mut self, n: usize) -> Option<Vec<u8>> {
        while self.unread.len() < n {
            if !self.more().await {
                return None;
            }
        }
        Some(self.unread.drain(..n).collect())
    }

    /// The next chunk, as it was flushed; `None` at the end.
    pub async fn chunk(&mut self) -> Option<String> {
        let bytes = self.bytes().await?;
        Some(String::from_utf8(bytes).unwrap())
    }

    async fn bytes(&mut self) -> Option<Vec<u8>> {
        if self.ended.is_some() {
            return None;
        }
        let chunk = self.try_bytes().await;
        if chunk.is_none() {
            self.ended.get_or_insert(Ended::Cut);
        }
        chunk.filter(|_| self.ended.is_none())
    }

    async fn try_bytes(&mut self) -> Option<Vec<u8>> {
        if let Some(length) = self.length {
            let bytes = self.exactly(length).await?;
            self.length = Some(0);
            if length == 0 {
                self.ended = Some(Ended::Complete);
            }
            return Some(bytes);
        }
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.extend(self.exactly(1).await?);
        }
        let size = std::str::from_utf8(&line).unwrap().trim();
        let size = usize::from_str_radix(size, 16).unwrap();
        let mut bytes = self.exactly(size + 2).await?;
        bytes.truncate(size);
        if size == 0 {
            self.ended = Some(Ended::Complete);
        }
        Some(bytes)
    }

    /// The next of what the transport frames, with its line ends: a prelude, a payload, a keep-alive; `None` at the end.
    pub async fn unit(&mut self) -> Option<String> {
        loop {
            let ends: &[&str] = match &*self.headers["content-type"] {
                "text/event-stream" => &["\n\n"],
                _ => &["</script>\r\n", "</script>\n\n", "<body>\r\n"],
            };
            let text = String::from_utf8_lossy(&self.rest);
            let end = ends
                .iter()
                .filter_map(|end| Some(text.find(end)? + end.len()));
            if let Some(end) = end.min() {
                let unit = text[..end].to_owned();
                self.rest.drain(..unit.len());
                return Some(unit);
            }
            match self.bytes().await {
                Some(bytes) => self.rest.extend(bytes),
                None => {
                    assert!(self.rest.is_empty(), "half a unit: {:?}", self.rest);
                    return None;
                }
            }
        }
    }

    /// All that still comes.
    pub async fn body(&mut self) -> String {
        let mut body = std::mem::take(&mut self.rest);
        while let Some(bytes) = self.bytes().await {
            body.extend(bytes);
        }
        String::from_utf8(body).unwrap()
    }

    /// The socket, for tests that stop reading it.
    pub fn into_socket(self) -> Box<dyn Io> {
        self.socket
    }
}

/// The payload in a unit; `None` for keep-alives and preludes.
pub fn payload_of(unit: &str) -> Option<Value> {
    let text = match unit.strip_prefix("data: ") {
        Some(line) => {
            let line = line.strip_suffix("\n\n").unwrap();
            assert!(!line.contains(['\r', '\n']), "more than a line: {unit:?}");
            line
        }
        None => {
            let call = unit.strip_prefix("<script>r(c, ")?;
            let call = call.trim_end().strip_suffix(");</script>").unwrap();
            assert!(!call.contains(['<', '>']), "{unit}");
            call
        }
    };
    if text == "initialized" || text == "{}" {
        return None;
    }
    Some(serde_json::from_str(text).unwrap())
}

impl Server {
    /// Longer than anything takes: on a clock that is paused, that may be much.
    pub fn patience(&self) -> Duration {
        match self.addr() {
            Some(_) => SOON,
            None => Duration::from_secs(10_000),
        }
    }

    /// A request with a body exactly as given; all of the answer.
    pub async fn post(&self, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let mut socket = self.dial().await;
        let mut head = format!(
            "POST {target} HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let mut bytes = Vec::new();
        let (mut read, mut write) = tokio::io::split(&mut socket);
        let both = async {
            let sent = async {
                write.write_all((head + "\r\n").as_bytes()).await?;
                write.write_all(body).await
            };
            tokio::join!(sent, read.read_to_end(&mut bytes)).1
        };
        timeout(self.patience(), both).await.unwrap().unwrap();
        Response::parse(&bytes)
    }

    /// A request whose answer comes bit by bit; a form makes it a POST.
    pub async fn ask(
        &self,
        target: &str,
        headers: &[(&str, &str)],
        form: Option<&str>,
    ) -> Receiver {
        let mut socket = self.dial().await;
        let method = if form.is_some() { "POST" } else { "GET" };
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: test.example\r\n");
        if let Some(form) = form {
            head += &format!("Content-Type: {FORM}\r\nContent-Length: {}\r\n", form.len());
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let request = format!("{head}\r\n{}", form.unwrap_or_default());
        socket.write_all(request.as_bytes()).await.unwrap();
        Receiver::new(socket, self.patience()).await
    }
}
