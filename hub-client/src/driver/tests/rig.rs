//! A driver, a link that the test plays, and a clock that the test moves.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hub_core::BoxFuture;
use tokio::task::JoinHandle;

use super::super::*;
use crate::HubClient;
use crate::events::ClientEvents;
use crate::route::Site;
use crate::transport::Place;

/// The server's end of a link.
#[derive(Clone, Default)]
pub(super) struct Peer(Arc<Mutex<Wire>>);

#[derive(Default)]
struct Wire {
    to_client: VecDeque<&'static str>,
    from_client: Vec<Bytes>,
    blocked: bool,
    waker: Option<Waker>,
}

impl Peer {
    pub(super) fn say(&self, frame: &'static str) {
        self.change(|wire| wire.to_client.push_back(frame));
    }

    pub(super) fn block(&self, blocked: bool) {
        self.change(|wire| wire.blocked = blocked);
    }

    pub(super) fn unread(&self) -> usize {
        self.0.lock().unwrap().to_client.len()
    }

    pub(super) fn heard(&self) -> Vec<Bytes> {
        self.0.lock().unwrap().from_client.clone()
    }

    fn change(&self, change: impl FnOnce(&mut Wire)) {
        let mut wire = self.0.lock().unwrap();
        change(&mut wire);
        if let Some(waker) = wire.waker.take() {
            waker.wake();
        }
    }
}

struct Played {
    peer: Peer,
    outgoing: Option<Bytes>,
}

impl Link for Played {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        after: Option<Place<'_>>,
    ) -> Poll<Result<Option<Bytes>, LinkError>> {
        let read = after.is_some();
        let mut wire = self.peer.0.lock().unwrap();
        wire.waker = Some(cx.waker().clone());
        if !wire.blocked
            && let Some(frame) = self.outgoing.take()
        {
            wire.from_client.push(frame);
            return Poll::Ready(Ok(None));
        }
        match wire.to_client.pop_front() {
            Some(frame) if read => Poll::Ready(Ok(Some(Bytes::from_static(frame.as_bytes())))),
            Some(frame) => {
                wire.to_client.push_front(frame);
                Poll::Pending
            }
            None => Poll::Pending,
        }
    }

    fn idle(&self) -> bool {
        self.outgoing.is_none()
    }

    fn send(&mut self, frame: Bytes) {
        assert!(self.outgoing.replace(frame).is_none(), "given while busy");
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// A driver that serves one link, and everything around it.
pub(super) struct Rig {
    pub(super) client: Option<HubClient>,
    pub(super) peer: Peer,
    pub(super) events: ClientEvents,
    pub(super) serving: JoinHandle<Outcome>,
}

pub(super) fn rig(event_buffer: usize, handlers: Arc<Handlers>) -> Rig {
    let Still {
        client,
        peer,
        events,
        mut driver,
        mut link,
    } = still(event_buffer, handlers, SystemTime::now());
    let serving = tokio::spawn(async move { driver.serve(&mut *link).await });
    Rig {
        client: Some(client),
        peer,
        events,
        serving,
    }
}

/// A driver whose connection began at this time, and that does nothing yet.
pub(super) struct Still {
    pub(super) client: HubClient,
    pub(super) peer: Peer,
    pub(super) events: ClientEvents,
    pub(super) driver: Driver,
    pub(super) link: Box<dyn Link>,
}

pub(super) fn still(event_buffer: usize, handlers: Arc<Handlers>, began: SystemTime) -> Still {
    let peer = Peer::default();
    let voice = Voice::new();
    let (commands, calls) = mpsc::channel(8);
    let (end, ending) = watch::channel(false);
    let client = HubClient::new(crate::client::Handle {
        id: "id".into(),
        transport: Transport::WebSockets,
        commands,
        ending: end,
        changes: voice.states(),
        states: Arc::default(),
        events: voice.events().downgrade(),
        handlers: Arc::clone(&handlers),
        call_timeout: None,
    });
    let events = client.client_events();
    let site = Site {
        address: crate::address::Address::parse("http://127.0.0.1:9/").unwrap(),
        extra: crate::address::Query::default(),
        headers: http::HeaderMap::new(),
        agent: crate::http::Agent::new(crate::http::Trust::default()),
        tokens: None,
        data: "[]".to_owned(),
    };
    let settings = Settings {
        site: site.clone(),
        retry: crate::RetryPolicy::default(),
        connect_timeout: Duration::ZERO,
        http_timeout: Duration::from_secs(1),
        event_buffer,
        max_frame: 1024,
        transports: Vec::new(),
        retry_start: false,
        queue: 0,
    };
    let ends = Ends {
        commands: calls,
        ending,
        voice,
        handlers,
        states: Arc::default(),
    };
    let opened = Opened {
        route: Arc::new(Route {
            site,
            token: "token".to_owned(),
            transport: Transport::WebSockets,
        }),
        limits: Limits {
            frame: 1024,
            http: Duration::from_secs(1),
            poll: Duration::from_secs(1),
        },
        terms: Negotiated {
            id: "id".into(),
            token: "token".to_owned(),
            silence: Some(Duration::from_secs(30)),
            disconnect: Duration::from_secs(30),
            connect: Duration::from_secs(5),
            web_sockets: true,
            poll: Duration::from_secs(110),
        },
        link: Box::new(Played {
            peer: peer.clone(),
            outgoing: None,
        }),
        reception: Reception::new(event_buffer),
    };
    let mut life = Life::new();
    let terms = &opened.terms;
    let started = life.started(terms.disconnect, terms.silence, began);
    ends.voice.enter(started);
    let (driver, link) = Driver::new(settings, ends, life, opened);
    Still {
        client,
        peer,
        events,
        driver,
        link,
    }
}

/// Lets every task run until all wait; the clock stands still.
pub(super) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

pub(super) async fn advance(seconds: u64) {
    settle().await;
    tokio::time::advance(Duration::from_secs(seconds)).await;
    settle().await;
}
