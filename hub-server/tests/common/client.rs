//! A client by WebSocket that speaks the wire by hand.

use std::collections::HashMap;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::{Io, Response, Server, within};

impl Server {
    /// Opens a WebSocket; an answer that is not 101 is an error.
    pub async fn upgrade(
        &self,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<Socket, (u16, String)> {
        let socket = self.dial().await;
        let mut request = http::Request::builder()
            .uri(target)
            .header("Host", "test.example")
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .uri(format!("ws://test.example{target}"))
            .body(())
            .unwrap();
        match within(tokio_tungstenite::client_async(request, socket)).await {
            Ok((socket, _)) => Ok(Socket {
                socket: Some(socket),
                ..Socket::default()
            }),
            Err(WsError::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                Err((
                    response.status().as_u16(),
                    String::from_utf8_lossy(&body).into_owned(),
                ))
            }
            Err(error) => panic!("the upgrade failed: {error}"),
        }
    }

    /// Negotiates, connects and starts as the JavaScript client does.
    pub async fn client(&self, hubs: &[&str]) -> Client<'_> {
        self.client_as(hubs, None).await
    }

    pub async fn client_as(&self, hubs: &[&str], user: Option<&str>) -> Client<'_> {
        let client = self.connected(hubs, user).await;
        let started = client.get("/start").await;
        assert_eq!(
            (started.status, &*started.body),
            (200, "{ \"Response\": \"started\" }")
        );
        client
    }

    /// Negotiates and connects, up to and with the init frame.
    pub async fn connected(&self, hubs: &[&str], user: Option<&str>) -> Client<'_> {
        let mut client = self.negotiated(hubs, user).await;
        client.socket = client.open("/connect", &[]).await.unwrap();
        let init = client.socket.frame().await;
        assert_eq!(init["S"], 1, "{init}");
        assert_eq!(init["M"], json!([]), "{init}");
        client
    }

    /// Negotiates and no more.
    pub async fn negotiated(&self, hubs: &[&str], user: Option<&str>) -> Client<'_> {
        let data: Vec<Value> = hubs.iter().map(|hub| json!({"name": hub})).collect();
        let data = Value::from(data).to_string();
        let query = [("clientProtocol", "2.1"), ("connectionData", &data)];
        let negotiated = self.get_as("/negotiate", &query, user).await;
        assert_eq!(negotiated.status, 200, "{}", negotiated.body);
        let negotiated: Value = serde_json::from_str(&negotiated.body).unwrap();
        let text = |name: &str| negotiated[name].as_str().unwrap().to_owned();
        Client {
            server: self,
            id: text("ConnectionId"),
            token: text("ConnectionToken"),
            data,
            user: user.map(ToOwned::to_owned),
            more: Vec::new(),
            socket: Socket::default(),
            next: 0,
        }
    }
}

/// A negotiated connection.
pub struct Client<'a> {
    pub server: &'a Server,
    pub id: String,
    pub token: String,
    pub data: String,
    pub user: Option<String>,
    /// What it says in the query of every request beside what the protocol asks for.
    pub more: Vec<(String, String)>,
    pub socket: Socket,
    next: u64,
}

impl Client<'_> {
    /// The same connection, about to come back to another server; it keeps no socket.
    pub fn moved<'s>(&self, server: &'s Server) -> Client<'s> {
        Client {
            server,
            id: self.id.clone(),
            token: self.token.clone(),
            data: self.data.clone(),
            user: self.user.clone(),
            more: self.more.clone(),
            socket: Socket::default(),
            next: self.next,
        }
    }

    /// The query of every request of this connection.
    pub fn query<'q>(&'q self, more: &[(&'q str, &'q str)]) -> Vec<(&'q str, &'q str)> {
        let mut query = vec![
            ("transport", "webSockets"),
            ("clientProtocol", "2.1"),
            ("connectionData", &*self.data),
            ("connectionToken", &*self.token),
        ];
        query.extend_from_slice(more);
        query.extend(self.more.iter().map(|(name, value)| (&**name, &**value)));
        query
    }

    pub async fn get(&self, verb: &str) -> Response {
        self.server
            .get_as(verb, &self.query(&[]), self.user.as_deref())
            .await
    }

    pub async fn abort(&self) {
        assert_eq!(self.get("/abort").await.status, 200);
    }

    /// Opens a receive request.
    pub async fn open(&self, verb: &str, more: &[(&str, &str)]) -> Result<Socket, (u16, String)> {
        let target = self.server.target(verb, &self.query(more));
        let headers: Vec<_> = self
            .user
            .as_deref()
            .map(|user| ("X-User", user))
            .into_iter()
            .collect();
        self.server.upgrade(&target, &headers).await
    }

    /// Comes back with the cursor and groups token that the last socket left; the old socket is dropped.
    pub async fn reconnect(&mut self) {
        let socket = std::mem::take(&mut self.socket);
        self.reconnect_from(socket.cursor.clone(), socket.groups.clone())
            .await;
    }

    pub async fn reconnect_from(&mut self, cursor: Option<String>, groups: Option<String>) {
        let mut more = Vec::new();
        if let Some(cursor) = &cursor {
            more.push(("messageId", &**cursor));
        }
        if let Some(groups) = &groups {
            more.push(("groupsToken", &**groups));
        }
        let socket = self.open("/reconnect", &more).await.unwrap();
        self.socket = Socket {
            cursor,
            groups,
            ..socket
        };
    }

    /// Drops the socket without a word.
    pub fn cut(&mut self) {
        self.socket.socket = None;
    }

    /// Sends a call; gives its id.
    pub async fn send(&mut self, hub: &str, method: &str, args: Value) -> String {
        let id = self.next;
        self.next += 1;
        self.socket
            .send(&json!({"H": hub, "M": method, "A": args, "I": id}))
            .await;
        id.to_string()
    }

    /// Calls and waits for the whole answer; events that come before it wait in `socket.events`.
    pub async fn call(&mut self, hub: &str, method: &str, args: Value) -> Value {
        let id = self.send(hub, method, args).await;
        self.socket.answer(&id).await
    }

    /// Calls and gives the result; an error fails the test.
    pub async fn result(&mut self, hub: &str, method: &str, args: Value) -> Value {
        let answer = self.call(hub, method, args).await;
        assert!(answer.get("E").is_none(), "{answer}");
        answer["R"].clone()
    }

    /// The next event, as `[method, args..]`.
    pub async fn event(&mut self) -> Value {
        self.socket.event().await
    }

    /// Fails if an event is there or comes before the answer to a call: all that was sent before is then here.
    pub async fn no_event(&mut self) {
        self.result("conformance", "nothing", json!([])).await;
        assert!(self.socket.events.is_empty(), "{:?}", self.socket.events);
    }
}

/// The client's end of a WebSocket.
#[derive(Default)]
pub struct Socket {
    socket: Option<WebSocketStream<Box<dyn Io>>>,
    /// The last cursor seen.
    pub cursor: Option<String>,
    /// The last groups token seen.
    pub groups: Option<String>,
    /// Elements of `M` not yet taken.
    pub events: std::collections::VecDeque<Value>,
    answers: HashMap<String, Value>,
}

impl Socket {
    pub fn stream(&mut self) -> &mut WebSocketStream<Box<dyn Io>> {
        self.socket.as_mut().expect("the socket is open")
    }

    /// The stream itself, for tests that read and write at once.
    pub fn take_stream(&mut self) -> WebSocketStream<Box<dyn Io>> {
        self.socket.take().expect("the socket is open")
    }

    pub async fn send(&mut self, frame: &Value) {
        self.send_text(&frame.to_string()).await;
    }

    pub async fn send_text(&mut self, text: &str) {
        self.stream().send(Message::text(text)).await.unwrap();
    }

    /// The next message as it is, `None` at the end; a close frame is a message.
    pub async fn next(&mut self) -> Option<Result<Message, WsError>> {
        within(self.stream().next()).await
    }

    /// The next text frame that is no keep-alive, its events also put into `events`.
    pub async fn frame(&mut self) -> Value {
        loop {
            let text = self.text().await;
            if text != "{}" {
                return self.take(&text);
            }
        }
    }

    /// The next text frame.
    pub async fn text(&mut self) -> String {
        loop {
            match self.next().await {
                Some(Ok(Message::Text(text))) => return text.as_str().to_owned(),
                // A client that is known again is asked for signs of life.
                Some(Ok(Message::Ping(_))) => {}
                other => panic!("a text frame was expected, not {other:?}"),
            }
        }
    }

    fn take(&mut self, text: &str) -> Value {
        let frame: Value = serde_json::from_str(text).unwrap();
        if let Some(cursor) = frame["C"].as_str() {
            self.cursor = Some(cursor.to_owned());
        }
        if let Some(groups) = frame["G"].as_str() {
            self.groups = Some(groups.to_owned());
        }
        match frame["I"].as_str() {
            Some(id) => drop(self.answers.insert(id.to_owned(), frame.clone())),
            None => self
                .events
                .extend(frame["M"].as_array().into_iter().flatten().cloned()),
        }
        frame
    }

    /// Whether there is no socket.
    pub fn is_cut(&self) -> bool {
        self.socket.is_none()
    }

    /// Whether the answer to a call has been read.
    pub fn is_answered(&self, id: &str) -> bool {
        self.answers.contains_key(id)
    }

    pub async fn answer(&mut self, id: &str) -> Value {
        loop {
            if let Some(answer) = self.answers.remove(id) {
                return answer;
            }
            self.frame().await;
        }
    }

    /// The next element of `M`, events as `[method, args..]`.
    pub async fn event(&mut self) -> Value {
        loop {
            if let Some(event) = self.events.pop_front() {
                let Some(method) = event.get("M") else {
                    return event;
                };
                let args = event["A"].as_array().unwrap().iter().cloned();
                return std::iter::once(method.clone()).chain(args).collect();
            }
            self.frame().await;
        }
    }

    /// Says goodbye, and waits for the answer.
    pub async fn close(mut self) {
        self.stream().close(None).await.unwrap();
        self.end().await;
    }

    /// Reads to the end: the close frame's code, `None` if the socket was cut.
    pub async fn end(&mut self) -> Option<u16> {
        let mut code = None;
        loop {
            match self.next().await {
                Some(Ok(Message::Close(frame))) => {
                    code = frame.map(|CloseFrame { code, .. }| code.into())
                }
                Some(Ok(Message::Text(text))) => drop(self.take(text.as_str())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return code,
            }
        }
    }
}
