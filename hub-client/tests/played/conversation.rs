//! What one client and the server say to each other in a recording, free of how a transport dresses it, so that it can be
//! played on any. Recordings are of a program that tests the server: where its client does what no client does (comes back
//! with an old cursor, connects twice), that client's conversation ends.

use std::collections::HashSet;

use hub_client::Transport;
use serde_json::Value;

use crate::event::Event;
use crate::reading::{Role, authorization, call, extra, hubs, place, result, status};

/// One step.
#[derive(Debug)]
pub(crate) enum Turn {
    /// The client makes a request, as it was recorded if it was.
    Request(Verb, Option<Event>),
    /// The server answers it; a link is only answered when it is refused.
    Answer(Verb, u16, String),
    /// The server accepts a link.
    Open,
    /// The server says something on the link.
    Payload(String),
    KeepAlive,
    Call {
        id: String,
        what: Value,
        recorded: Event,
    },
    Result {
        id: String,
        text: String,
    },
    /// The server answers a call's request with something else.
    NoResult {
        id: String,
        status: u16,
        body: String,
    },
    /// The link is gone: ended by the server, or cut.
    Lost {
        ended: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Negotiate,
    Connect,
    Start,
    Reconnect,
    Poll,
    Send,
    Abort,
}

impl Verb {
    pub(crate) const ALL: [Self; 7] = [
        Self::Negotiate,
        Self::Connect,
        Self::Start,
        Self::Reconnect,
        Self::Poll,
        Self::Send,
        Self::Abort,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Negotiate => "negotiate",
            Self::Connect => "connect",
            Self::Start => "start",
            Self::Reconnect => "reconnect",
            Self::Poll => "poll",
            Self::Send => "send",
            Self::Abort => "abort",
        }
    }

    /// The verb of a path, and the mount before it.
    pub(crate) fn of(path: &str) -> Option<(&str, Self)> {
        let (mount, name) = path.rsplit_once('/')?;
        let verb = Self::ALL.into_iter().find(|verb| verb.name() == name)?;
        Some((mount, verb)).filter(|_| !mount.ends_with('/'))
    }
}

/// Where a client stands: cursor and groups token.
pub(crate) type Place = (Option<String>, Option<String>);

#[derive(Debug)]
pub(crate) struct Conversation {
    /// Recording and line.
    pub(crate) name: String,
    pub(crate) mount: String,
    pub(crate) hubs: Vec<String>,
    /// What the application adds to every request.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) authorization: Option<String>,
    pub(crate) token: String,
    /// What it was recorded on.
    pub(crate) transport: Option<Transport>,
    pub(crate) turns: Vec<Turn>,
    place: Place,
    link: Option<String>,
    open: HashSet<String>,
    pub(crate) done: bool,
}

impl Conversation {
    pub(crate) fn begun(
        name: &str,
        mount: &str,
        event: &Event,
        pairs: &[(&str, &str)],
    ) -> Option<Self> {
        let data = pairs.iter().find(|(name, _)| *name == "connectionData");
        let hubs = data.map_or(Some(Vec::new()), |(_, data)| hubs(data))?;
        Some(Self {
            name: format!("{name}, line {}", event.line),
            mount: mount.to_owned(),
            hubs,
            query: extra(pairs),
            authorization: authorization(event),
            token: String::new(),
            transport: None,
            turns: vec![Turn::Request(Verb::Negotiate, Some(event.clone()))],
            place: (None, None),
            link: None,
            open: HashSet::new(),
            done: false,
        })
    }

    /// Takes a request of the client's, if it is one that a client makes at this point.
    pub(crate) fn asks(
        &mut self,
        n: usize,
        verb: Verb,
        transport: Option<Transport>,
        event: &Event,
    ) -> Option<Role> {
        let connected = self.transport.is_some();
        let same = transport.is_some() && self.transport == transport;
        let request = Turn::Request(verb, Some(event.clone()));
        match verb {
            Verb::Connect if !connected && transport.is_some() => {
                self.transport = transport;
                self.link = Some(event.channel().to_owned());
                self.turns.push(request);
                Some(Role::Link(n, verb))
            }
            Verb::Start if same => {
                self.turns.push(request);
                Some(Role::Request(n, verb))
            }
            Verb::Reconnect if same && self.link.is_none() && self.place == place(event) => {
                self.link = Some(event.channel().to_owned());
                self.turns.push(request);
                Some(Role::Link(n, verb))
            }
            Verb::Poll if same && self.link.is_some() && self.place == place(event) => {
                self.link = Some(event.channel().to_owned());
                Some(Role::Link(n, verb))
            }
            Verb::Connect | Verb::Reconnect | Verb::Poll => {
                self.done = true;
                None
            }
            // Those of other transports look at what the server knows, and are not the client's.
            Verb::Send if same || (!connected && transport != Some(Transport::WebSockets)) => {
                let form = event.pairs("form")?;
                let (_, data) = form.iter().find(|(name, _)| *name == "data")?;
                let posted = event.text("method") == "POST";
                let call = call(data).filter(|(id, _)| posted && !self.open.contains(id));
                let (id, what) = call?;
                if !connected {
                    self.connect(transport?);
                }
                // A link that is being made anew takes no calls.
                self.link.as_ref()?;
                self.calls(id.clone(), what, event);
                Some(Role::Call(n, id))
            }
            Verb::Abort if same && event.text("method") == "POST" => {
                self.turns.push(request);
                self.link = None;
                Some(Role::Request(n, verb))
            }
            _ => None,
        }
    }

    /// A start for those who only recorded calls.
    fn connect(&mut self, transport: Transport) {
        self.transport = Some(transport);
        self.link = Some(String::new());
        let begin = r#"{"C":"d-1-B,0|C,0","S":1,"M":[]}"#;
        self.place.0 = Some("d-1-B,0|C,0".into());
        self.turns.extend([
            Turn::Request(Verb::Connect, None),
            Turn::Open,
            Turn::Payload(begin.into()),
        ]);
        self.turns.extend(started());
    }

    fn calls(&mut self, id: String, what: Value, event: &Event) {
        self.open.insert(id.clone());
        let recorded = event.clone();
        self.turns.push(Turn::Call { id, what, recorded });
    }

    pub(crate) fn answered(&mut self, verb: Verb, event: &Event) {
        let status = status(event);
        let body = event.text("body");
        if verb == Verb::Negotiate {
            let said: Value = serde_json::from_str(body).unwrap_or_default();
            let token = said["ConnectionToken"].as_str();
            self.token = token.unwrap_or_default().to_owned();
        }
        self.turns.push(Turn::Answer(verb, status, body.to_owned()));
        self.done |= status != 200 || verb == Verb::Abort;
    }

    pub(crate) fn called(&mut self, id: String, event: &Event) {
        if !self.open.remove(&id) {
            return;
        }
        let (status, body) = (status(event), event.text("body").to_owned());
        let of = result(&body).filter(|of| status == 200 && *of == id);
        self.turns.push(match of {
            Some(id) => Turn::Result { id, text: body },
            None => Turn::NoResult { id, status, body },
        });
    }

    pub(crate) fn linked(&mut self, verb: Verb, event: &Event) {
        let of_link = self.link.as_deref() == Some(event.channel());
        if self.done || !of_link || event.has("opcode") {
            return;
        }
        match (event.dir(), event.text("by"), event.text("how")) {
            ("ws_open", ..) => self.turns.push(Turn::Open),
            ("response", ..) => match status(event) {
                200 if verb != Verb::Poll => self.turns.push(Turn::Open),
                200 => {}
                _ => self.answered(verb, event),
            },
            ("ws_recv" | "sse_line" | "chunk", ..) => self.said(event.dir(), event.text("text")),
            ("ws_send", ..) => {
                let call = call(event.text("text"));
                if let Some((id, what)) = call.filter(|(id, _)| !self.open.contains(id)) {
                    self.calls(id, what, event);
                }
            }
            ("ws_close", "client", _) => self.done = true,
            ("ws_close", ..) => self.lost(true),
            ("end", _, "complete") if event.channel().starts_with("poll") => {}
            ("end", _, "complete") => self.lost(true),
            ("drop" | "end", ..) => self.lost(false),
            _ => {}
        }
    }

    fn said(&mut self, dir: &str, text: &str) {
        let text = match dir {
            "sse_line" => {
                let data = text.strip_prefix("data: ").expect("data");
                data.strip_suffix("\n\n").expect("an event's end")
            }
            _ => text,
        };
        if text == "initialized" {
            return;
        }
        if matches!(text, "{}" | " ") {
            return self.turns.push(Turn::KeepAlive);
        }
        if let Some(id) = result(text) {
            if self.open.remove(&id) {
                let text = text.to_owned();
                self.turns.push(Turn::Result { id, text });
            }
            return;
        }
        let payload: Value = serde_json::from_str(text).expect("a payload");
        // An answer to what no client asks.
        if payload.get("M").is_none() {
            return;
        }
        let member = |name: &str| payload[name].as_str().map(ToOwned::to_owned);
        self.place.0 = member("C").or(self.place.0.take());
        self.place.1 = member("G").or(self.place.1.take());
        self.turns.push(Turn::Payload(text.to_owned()));
        if payload["T"] == 1 {
            self.link = None;
        }
    }

    fn lost(&mut self, ended: bool) {
        self.link = None;
        if self.transport == Some(Transport::WebSockets) {
            self.open.clear();
        }
        self.turns.push(Turn::Lost { ended });
    }

    /// It, if a client can have it up to its end.
    pub(crate) fn finished(mut self) -> Option<Self> {
        // Whoever recorded it went away.
        while let Some(Turn::Lost { ended: false }) = self.turns.last() {
            self.turns.pop();
        }
        let is_start = |turn: &Turn| matches!(turn, Turn::Request(Verb::Start, _));
        let says_init =
            |turn: &Turn| matches!(turn, Turn::Payload(text) if text.contains("\"S\":1,"));
        // Some were recorded without a start, which clients make as soon as they can.
        if !self.turns.iter().any(is_start)
            && let Some(at) = self.turns.iter().position(says_init)
        {
            self.turns.splice(at + 1..at + 1, started());
        }
        let ends = self.turns.iter().any(|turn| match turn {
            Turn::Answer(Verb::Start, ..) => true,
            Turn::Answer(Verb::Negotiate | Verb::Connect, status, _) => *status != 200,
            _ => false,
        });
        ends.then_some(self)
    }
}

/// A start that nobody recorded.
fn started() -> [Turn; 2] {
    let started = r#"{ "Response": "started" }"#;
    [
        Turn::Request(Verb::Start, None),
        Turn::Answer(Verb::Start, 200, started.into()),
    ]
}
