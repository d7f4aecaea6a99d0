//! Plays a conversation: makes the client do what the recorded one did, says what the original server said, and looks what
//! the client makes of it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use hub_client::{
    CallError, ClientEvent, ClientEvents, CloseReason, ConnectError, HubClient, RetryPolicy, State,
    Transport,
};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::calls::Asked;
use crate::conversation::{Conversation, Place, Turn, Verb};
use crate::event::Event;
use crate::line::{Desk, Line};
use crate::server::{Request, soon};

/// A callback that was called: hub and method as registered, and arguments.
type Heard = (String, String, Vec<Value>);

/// What was played, so that a test knows that it was something.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Played {
    pub(crate) events: usize,
    pub(crate) results: usize,
    pub(crate) reports: usize,
    pub(crate) losses: usize,
}

impl Played {
    pub(crate) fn counts(self) -> [usize; 4] {
        [self.events, self.results, self.reports, self.losses]
    }
}

pub(crate) async fn play(of: &Conversation, on: Transport) -> Played {
    let desk = Desk::open(on).await;
    let (hear, heard) = mpsc::unbounded_channel();
    let url = format!("http://{}{}", desk.server.host(), of.mount);
    let mut builder = HubClient::builder(url)
        .transports([on])
        .retry(RetryPolicy::every(Duration::ZERO));
    for hub in &of.hubs {
        builder = builder.hub(hub);
    }
    for (name, value) in &of.query {
        builder = builder.query(name, value);
    }
    if let Some(value) = &of.authorization {
        builder = builder.header("authorization", value);
    }
    let (early, late): (Vec<_>, Vec<_>) = callbacks(of)
        .into_iter()
        .partition(|(hub, _)| of.hubs.iter().any(|it| it.eq_ignore_ascii_case(hub)));
    for (hub, method) in early {
        let callback = callback(&hub, &method, hear.clone());
        builder = builder.on(&hub, &method, callback);
    }
    let mut player = Player {
        of,
        on,
        desk,
        line: None,
        request: None,
        connecting: Some(tokio::spawn(builder.connect())),
        client: None,
        late,
        hear,
        heard,
        owed: VecDeque::new(),
        calls: HashMap::new(),
        place: (None, None),
        away: false,
        played: Played::default(),
    };
    for turn in &of.turns {
        player.turn(turn).await;
    }
    player.close(None, 200).await;
    player.played
}

pub(crate) struct Player<'a> {
    pub(crate) of: &'a Conversation,
    on: Transport,
    pub(crate) desk: Desk,
    pub(crate) line: Option<Line>,
    /// The newest that is not answered.
    request: Option<Request>,
    connecting: Option<JoinHandle<Result<HubClient, ConnectError>>>,
    pub(crate) client: Option<(HubClient, ClientEvents)>,
    /// Callbacks of hubs that are not listed.
    late: Vec<(String, String)>,
    hear: mpsc::UnboundedSender<Heard>,
    heard: mpsc::UnboundedReceiver<Heard>,
    /// What the callbacks are to be called with.
    owed: VecDeque<Heard>,
    pub(crate) calls: HashMap<String, Asked>,
    pub(crate) place: Place,
    away: bool,
    pub(crate) played: Played,
}

impl Player<'_> {
    async fn turn(&mut self, turn: &Turn) {
        match turn {
            Turn::Request(Verb::Abort, recorded) => {
                // The answer is the next turn.
                self.close(recorded.as_ref(), 200).await;
            }
            Turn::Request(verb, recorded) => {
                let next = self
                    .desk
                    .next(self.of, *verb, &self.place, recorded.as_ref());
                self.request = Some(next.await.0);
            }
            Turn::Answer(Verb::Abort, ..) => {}
            Turn::Answer(verb, status, body) => self.answer(*verb, *status, body).await,
            Turn::Open => {
                let request = self.request.take().unwrap();
                self.line = Some(Line::accept(request, self.on).await);
                if self.away {
                    self.changes(State::Reconnecting, State::Connected).await;
                    self.away = false;
                }
            }
            Turn::KeepAlive => self.say(None).await,
            Turn::Payload(text) => self.payload(text).await,
            Turn::Call { id, what, recorded } => self.call(id, what, recorded).await,
            Turn::Result { id, text } => self.result(id, text).await,
            Turn::NoResult { id, status, body } => self.no_result(id, *status, body).await,
            Turn::Lost { ended } => {
                let line = self.line.take().unwrap();
                line.lose(*ended, &mut self.desk, self.of, &self.place)
                    .await;
                self.lost().await;
            }
        }
    }

    async fn answer(&mut self, verb: Verb, status: u16, body: &str) {
        let request = self.request.take().unwrap();
        if status == 200 {
            request.answer_in_chunks(body).await;
            if verb == Verb::Start {
                let connecting = self.connecting.take().unwrap();
                let client = soon(connecting).await.unwrap().unwrap();
                for (hub, method) in std::mem::take(&mut self.late) {
                    let callback = callback(&hub, &method, self.hear.clone());
                    client.on(&hub, &method, callback).keep();
                }
                assert_eq!(client.state(), State::Connected);
                assert_eq!(client.transport(), self.on);
                let events = client.client_events();
                self.client = Some((client, events));
                self.settle().await;
            }
            return;
        }
        request.answer(status, body).await;
        if verb == Verb::Reconnect {
            panic!("{}: not recorded", self.of.name);
        }
        if verb != Verb::Negotiate {
            let (abort, _) = self
                .desk
                .next(self.of, Verb::Abort, &self.place, None)
                .await;
            abort.answer(200, "").await;
        }
        let connecting = self.connecting.take().unwrap();
        let error = soon(connecting).await.unwrap().unwrap_err();
        let ConnectError::Refused {
            request,
            status: got,
            ..
        } = error
        else {
            panic!("{}: {error:?}", self.of.name)
        };
        assert_eq!((request, got), (verb.name(), status), "{}", self.of.name);
        self.line = None;
    }

    async fn say(&mut self, text: Option<&str>) {
        let line = self.line.as_mut().unwrap();
        line.say(text, &mut self.desk, self.of, &self.place).await;
    }

    async fn payload(&mut self, text: &str) {
        let said: Value = serde_json::from_str(text).unwrap();
        // Ids are the client's own.
        let mut text = text.to_owned();
        for message in said["M"].as_array().unwrap() {
            let report = message["P"]["I"].as_str();
            if let Some((id, call)) = report.and_then(|id| Some((id, self.calls.get(id)?))) {
                let inner = |id: &str| format!("\"P\":{{\"I\":\"{id}\"");
                text = text.replace(&format!("\"P|{id}\""), &format!("\"P|{}\"", call.id));
                text = text.replace(&inner(id), &inner(&call.id));
            }
        }
        self.say(Some(&text)).await;
        let member = |name: &str| said[name].as_str().map(ToOwned::to_owned);
        self.place.0 = member("C").or(self.place.0.take());
        self.place.1 = member("G").or(self.place.1.take());
        for message in said["M"].as_array().unwrap() {
            if let (Some(hub), Some(method)) = (message["H"].as_str(), message["M"].as_str()) {
                let args = message["A"].as_array().unwrap().clone();
                let heard = (hub.to_lowercase(), method.to_owned(), args);
                self.owed.push_back(heard);
                self.played.events += 1;
            } else if let Some(call) = message["P"]["I"]
                .as_str()
                .and_then(|id| self.calls.get_mut(id))
            {
                let report = soon(call.reports.recv()).await;
                assert_eq!(
                    report.as_ref(),
                    Some(&message["P"]["D"]),
                    "{}",
                    self.of.name
                );
                self.played.reports += 1;
            }
        }
        if self.client.is_some() {
            self.settle().await;
        }
        if said["T"] == 1 {
            self.line = None;
            self.lost().await;
        }
    }

    /// Waits until callbacks were called with what they are owed.
    async fn settle(&mut self) {
        while let Some(owed) = self.owed.pop_front() {
            assert_eq!(
                soon(self.heard.recv()).await,
                Some(owed),
                "{}",
                self.of.name
            );
        }
    }

    /// The client notices that the link is gone.
    async fn lost(&mut self) {
        let (_, events) = self.client.as_mut().unwrap();
        let lost = soon(events.next()).await;
        let name = &self.of.name;
        assert!(
            matches!(lost, Some(ClientEvent::Lost(_))),
            "{name}: {lost:?}"
        );
        self.changes(State::Connected, State::Reconnecting).await;
        self.away = true;
        self.played.losses += 1;
        if self.on == Transport::WebSockets {
            for (_, asked) in self.calls.drain() {
                let outcome = soon(asked.outcome).await.unwrap();
                assert!(
                    matches!(outcome, Err(CallError::Reconnecting)),
                    "{outcome:?}"
                );
            }
        }
    }

    async fn changes(&mut self, before: State, after: State) {
        let (_, events) = self.client.as_mut().unwrap();
        let name = &self.of.name;
        match soon(events.next()).await {
            Some(ClientEvent::StateChanged { from, to }) => {
                assert_eq!((from, to), (before, after), "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }

    /// The client goes, and says so.
    async fn close(&mut self, recorded: Option<&Event>, status: u16) {
        let Some((client, _)) = &self.client else {
            return self.nothing_more();
        };
        let client = client.clone();
        let closing = tokio::spawn(async move { client.close().await });
        if let Some(Line::Socket(socket)) = &mut self.line {
            let frame = socket.closed().await;
            assert!(frame.is_some(), "{}: no close frame", self.of.name);
        }
        let next = self.desk.next(self.of, Verb::Abort, &self.place, recorded);
        next.await.0.answer(status, "").await;
        soon(closing).await.unwrap();
        let before = if self.away {
            State::Reconnecting
        } else {
            State::Connected
        };
        self.changes(before, State::Disconnected).await;
        for (_, asked) in self.calls.drain() {
            let outcome = soon(asked.outcome).await.unwrap();
            let over = matches!(outcome, Err(CallError::Disconnected));
            assert!(over, "{}: {outcome:?}", self.of.name);
        }
        let (_, mut events) = self.client.take().unwrap();
        let closed = soon(events.next()).await;
        let by_us = matches!(closed, Some(ClientEvent::Closed(CloseReason::Client)));
        assert!(by_us, "{}: {closed:?}", self.of.name);
        assert!(soon(events.next()).await.is_none(), "{}", self.of.name);
        self.nothing_more();
    }

    /// Nothing more came from the client, but for what it was about to ask when it went.
    fn nothing_more(&mut self) {
        let rest = self.desk.rest();
        let meant = |line: &String| line.contains("/poll?") || line.contains("/reconnect?");
        assert!(rest.iter().all(meant), "{}: {rest:?}", self.of.name);
        assert!(self.heard.try_recv().is_err(), "{}", self.of.name);
    }
}

/// All events that the server sends, as callbacks.
fn callbacks(of: &Conversation) -> HashSet<(String, String)> {
    let mut all = HashSet::new();
    for turn in &of.turns {
        let Turn::Payload(text) = turn else { continue };
        let said: Value = serde_json::from_str(text).unwrap();
        for message in said["M"].as_array().unwrap() {
            if let (Some(hub), Some(method)) = (message["H"].as_str(), message["M"].as_str()) {
                all.insert((hub.to_lowercase(), method.to_owned()));
            }
        }
    }
    all
}

fn callback(
    hub: &str,
    method: &str,
    hear: mpsc::UnboundedSender<Heard>,
) -> impl Fn(Vec<Value>) -> std::future::Ready<()> + Send + Sync + 'static {
    let (hub, method) = (hub.to_owned(), method.to_owned());
    move |args| {
        hear.send((hub.clone(), method.clone(), args)).unwrap();
        std::future::ready(())
    }
}
