//! [`Http`]: a life on serverSentEvents or longPolling. It has a cursor, with which it comes back to a server that was killed
//! as to one that was not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use form_urlencoded::Serializer;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::book::{Letter, Place, Topic, Way};
use crate::gate::Gate;
use crate::wire::{AGAIN, Ear, Failure, Wire, parse};

/// The hub that all are on.
const HUBS: &str = r#"[{"name":"foo"}]"#;

pub(crate) struct Http {
    route: Route,
    ear: Ear,
    over: watch::Receiver<()>,
    closing: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Http {
    pub(crate) async fn come(wire: Wire, gate: &Gate, ear: Ear) -> Option<Self> {
        let mut route = Route {
            authority: gate.authority.clone(),
            transport: wire.name(),
            id: ear.persistent_id(),
            token: String::new(),
        };
        let negotiated = route.ask("negotiate", &[], None).await?;
        let negotiated: Value = serde_json::from_str(&whole(negotiated).await?).ok()?;
        route.token = negotiated.get("ConnectionToken")?.as_str()?.to_owned();
        let (ready, is_ready) = oneshot::channel();
        let (alive, over) = watch::channel(());
        let closing = Arc::new(AtomicBool::new(false));
        let receiving = Receiving {
            route: route.clone(),
            closing: closing.clone(),
            polls: wire == Wire::LongPolling,
            ear: ear.clone(),
            cursor: None,
            ready: Some(ready),
        };
        let task = tokio::spawn(async move {
            receiving.run().await;
            drop(alive);
        });
        let http = Self {
            route,
            ear,
            over,
            closing,
            task,
        };
        is_ready.await.ok()?;
        let started = http.route.ask("start", &[], None).await?;
        (started.status() == StatusCode::OK).then_some(http)
    }

    pub(crate) async fn call(
        &self,
        letter: Letter,
        topic: Topic,
        way: Way,
    ) -> Result<Option<Place>, Failure> {
        let (method, args) = match way {
            Way::Everybody => ("Bar", json!([letter.to_string()])),
            Way::Away => ("Keep", json!([topic.name(), letter.to_string()])),
        };
        let call = json!({"H": "foo", "M": method, "A": args, "I": 0}).to_string();
        let answer = async {
            let answer = self.route.ask("send", &[], Some(&call)).await?;
            let is_ok = answer.status() == StatusCode::OK;
            let text = whole(answer).await.filter(|_| is_ok)?;
            serde_json::from_str::<Value>(&text).ok()
        };
        let answer = answer.await.ok_or(Failure::Gone)?;
        match answer.get("E").and_then(Value::as_str) {
            Some(error) => Err(Failure::Refused(error.to_owned())),
            None => Ok(answer.get("R").and_then(Value::as_str).and_then(parse)),
        }
    }

    pub(crate) async fn over(&self) {
        let mut over = self.over.clone();
        while over.changed().await.is_ok() {}
    }

    pub(crate) async fn close(self) -> bool {
        self.closing.store(true, Ordering::Release);
        let upto = self.ear.stamp();
        let heard = self.route.ask("abort", &[], Some("")).await.is_some();
        if heard {
            // It had left, and the client took its leave.
            self.ear.proven(upto);
        }
        heard
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How requests of one life reach the server.
#[derive(Clone)]
struct Route {
    authority: String,
    transport: &'static str,
    id: String,
    token: String,
}

impl Route {
    /// One request on a socket of its own; nothing if there is no answer.
    async fn ask(
        &self,
        verb: &str,
        more: &[(&str, &str)],
        data: Option<&str>,
    ) -> Option<Response<Incoming>> {
        let query = Serializer::new(String::new())
            .extend_pairs([
                ("transport", self.transport),
                ("clientProtocol", "2.1"),
                ("connectionData", HUBS),
                ("connectionToken", &self.token),
                ("persistentId", &self.id),
            ])
            .extend_pairs(more)
            .finish();
        let form = data.map(|data| {
            let mut form = Serializer::new(String::new());
            form.append_pair("data", data).finish()
        });
        let request = Request::builder()
            .method(if form.is_some() { "POST" } else { "GET" })
            .uri(format!("/signalr/{verb}?{query}"))
            .header("Host", &self.authority)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form.unwrap_or_default())))
            .ok()?;
        let socket = TcpStream::connect(&self.authority).await.ok()?;
        socket.set_nodelay(true).ok()?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
            .await
            .ok()?;
        // Ends with the answer's body, or with the socket.
        tokio::spawn(connection);
        sender.send_request(request).await.ok()
    }
}

async fn whole(answer: Response<Incoming>) -> Option<String> {
    let body = answer.into_body().collect().await.ok()?;
    String::from_utf8(body.to_bytes().to_vec()).ok()
}

/// What a payload says of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    GoOn,
    ComeBack,
    Over,
}

struct Receiving {
    route: Route,
    /// Whether the client says goodbye: a request that is answered later may come to a connection that is over.
    closing: Arc<AtomicBool>,
    polls: bool,
    ear: Ear,
    cursor: Option<String>,
    ready: Option<oneshot::Sender<()>>,
}

impl Receiving {
    /// Until the server says that it is over, or it never began.
    async fn run(mut self) {
        let mut verb = "connect";
        loop {
            let said = self.receive(verb).await;
            match said {
                Some(Said::Over) => return,
                Some(Said::GoOn) if self.polls => verb = "poll",
                _ if self.cursor.is_none() => return,
                _ => {
                    verb = "reconnect";
                    sleep(AGAIN).await;
                }
            }
        }
    }

    /// One receive request; nothing if it broke.
    async fn receive(&mut self, verb: &str) -> Option<Said> {
        let cursor = self.cursor.clone();
        let cursor: Vec<_> = cursor.iter().map(|at| ("messageId", &**at)).collect();
        let upto = self.ear.stamp();
        let answer = self.route.ask(verb, &cursor, None).await?;
        match answer.status() {
            // It has read the cursor.
            StatusCode::OK if !cursor.is_empty() && !self.closing.load(Ordering::Acquire) => {
                self.ear.proven(upto);
            }
            StatusCode::OK => {}
            status if status.is_client_error() => return Some(Said::Over),
            _ => return None,
        }
        if self.polls {
            let payload = whole(answer).await?;
            return self.take(&payload);
        }
        let mut body = answer.into_body();
        let mut text = BytesMut::new();
        while let Some(frame) = body.frame().await {
            text.extend_from_slice(frame.ok()?.data_ref()?);
            while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                let line = text.split_to(end + 1);
                let line = std::str::from_utf8(&line).ok()?.trim_end();
                let payload = line.strip_prefix("data: ");
                if let Some(payload) = payload.filter(|payload| *payload != "initialized") {
                    match self.take(payload)? {
                        Said::GoOn => {}
                        said => return Some(said),
                    }
                }
            }
        }
        None
    }

    /// Takes a payload: first what it brings, then the cursor that goes with it.
    fn take(&mut self, payload: &str) -> Option<Said> {
        let payload: Value = serde_json::from_str(payload).ok()?;
        let messages = payload.get("M").and_then(Value::as_array);
        for message in messages.into_iter().flatten() {
            let method = message.get("M").and_then(Value::as_str).unwrap_or_default();
            let text = message.pointer("/A/0").and_then(Value::as_str);
            match Topic::ALL.into_iter().find(|topic| topic.name() == method) {
                Some(topic) => self.ear.got(topic, text.unwrap_or_default()),
                None => self.ear.strange(&format!("heard {message}")),
            }
        }
        if let Some(cursor) = payload.get("C").and_then(Value::as_str) {
            self.cursor = Some(cursor.to_owned());
        }
        let is_on = |name: &str| payload.get(name).is_some_and(|on| *on == 1);
        if is_on("S")
            && let Some(ready) = self.ready.take()
        {
            let _ = ready.send(());
        }
        Some(match (is_on("D"), is_on("T")) {
            (true, _) => Said::Over,
            (_, true) => Said::ComeBack,
            _ => Said::GoOn,
        })
    }
}
