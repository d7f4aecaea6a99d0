//! A classic server that says what the test tells it to, request by request. Every wait ends with a panic after a while.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hub_client::{Builder, HubClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_async};

/// The percent-encoded `[{"name":"chat"}]`, and what asks for tags.
pub(crate) const DATA: &str = "connectionData=%5B%7B%22name%22%3A%22chat%22%7D%5D&tags=1";
/// What every request after negotiate carries, up to the token.
pub(crate) const COMMON: &str = "transport=webSockets&clientProtocol=2.1&connectionData=%5B%7B%22name%22%3A%22chat%22\
                                 %7D%5D&connectionToken=token%2B%2F%3D&tags=1";
pub(crate) const INIT: &str = r#"{"C":"d-1-B,0|C,0|D,1","S":1,"M":[]}"#;
pub(crate) const STARTED: &str = r#"{ "Response": "started" }"#;

const PATIENCE: Duration = Duration::from_secs(30);

/// Fails the test instead of hanging.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what)
        .await
        .expect("that took too long")
}

/// What negotiate answers; times in seconds.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) keep_alive: Option<f64>,
    pub(crate) disconnect: f64,
    pub(crate) connect: f64,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            keep_alive: Some(20.0),
            disconnect: 30.0,
            connect: 5.0,
        }
    }
}

impl Terms {
    pub(crate) fn body(self) -> String {
        let Self {
            keep_alive,
            disconnect,
            connect,
        } = self;
        let keep_alive = keep_alive.map_or("null".to_owned(), |seconds| format!("{seconds:?}"));
        format!(
            r#"{{"Url":"/signalr","ConnectionToken":"token+/=","ConnectionId":"6a246327-fd16-4a90-8a76-e87ef5d14642","KeepAliveTimeout":{keep_alive},"DisconnectTimeout":{disconnect:?},"ConnectionTimeout":110.0,"TryWebSockets":true,"ProtocolVersion":"2.0","TransportConnectTimeout":{connect:?},"LongPollDelay":0.0}}"#
        )
    }
}

pub(crate) struct Server {
    address: std::net::SocketAddr,
    requests: mpsc::UnboundedReceiver<Request>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (arrived, requests) = mpsc::unbounded_channel();
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let arrived = arrived.clone();
                tokio::spawn(async move {
                    if let Some(request) = Request::read(stream).await {
                        let _ = arrived.send(request);
                    }
                });
            }
        });
        Self {
            address,
            requests,
            accepting,
        }
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/signalr", self.address)
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// A client of the hub `chat`.
    pub(crate) fn client(&self) -> Builder {
        HubClient::builder(self.url()).hub("chat")
    }

    /// The next request, whatever it is.
    pub(crate) async fn request(&mut self) -> Request {
        soon(self.requests.recv()).await.unwrap()
    }

    /// The next request, which has to be this one.
    pub(crate) async fn expect(&mut self, line: &str) -> Request {
        let request = self.request().await;
        assert_eq!(request.line(), line);
        request
    }

    /// Whether no request has come. Only to be asked after something that comes later.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.requests.try_recv().is_err()
    }

    /// The lines of the requests that came and were not looked at. Only to be asked after something that comes later.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.requests.try_recv().ok())
            .map(|request| request.line().to_owned())
            .collect()
    }

    /// Plays the usual start up to the point where only the answer to `/start` is missing.
    pub(crate) async fn starting(&mut self, terms: Terms) -> (Socket, Request) {
        let negotiate = self.request().await;
        assert!(negotiate.line().starts_with("GET /signalr/negotiate?"));
        negotiate.answer(200, &terms.body()).await;
        let mut socket = self.request().await.accept().await;
        socket.say(INIT).await;
        let start = self.request().await;
        assert!(start.line().starts_with("GET /signalr/start?"));
        (socket, start)
    }

    /// Plays the usual start.
    pub(crate) async fn connect(&mut self, builder: Builder, terms: Terms) -> (HubClient, Socket) {
        let client = tokio::spawn(builder.connect());
        let (socket, start) = self.starting(terms).await;
        start.answer(200, STARTED).await;
        (soon(client).await.unwrap().unwrap(), socket)
    }
}

/// A request whose answer is still open.
pub(crate) struct Request {
    head: String,
    stream: TcpStream,
}

impl Request {
    /// Looks at the head. A WebSocket request stays unread for the handshake.
    async fn read(mut stream: TcpStream) -> Option<Self> {
        let mut buffer = vec![0; 64 * 1024];
        let head = loop {
            let read = stream.peek(&mut buffer).await.ok()?;
            if read == 0 {
                return None;
            }
            let text = String::from_utf8_lossy(&buffer[..read]);
            if let Some(end) = text.find("\r\n\r\n") {
                break text[..end + 4].to_owned();
            }
            tokio::task::yield_now().await;
        };
        if !head.to_ascii_lowercase().contains("upgrade: websocket") {
            stream.read_exact(&mut buffer[..head.len()]).await.ok()?;
        }
        Some(Self { head, stream })
    }

    /// `GET /signalr/..`
    pub(crate) fn line(&self) -> &str {
        self.head
            .lines()
            .next()
            .unwrap()
            .strip_suffix(" HTTP/1.1")
            .unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }

    pub(crate) async fn answer(self, status: u16, body: &str) {
        self.answer_as(&format!("{status} Said So"), body).await;
    }

    /// With a status, its text, and what headers may follow.
    pub(crate) async fn answer_as(mut self, status: &str, body: &str) {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(answer.as_bytes()).await.unwrap();
    }

    /// The original's answers are chunked.
    pub(crate) async fn answer_in_chunks(mut self, body: &str) {
        let (first, second) = body.split_at(body.len() / 2);
        let mut answer =
            "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
        for chunk in [first, second, ""] {
            answer += &format!("{:x}\r\n{chunk}\r\n", chunk.len());
        }
        self.stream.write_all(answer.as_bytes()).await.unwrap();
    }

    /// Answers with a head and what may be there already of a body that goes on.
    pub(crate) async fn stream(mut self, body: &str) -> Stream {
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
        self.stream.write_all(head.as_bytes()).await.unwrap();
        let mut stream = Stream(self.stream);
        stream.say(body).await;
        stream
    }

    /// What a request with a form brings.
    pub(crate) async fn form(&mut self) -> String {
        let length = self.header("content-length").unwrap().parse().unwrap();
        let mut body = vec![0; length];
        soon(self.stream.read_exact(&mut body)).await.unwrap();
        String::from_utf8(body).unwrap()
    }

    /// Lets the client through, as a proxy does: what comes next is what it asks the server behind.
    pub(crate) async fn tunnel(mut self) -> Self {
        self.stream
            .write_all(b"HTTP/1.1 200 OK\r\n\r\n")
            .await
            .unwrap();
        soon(Self::read(self.stream)).await.unwrap()
    }

    pub(crate) async fn accept(self) -> Socket {
        assert_eq!(self.header("upgrade"), Some("websocket"), "{}", self.head);
        Socket(soon(accept_async(self.stream)).await.unwrap())
    }

    /// Waits until the client has given the request up.
    pub(crate) async fn abandoned(mut self) {
        let mut buffer = [0; 64];
        while !matches!(soon(self.stream.read(&mut buffer)).await, Ok(0) | Err(_)) {}
    }
}

/// The server's end of an answer that goes on.
pub(crate) struct Stream(TcpStream);

impl Stream {
    pub(crate) async fn say(&mut self, text: &str) {
        if !text.is_empty() {
            let chunk = format!("{:x}\r\n{text}\r\n", text.len());
            self.0.write_all(chunk.as_bytes()).await.unwrap();
        }
    }

    /// Ends it in order.
    pub(crate) async fn end(mut self) {
        // The client may be gone already.
        let _ = self.0.write_all(b"0\r\n\r\n").await;
    }

    /// Waits until the client has given it up.
    pub(crate) async fn closed(mut self) {
        let mut buffer = [0; 64];
        while !matches!(soon(self.0.read(&mut buffer)).await, Ok(0) | Err(_)) {}
    }
}

/// The server's end of a WebSocket.
pub(crate) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    pub(crate) async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn message(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    /// The next text message.
    pub(crate) async fn hear(&mut self) -> String {
        match soon(self.0.next()).await {
            Some(Ok(Message::Text(text))) => text.to_string(),
            other => panic!("no text: {other:?}"),
        }
    }

    /// Waits for the client's pong.
    pub(crate) async fn pong(&mut self) -> bool {
        matches!(soon(self.0.next()).await, Some(Ok(Message::Pong(_))))
    }

    /// Waits for the client's end of the socket; its close frame, if there was one.
    pub(crate) async fn closed(&mut self) -> Option<Option<CloseFrame>> {
        let mut frame = None;
        loop {
            match soon(self.0.next()).await {
                Some(Ok(Message::Close(close))) => frame = Some(close),
                Some(Ok(other)) => panic!("no end: {other:?}"),
                Some(Err(_)) | None => return frame,
            }
        }
    }

    /// Ends as the original does: code 1000, no reason.
    pub(crate) async fn close(mut self) {
        let frame = CloseFrame {
            code: 1000.into(),
            reason: "".into(),
        };
        // The client may be gone already.
        let _ = self.0.send(Message::Close(Some(frame))).await;
    }

    /// Cuts the connection without a word.
    pub(crate) fn cut(self) {
        drop(self);
    }
}
