//! The driver over a link that the test plays, with a clock that the test moves.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::FutureExt;
use hub_core::{BoxFuture, Payload};
use tokio::task::JoinHandle;

use super::*;
use crate::HubClient;
use crate::State;
use crate::events::ClientEvents;
use crate::hub_state::HubState;
use crate::route::Site;
use crate::transport::Place;

const EVENT: &str = r#"{"C":"d-1","M":[{"H":"chat","M":"message","A":[1]}]}"#;

/// The server's end of a link.
#[derive(Clone, Default)]
struct Peer(Arc<Mutex<Wire>>);

#[derive(Default)]
struct Wire {
    to_client: VecDeque<&'static str>,
    from_client: Vec<Bytes>,
    blocked: bool,
    waker: Option<Waker>,
}

impl Peer {
    fn say(&self, frame: &'static str) {
        self.change(|wire| wire.to_client.push_back(frame));
    }

    fn block(&self, blocked: bool) {
        self.change(|wire| wire.blocked = blocked);
    }

    fn unread(&self) -> usize {
        self.0.lock().unwrap().to_client.len()
    }

    fn heard(&self) -> Vec<Bytes> {
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
struct Rig {
    client: Option<HubClient>,
    peer: Peer,
    events: ClientEvents,
    serving: JoinHandle<Outcome>,
}

fn rig(event_buffer: usize, handlers: Arc<Handlers>) -> Rig {
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
    let started = life.started(Duration::from_secs(30), None, SystemTime::now());
    ends.voice.enter(started);
    let (mut driver, mut link) = Driver::new(settings, ends, life, opened);
    let serving = tokio::spawn(async move { driver.serve(&mut *link).await });
    Rig {
        client: Some(client),
        peer,
        events,
        serving,
    }
}

/// Lets every task run until all wait; the clock stands still.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

async fn advance(seconds: u64) {
    settle().await;
    tokio::time::advance(Duration::from_secs(seconds)).await;
    settle().await;
}

fn stuck(handlers: &Arc<Handlers>) -> Arc<tokio::sync::Semaphore> {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let wait = Arc::clone(&gate);
    let callback = move |_: Vec<u8>| {
        let wait = Arc::clone(&wait);
        async move { wait.acquire().await.unwrap().forget() }
    };
    handlers.on("chat", "message", callback).keep();
    gate
}

#[tokio::test(start_paused = true)]
async fn silence_is_slow_at_two_thirds_and_lost_at_the_end() {
    let mut rig = rig(4, Arc::default());
    assert!(matches!(
        rig.events.next().await,
        Some(ClientEvent::StateChanged {
            from: State::Connecting,
            to: State::Connected,
        })
    ));
    advance(19).await;
    rig.peer.say("{}");
    advance(19).await;
    assert!(rig.events.next().now_or_never().is_none());
    advance(1).await;
    let slow = rig.events.next().now_or_never();
    assert!(matches!(slow, Some(Some(ClientEvent::Slow))));
    advance(9).await;
    assert!(!rig.serving.is_finished());
    advance(1).await;
    assert!(rig.serving.is_finished());
    assert!(matches!(
        rig.serving.await.unwrap(),
        Outcome::Lost(LinkError::Silent(allowed)) if allowed.as_secs() == 30
    ));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_stops_the_reading_and_silence_is_then_not_the_servers() {
    let handlers = Arc::default();
    let gate = stuck(&handlers);
    let rig = rig(2, handlers);
    // One event runs, two wait in the queue, one before it; the others stay in the socket.
    for _ in 0..8 {
        rig.peer.say(EVENT);
    }
    advance(3600).await;
    assert_eq!(rig.peer.unread(), 4);
    assert!(!rig.serving.is_finished());
    gate.add_permits(8);
    advance(1).await;
    assert_eq!(rig.peer.unread(), 0);
    assert!(!rig.serving.is_finished(), "the silence was our own");
}

#[tokio::test(start_paused = true)]
async fn a_callback_gets_its_result_past_the_events_that_wait_for_it() {
    let handlers: Arc<Handlers> = Arc::default();
    let rig = rig(2, Arc::clone(&handlers));
    let client = rig.client.clone().unwrap();
    let (done, mut results) = mpsc::unbounded_channel();
    let callback = move |_: Vec<u8>| {
        let (client, done) = (client.clone(), done.clone());
        async move {
            let result = client.invoke::<u8>("chat", "count", ()).await;
            done.send(result.unwrap()).unwrap();
        }
    };
    handlers.on("chat", "message", callback).keep();
    for _ in 0..4 {
        rig.peer.say(EVENT);
    }
    rig.peer.say(r#"{"I":"0","R":7}"#);
    assert_eq!(results.recv().await, Some(7));
    assert_eq!(
        rig.peer.heard()[0],
        r#"{"H":"chat","M":"count","A":[],"I":"0"}"#
    );
}

#[tokio::test(start_paused = true)]
async fn callbacks_that_are_stuck_behind_their_own_calls_cost_the_link() {
    let handlers = Arc::default();
    let _gate = stuck(&handlers);
    let rig = rig(1, handlers);
    let client = rig.client.clone().unwrap();
    let call = tokio::spawn(async move { client.invoke::<u8>("chat", "count", ()).await });
    settle().await;
    for _ in 0..8 {
        rig.peer.say(EVENT);
    }
    advance(9).await;
    assert!(!rig.serving.is_finished());
    advance(1).await;
    assert!(rig.serving.is_finished());
    assert!(matches!(
        rig.serving.await.unwrap(),
        Outcome::Lost(LinkError::Overrun)
    ));
    // The rig's driver is gone with its table; the real one fails the call as it reconnects.
    assert!(matches!(call.await.unwrap(), Err(CallError::Disconnected)));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_read_is_still_read_and_can_be_left() {
    let rig = rig(4, Arc::default());
    rig.peer.block(true);
    let client = rig.client.clone().unwrap();
    for _ in 0..100 {
        let client = client.clone();
        tokio::spawn(async move { client.invoke::<()>("chat", "send", ("x",)).await });
    }
    for _ in 0..10 {
        rig.peer.say(EVENT);
    }
    settle().await;
    assert_eq!(rig.peer.unread(), 0);
    assert_eq!(rig.peer.heard().len(), 0);
    let closing = tokio::spawn(async move { client.close().await });
    assert!(matches!(
        rig.serving.await.unwrap(),
        Outcome::Closed(CloseReason::Client)
    ));
    closing.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn calls_go_out_in_order_and_one_that_was_dropped_before_does_not() {
    let rig = rig(4, Arc::default());
    rig.peer.block(true);
    let client = rig.client.clone().unwrap();
    let call = |n: u8| {
        let client = client.clone();
        tokio::spawn(async move { client.invoke::<()>("chat", "send", (n,)).await })
    };
    let calls: Vec<_> = (0..4).map(call).collect();
    settle().await;
    calls[2].abort();
    settle().await;
    rig.peer.block(false);
    settle().await;
    let sent: Vec<_> = rig.peer.heard();
    assert_eq!(
        sent,
        [
            r#"{"H":"chat","M":"send","A":[0],"I":"0"}"#,
            r#"{"H":"chat","M":"send","A":[1],"I":"1"}"#,
            r#"{"H":"chat","M":"send","A":[3],"I":"2"}"#,
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_ends_the_driver() {
    let mut rig = rig(4, Arc::default());
    let proxy = {
        let client = rig.client.take().unwrap();
        client.clone()
    };
    settle().await;
    assert!(!rig.serving.is_finished());
    drop(proxy);
    assert!(matches!(
        rig.serving.await.unwrap(),
        Outcome::Closed(CloseReason::Client)
    ));
}

#[tokio::test(start_paused = true)]
async fn nonsense_from_the_server_ends_the_connection() {
    let rig = rig(4, Arc::default());
    rig.peer.say("not json");
    assert!(matches!(
        rig.serving.await.unwrap(),
        Outcome::Closed(CloseReason::Protocol(_))
    ));
}

#[test]
fn arguments_are_an_array() {
    let payload = Payload::of("text").unwrap();
    assert!(matches!(
        Command::new("h", "m", &payload, HubState::default()).map(drop),
        Err(CallError::Encode(_))
    ));
}
