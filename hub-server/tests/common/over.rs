//! A client that receives by serverSentEvents, longPolling or foreverFrame and sends over HTTP.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::receive::{Ended, FORM, FRAME, POLL, Receiver, payload_of};
use super::{Response, Server};

impl Server {
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
            more: Vec::new(),
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
    /// What it says in the query of every request beside what the protocol asks for.
    pub more: Vec<(String, String)>,
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
        query.extend(self.more.iter().map(|(name, value)| (&**name, &**value)));
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
