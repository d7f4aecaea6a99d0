//! The server's end of a link, on each transport, and the requests that wait for the player.

use std::time::{Duration, Instant};

use hub_client::Transport;
use serde_json::Value;

use crate::conversation::{Conversation, Place, Verb};
use crate::event::Event;
use crate::request::Sent;
use crate::server::{Request, Server, Socket, Stream, soon};

/// What the client asks, by what it asks for: requests beside each other come in any order.
pub(crate) struct Desk {
    pub(crate) server: Server,
    waiting: Vec<Request>,
    on: Transport,
}

impl Desk {
    pub(crate) async fn open(on: Transport) -> Self {
        Self {
            server: Server::start().await,
            waiting: Vec::new(),
            on,
        }
    }

    /// The next request of a kind, which has to be right.
    pub(crate) async fn next(
        &mut self,
        of: &Conversation,
        verb: Verb,
        place: &Place,
        recorded: Option<&Event>,
    ) -> (Request, Sent) {
        let is = |request: &Request| Sent::verb(request) == Some(verb);
        // Other requests that go on and on are no sign of life.
        let mut request = soon(async {
            loop {
                if let Some(at) = self.waiting.iter().position(is) {
                    return self.waiting.remove(at);
                }
                self.waiting.push(self.server.request().await);
            }
        })
        .await;
        let sent = Sent::read(&mut request).await;
        sent.check(of, self.on, verb, place, recorded);
        assert!(sent.asks_for_tags(), "{}", of.name);
        assert_eq!(
            request.header("authorization"),
            of.authorization.as_deref(),
            "{}",
            of.name
        );
        (request, sent)
    }

    /// What was asked and nobody waited for.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        let waiting = self.waiting.iter().map(|request| request.line().to_owned());
        let mut rest: Vec<String> = waiting.collect();
        rest.extend(self.server.rest());
        rest
    }
}

/// A link.
pub(crate) enum Line {
    Socket(Box<Socket>),
    Events(Stream),
    /// The poll that is not answered yet, and how long the client was asked to wait after the last one.
    Polls(Option<Stream>, Option<(Instant, Duration)>),
}

impl Line {
    pub(crate) async fn accept(request: Request, on: Transport) -> Self {
        match on {
            Transport::WebSockets => Self::Socket(Box::new(request.accept().await)),
            Transport::ServerSentEvents => {
                Self::Events(request.stream("data: initialized\n\n").await)
            }
            _ => Self::Polls(Some(request.stream("").await), None),
        }
    }

    /// Says a payload, or a keep-alive.
    pub(crate) async fn say(
        &mut self,
        text: Option<&str>,
        desk: &mut Desk,
        of: &Conversation,
        place: &Place,
    ) {
        match self {
            Self::Socket(socket) => socket.say(text.unwrap_or("{}")).await,
            Self::Events(stream) => {
                let data = format!("data: {}\n\n", text.unwrap_or("{}"));
                stream.say(&data).await;
            }
            Self::Polls(..) => {
                let mut poll = self.poll(desk, of, place).await;
                poll.say(text.unwrap_or(" ")).await;
                let Self::Polls(open, pause) = self else {
                    unreachable!()
                };
                let Some(text) = text else {
                    *open = Some(poll);
                    return;
                };
                let said: Value = serde_json::from_str(text).unwrap();
                let asked = said["L"].as_u64().map(Duration::from_millis);
                *pause = asked.map(|asked| (Instant::now(), asked));
                poll.end().await;
            }
        }
    }

    /// The open poll, or the next one.
    async fn poll(&mut self, desk: &mut Desk, of: &Conversation, place: &Place) -> Stream {
        let Self::Polls(open, pause) = self else {
            unreachable!()
        };
        if let Some(open) = open.take() {
            return open;
        }
        let (request, _) = desk.next(of, Verb::Poll, place, None).await;
        if let Some((since, asked)) = pause.take() {
            assert!(since.elapsed() >= asked, "{}: polled too soon", of.name);
        }
        request.stream("").await
    }

    /// Ends it, in order or not.
    pub(crate) async fn lose(
        mut self,
        ended: bool,
        desk: &mut Desk,
        of: &Conversation,
        place: &Place,
    ) {
        if matches!(self, Self::Polls(..)) {
            return drop(self.poll(desk, of, place).await);
        }
        match self {
            Self::Socket(socket) if ended => socket.close().await,
            Self::Socket(socket) => socket.cut(),
            Self::Events(stream) if ended => stream.end().await,
            Self::Events(stream) => drop(stream),
            Self::Polls(..) => unreachable!(),
        }
    }
}
