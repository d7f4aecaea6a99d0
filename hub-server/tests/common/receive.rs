//! A client that receives by serverSentEvents, longPolling or foreverFrame and sends over HTTP, every byte by hand.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

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

    /// Negotiates, connects and starts by this transport.
    pub async fn over<'s>(&'s self, transport: &'static str, hubs: &[&str]) -> Over<'s> {
        self.over_as(transport, hubs, None).await
    }

    pub async fn over_as<'s>(
        &'s self,
        transport: &'static str,
        hubs: &[&str],
        user: Option<&str>,
    ) -> Over<'s> {
        let mut client = self.negotiated_over(transport, hubs, user).await;
        client.connect().await;
        client.start().await;
        client
    }

    pub async fn negotiated_over<'s>(
        &'s self,
        transport: &'static str,
        hubs: &[&str],
        user: Option<&str>,
    ) -> Over<'s> {
        let negotiated = self.negotiated(hubs, user).await;
        Over {
            server: self,
            id: negotiated.id,
            token: negotiated.token,
            data: negotiated.data,
            user: user.map(ToOwned::to_owned),
            transport,
            stream: None,
            cursor: None,
            groups: None,
            events: VecDeque::new(),
            next: 0,
        }
    }
}

/// A connection over plain HTTP.
pub struct Over<'a> {
    pub server: &'a Server,
    pub id: String,
    pub token: String,
    pub data: String,
    pub user: Option<String>,
    pub transport: &'static str,
    /// The receive request, of a transport that streams.
    pub stream: Option<Receiver>,
    pub cursor: Option<String>,
    pub groups: Option<String>,
    /// Elements of `M` not yet taken.
    pub events: VecDeque<Value>,
    next: u64,
}

impl Over<'_> {
    pub fn target(&self, verb: &str, more: &[(&str, &str)]) -> String {
        let mut query = vec![
            ("transport", self.transport),
            ("clientProtocol", "2.1"),
            ("connectionData", &*self.data),
            ("connectionToken", &*self.token),
        ];
        query.extend_from_slice(more);
        self.server.target(verb, &query)
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        let user = self.user.as_deref().map(|user| ("X-User", user));
        user.into_iter().collect()
    }

    pub async fn get(&self, verb: &str) -> Response {
        let target = self.target(verb, &[]);
        self.server.raw("GET", &target, &self.headers()).await
    }

    /// A receive request, as it is.
    pub async fn open(&self, verb: &str, more: &[(&str, &str)]) -> Receiver {
        let mut more = more.to_vec();
        if self.transport == FRAME && !more.iter().any(|(name, _)| *name == "frameId") {
            more.push(("frameId", "7"));
        }
        let target = self.target(verb, &more);
        self.server.ask(&target, &self.headers(), None).await
    }

    /// A receive request with what the client knows in its query.
    pub async fn come(&self, verb: &str) -> Receiver {
        let mut more = Vec::new();
        more.extend(self.cursor.as_deref().map(|cursor| ("messageId", cursor)));
        more.extend(self.groups.as_deref().map(|groups| ("groupsToken", groups)));
        self.open(verb, &more).await
    }

    /// Connects, up to and with the payload that has `S`.
    pub async fn connect(&mut self) {
        let mut stream = self.open("/connect", &[]).await;
        assert_eq!(stream.status, 200);
        let init = if self.transport == POLL {
            serde_json::from_str(&stream.body().await).unwrap()
        } else {
            let prelude = stream.unit().await.unwrap();
            assert_eq!(payload_of(&prelude), None, "{prelude}");
            let init = payload_of(&stream.unit().await.unwrap()).unwrap();
            self.stream = Some(stream);
            init
        };
        assert_eq!((&init["S"], &init["M"]), (&json!(1), &json!([])), "{init}");
        self.take(&init);
    }

    pub async fn start(&self) {
        let started = self.get("/start").await;
        let expected = (200, "{ \"Response\": \"started\" }");
        assert_eq!((started.status, &*started.body), expected);
    }

    pub async fn abort(&self) {
        let answer = self.get("/abort").await;
        assert_eq!((answer.status, &*answer.body), (200, ""));
    }

    /// Comes back with the cursor and the groups token that it has; the old stream is dropped.
    pub async fn reconnect(&mut self) {
        self.stream = None;
        if self.transport == POLL {
            let mut poll = self.come("/reconnect").await;
            let body = poll.body().await;
            self.take(&serde_json::from_str(&body).unwrap());
        } else {
            let mut stream = self.come("/reconnect").await;
            assert_eq!(payload_of(&stream.unit().await.unwrap()), None);
            self.stream = Some(stream);
        }
    }

    /// Goes without a word.
    pub fn cut(&mut self) {
        self.stream = None;
    }

    /// One poll, to its end.
    pub async fn poll(&mut self) -> Value {
        let mut poll = self.come("/poll").await;
        let body = poll.body().await;
        assert_eq!(poll.ended, Some(Ended::Complete));
        let payload = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"));
        self.take(&payload);
        payload
    }

    /// Takes what a client takes of a payload.
    pub fn take(&mut self, payload: &Value) {
        let cursor = payload["C"].as_str().filter(|cursor| !cursor.is_empty());
        self.cursor = Some(cursor.expect("a cursor").to_owned());
        if let Some(groups) = payload["G"].as_str() {
            self.groups = Some(groups.to_owned());
        }
        let messages = payload["M"].as_array().expect("messages");
        self.events.extend(messages.iter().cloned());
    }

    /// The next payload, keep-alives passed over.
    pub async fn payload(&mut self) -> Value {
        if self.transport == POLL {
            return self.poll().await;
        }
        loop {
            let stream = self.stream.as_mut().expect("a stream");
            let unit = stream.unit().await.expect("the stream goes on");
            if let Some(payload) = payload_of(&unit) {
                self.take(&payload);
                return payload;
            }
        }
    }

    /// The next element of `M` as `[method, args..]`.
    pub async fn event(&mut self) -> Value {
        loop {
            if let Some(event) = self.events.pop_front() {
                let Some(method) = event.get("M") else {
                    return event;
                };
                let args = event["A"].as_array().unwrap().iter().cloned();
                return std::iter::once(method.clone()).chain(args).collect();
            }
            self.payload().await;
        }
    }

    /// Fails if an event comes that was sent before now.
    pub async fn no_event(&mut self) {
        let me = self.id.clone();
        let fence = format!("fence {}", self.next);
        self.result("conformance", "Caller", json!([fence])).await;
        assert_eq!(self.event().await, json!(["message", me, fence]));
    }

    pub async fn post(&self, data: &str) -> Response {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("data", data)
            .finish();
        let mut headers = self.headers();
        headers.push(("Content-Type", FORM));
        let target = self.target("/send", &[]);
        self.server.post(&target, &headers, body.as_bytes()).await
    }

    pub async fn call(&mut self, hub: &str, method: &str, args: Value) -> Value {
        let id = self.next;
        self.next += 1;
        let call = json!({"H": hub, "M": method, "A": args, "I": id});
        let answer = self.post(&call.to_string()).await;
        assert_eq!(answer.status, 200, "{call}");
        let answer = answer.json();
        assert_eq!(answer["I"], id.to_string(), "{answer}");
        answer
    }

    pub async fn result(&mut self, hub: &str, method: &str, args: Value) -> Value {
        let answer = self.call(hub, method, args).await;
        assert!(answer.get("E").is_none(), "{answer}");
        answer["R"].clone()
    }

    /// The same connection by another transport.
    pub fn by(self, transport: &'static str) -> Self {
        Self { transport, ..self }
    }
}

/// A small generator of random numbers: the same for the same seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}
