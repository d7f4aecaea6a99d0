//! The task of one connection. It owns the link, the receiving half and the table of open calls; handles talk to it
//! through channels, and it hands events on to the task that runs the callbacks.

mod command;
mod reconnect;
mod sending;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hub_core::{CallError, ConnectionId};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::answers::{Answer, Answers};
use crate::builder::Settings;
use crate::calls::Calls;
use crate::error::{CloseReason, ConnectError, LinkError};
use crate::events::{ClientEvent, Voice};
use crate::handlers::Handlers;
use crate::hub_state::HubStates;
use crate::life::Life;
use crate::negotiate::Negotiated;
use crate::opening::{ABORT, Opened, open};
use crate::posts::Posts;
use crate::reception::{Arrival, Reception, Step};
use crate::route::{Limits, Route};
use crate::runner::Runner;
use crate::transport::{Link, Transport, next};

pub(crate) use command::Command;
use command::Reply;

/// How long callbacks may be stuck while the queue before them is full and calls are open. A callback that waits for a
/// result which stands behind that queue would wait for ever. The original complains after the same time.
const STUCK: Duration = Duration::from_secs(10);

/// Answers that wait for the driver; callbacks wait for room.
const ANSWERS_WAITING: usize = 32;

/// Far enough to be never.
const NEVER: Duration = Duration::from_secs(86400 * 365);

/// The other ends of what a handle holds.
pub(crate) struct Ends {
    pub(crate) commands: mpsc::Receiver<Command>,
    /// True when a handle wants the end; closed when no handle is left.
    pub(crate) ending: watch::Receiver<bool>,
    pub(crate) voice: Voice,
    pub(crate) handlers: Arc<Handlers>,
    pub(crate) states: Arc<HubStates>,
}

/// Opens a connection and drives it to its end. `ready` learns how the opening went.
pub(crate) async fn run(
    settings: Settings,
    ends: Ends,
    ready: oneshot::Sender<Result<(ConnectionId, Transport), ConnectError>>,
) {
    let mut ending = ends.ending.clone();
    let mut life = Life::new();
    ends.voice.say(ClientEvent::Starting);
    // If nobody listens to `ready`, the handles are gone, too, and `ending` tells.
    match begin(&settings, &mut ending).await {
        Some(Ok(opened)) => {
            let made = (opened.terms.id.clone(), opened.route.transport);
            let terms = &opened.terms;
            let started = life.started(terms.disconnect, terms.silence, SystemTime::now());
            ends.voice.enter(started);
            let (driver, link) = Driver::new(settings, ends, life, opened);
            let _ = ready.send(Ok(made));
            driver.drive(link).await;
        }
        Some(Err(error)) => {
            ends.voice.enter(life.end());
            let _ = ready.send(Err(error));
        }
        None => ends.voice.enter(life.end()),
    }
}

/// Opens a connection, again and again if the application wants that; `None` when it wants none any more.
async fn begin(
    settings: &Settings,
    ending: &mut watch::Receiver<bool>,
) -> Option<Result<Opened, ConnectError>> {
    for attempt in 0.. {
        match open(settings, ended(ending)).await? {
            Err(error) if settings.retry_start && error.is_temporary() => {
                tracing::debug!(%error, "there is no connection yet");
            }
            done => return Some(done),
        }
        tokio::select! {
            () = sleep(settings.retry.next(attempt)) => {}
            () = ended(ending) => return None,
        }
    }
    None
}

async fn ended(ending: &mut watch::Receiver<bool>) {
    // An error means that no handle is left: the same.
    let _ = ending.wait_for(|end| *end).await;
}

/// Waits for room in the callbacks' queue, for `hand_on` to take.
async fn room(queue: &mpsc::Sender<Arrival>) {
    // An error means that nobody takes events any more, and `hand_on` finds out.
    let _ = queue.reserve().await;
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// How the serving of a link ended.
enum Outcome {
    Lost(LinkError),
    Closed(CloseReason),
}

struct Driver {
    settings: Settings,
    ends: Ends,
    life: Life,
    route: Arc<Route>,
    limits: Limits,
    /// What goes to the server, where the link only receives.
    posts: Option<Posts>,
    terms: Negotiated,
    reception: Reception,
    calls: Calls<Reply>,
    queue: mpsc::Sender<Arrival>,
    /// Calls that wait for the next link.
    held: VecDeque<Command>,
    /// What callbacks have to say, and what of that is on its way.
    said: mpsc::Receiver<Answer>,
    answers: Answers,
    /// When an event last went on to the callbacks.
    moved: Instant,
    /// Attempts since the last frame: a server that accepts and closes at once is not asked faster and faster.
    attempts: u32,
}

impl Driver {
    fn new(settings: Settings, ends: Ends, life: Life, opened: Opened) -> (Self, Box<dyn Link>) {
        let (queue, waiting) = mpsc::channel(settings.event_buffer);
        let (saying, said) = mpsc::channel(ANSWERS_WAITING);
        let (handlers, states) = (Arc::clone(&ends.handlers), Arc::clone(&ends.states));
        let runner = Runner::new(handlers, states, saying, ends.voice.events());
        tokio::spawn(runner.run(waiting));
        let both_ways = opened.route.transport == Transport::WebSockets;
        let posts = (!both_ways).then(|| Posts::new(opened.route.clone(), opened.limits));
        let driver = Self {
            settings,
            ends,
            life,
            route: opened.route,
            limits: opened.limits,
            posts,
            terms: opened.terms,
            reception: opened.reception,
            calls: Calls::new(),
            queue,
            said,
            held: VecDeque::new(),
            answers: Answers::default(),
            moved: Instant::now(),
            attempts: 0,
        };
        (driver, opened.link)
    }

    async fn drive(mut self, mut link: Box<dyn Link>) {
        let reason = loop {
            match self.serve(&mut *link).await {
                Outcome::Closed(reason) => break reason,
                Outcome::Lost(error) => {
                    drop(link);
                    match self.reconnect(error).await {
                        Ok(again) => {
                            self.answers_again();
                            link = again;
                        }
                        Err(reason) => return self.finish(None, reason).await,
                    }
                }
            }
        };
        self.finish(Some(link), reason).await;
    }

    /// Serves a link until it breaks or the connection ends.
    async fn serve(&mut self, link: &mut dyn Link) -> Outcome {
        let mut reading = false;
        loop {
            while let Some(step) = self.reception.poll() {
                if let Some(outcome) = self.take(step) {
                    return outcome;
                }
            }
            self.hand_on();
            let waiting = !self.reception.events().is_empty();
            let behind = self.results_behind_events();
            let read = self.reception.wants_more(behind);
            if read && !reading {
                // Silence while nobody read was not the server's.
                let silence = self.terms.silence.filter(|_| link.is_watched());
                self.reception.listen(now(), silence);
            }
            reading = read;
            let deadline = if read {
                self.reception.deadline().map(Instant::from_std)
            } else {
                behind.then_some(self.moved + STUCK)
            };
            let deadline = deadline.unwrap_or_else(|| Instant::now() + NEVER);
            self.send_answer(link);
            self.call_held(link);
            let takes_calls = self.takes_calls(link) && self.held.is_empty();
            let after = read.then(|| self.reception.place());
            // In order: calls are taken one by one as they get written, so they don't starve the reading; and what has
            // arrived is read before the time is looked at.
            tokio::select! {
                biased;
                () = ended(&mut self.ends.ending) => return Outcome::Closed(CloseReason::Client),
                Some(command) = self.ends.commands.recv(), if takes_calls => self.call(command, link),
                Some(answer) = self.said.recv() => self.answers.push(answer),
                () = room(&self.queue), if waiting => {}
                posted = sending::next(&mut self.posts) => if let Err(error) = self.posted(posted) {
                    return Outcome::Lost(error);
                },
                frame = next(link, after) => match frame {
                    Ok(None) => {}
                    Ok(Some(frame)) => {
                        self.attempts = 0;
                        self.life.heard(SystemTime::now());
                        if let Err(error) = self.reception.receive(now(), frame) {
                            return Outcome::Closed(CloseReason::Protocol(Arc::new(error)));
                        }
                    }
                    Err(error) => return Outcome::Lost(error),
                },
                () = sleep_until(deadline) => {
                    if !read {
                        return Outcome::Lost(LinkError::Overrun);
                    }
                    self.reception.on_deadline(now());
                }
            }
        }
    }

    fn take(&mut self, step: Step) -> Option<Outcome> {
        match step {
            // A second one is ignored, and one on a reconnect, too (`classic-signalr.md` 7.3).
            Step::Init => {}
            Step::Report(item) => {
                if let Some(reply) = self.calls.waiter(&item.id) {
                    reply.report(item.value);
                }
            }
            Step::Result(completion) => {
                if let Some(reply) = self.calls.settle(&completion) {
                    reply.end(completion);
                }
            }
            Step::Slow => self.ends.voice.say(ClientEvent::Slow),
            Step::Leave => return Some(Outcome::Lost(LinkError::Leaving)),
            Step::Silent(allowed) => return Some(Outcome::Lost(LinkError::Silent(allowed))),
            Step::Closed(error) => return Some(Outcome::Closed(CloseReason::Server(error))),
        }
        None
    }

    /// Moves events to the callbacks' queue as far as there is room.
    fn hand_on(&mut self) {
        let events = self.reception.events();
        while !events.is_empty() {
            match self.queue.try_reserve() {
                Ok(permit) => events.pop_front().map(|event| permit.send(event)),
                Err(TrySendError::Full(())) => return,
                Err(TrySendError::Closed(())) => return events.clear(),
            };
            self.moved = Instant::now();
        }
    }

    /// The end: tells everybody who waits, and the server if it may still count on this client.
    async fn finish(self, link: Option<Box<dyn Link>>, reason: CloseReason) {
        let Self {
            mut ends,
            mut life,
            route,
            mut reception,
            mut calls,
            held,
            queue,
            said,
            ..
        } = self;
        // Nobody waits for answers any more.
        drop(said);
        let aborts = matches!(reason, CloseReason::Client | CloseReason::Protocol(_));
        if matches!(reason, CloseReason::Client) {
            ends.handlers.mute();
        }
        ends.voice.enter(life.end());
        ends.voice.say(ClientEvent::Closed(reason));
        for reply in calls.drain() {
            reply.fail(CallError::Disconnected);
        }
        for command in held {
            command.refuse();
        }
        let rest = std::mem::take(reception.events());
        if !rest.is_empty() {
            tokio::spawn(async move {
                for event in rest {
                    if queue.send(event).await.is_err() {
                        break;
                    }
                }
            });
        }
        let mut goodbye = pin!(async {
            if let Some(mut link) = link {
                link.close().await;
            }
            if aborts {
                route.abort(ABORT).await;
            }
        });
        loop {
            tokio::select! {
                () = &mut goodbye => break,
                Some(command) = ends.commands.recv() => command.refuse(),
            }
        }
        ends.commands.close();
        while let Ok(command) = ends.commands.try_recv() {
            command.refuse();
        }
    }
}

#[cfg(test)]
mod tests;
