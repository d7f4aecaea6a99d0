//! Hubs that are kept in step: while the application takes a snapshot, the hub's events are held back; then those that the
//! snapshot has not are let go. It owns what is held and the snapshots that are being taken.

use std::any::Any;
use std::collections::HashMap;
use std::fmt::Display;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use hub_core::{BoxFuture, Event, HubName, Missed};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::client::{Handle, HubClient};
use crate::handlers::text_of;
use crate::life::State;
use crate::place::Place;
use crate::retry::RetryPolicy;

/// How many events of a hub are held. When there are more, the snapshot is taken anew, which has them.
const HELD: usize = 10_000;

/// Takes a snapshot: the application's function, which gives the position that the snapshot reflects.
pub(crate) type Take = Arc<dyn Fn(HubClient) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// A position, or the text of what went wrong.
type Outcome = Result<String, String>;

/// Makes a [`Take`] of an application's function.
pub(crate) fn take<F, Fut, E>(snapshot: F) -> Take
where
    F: Fn(HubClient) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, E>> + Send + 'static,
    E: Display,
{
    Arc::new(move |client| {
        let taken = snapshot(client).map(|taken| taken.map_err(|error| error.to_string()));
        Box::pin(taken) as BoxFuture<'static, _>
    })
}

/// The hubs of a connection that are kept in step.
pub(crate) struct Resyncs {
    hubs: HashMap<String, Hub>,
    running: JoinSet<Done>,
    client: watch::Receiver<Weak<Handle>>,
    retry: RetryPolicy,
    /// The log that events are of.
    log: Option<u64>,
}

struct Hub {
    take: Take,
    /// What came since the hub fell out of step, and whether it was kept; `None` while it is in step.
    held: Option<Vec<(Event, bool)>>,
    /// Up to here everything of this log is in the snapshot. It may have overtaken events, and what says whose log they
    /// are.
    upto: Option<Place>,
    running: Option<AbortHandle>,
    /// Counts the snapshots, so that one that was given up is told from its successor.
    run: u64,
    failures: u32,
}

/// How a snapshot ended.
pub(crate) struct Done {
    hub: String,
    run: u64,
    outcome: Outcome,
    /// What it has not seen of the connection: a new link since it began is a reason to try again at once.
    states: States,
}

type States = watch::Receiver<State>;

/// When to take a snapshot again that failed: after this time, or on a new link.
struct Again {
    pause: Duration,
    states: States,
}

/// What to do when a snapshot has ended.
pub(crate) enum Settled {
    /// In step again: what the snapshot has, and what comes after it.
    InStep { had: Vec<Event>, newer: Vec<Event> },
    /// Not yet; it is tried again.
    Failed { hub: String, reason: String },
}

impl Resyncs {
    /// All of these hubs begin out of step.
    pub(crate) fn begin(
        takes: HashMap<String, Take>,
        client: watch::Receiver<Weak<Handle>>,
    ) -> Self {
        let hub = |(name, take)| (name, Hub::new(take));
        let mut resyncs = Self {
            hubs: takes.into_iter().map(hub).collect(),
            running: JoinSet::new(),
            client,
            retry: RetryPolicy::default()
                .first(Duration::from_secs(2))
                .cap(Duration::from_secs(20)),
            log: None,
        };
        resyncs.again(|_, _| true);
        resyncs
    }

    /// Events are of this log from now on. Between two logs is a gap, which follows; but a snapshot may have been quicker
    /// than the first one, and of another: then it is taken again. Gives what was held.
    pub(crate) fn log(&mut self, epoch: u64) -> Vec<Event> {
        let first = self.log.replace(epoch).is_none();
        self.again(|_, hub| first && hub.upto.is_some_and(|upto| upto.epoch != epoch))
    }

    /// The hubs that have missed something take a snapshot. What they held is in it.
    pub(crate) fn missed(&mut self, missed: &[Missed]) -> Vec<Event> {
        let concerns = |name: &str, hub: &HubName| hub.as_str().eq_ignore_ascii_case(name);
        self.again(|name, _| {
            let mut hubs = missed.iter().map(|missed| missed.hub.as_ref());
            hubs.any(|hub| hub.is_none_or(|hub| concerns(name, hub)))
        })
    }

    /// Holds an event, if its hub is out of step, or gives it back. When too many are held all of them are given up.
    pub(crate) fn hold(&mut self, event: Event, kept: bool) -> Held {
        let name = event.hub.as_str().to_ascii_lowercase();
        let Some(hub) = self.hubs.get_mut(&name) else {
            return Held::No(event);
        };
        let Some(held) = &mut hub.held else {
            return match is_in(hub.upto.as_ref(), &event, kept) {
                true => Held::Had(vec![event]),
                false => Held::No(event),
            };
        };
        held.push((event, kept));
        if held.len() <= HELD {
            return Held::Yes;
        }
        tracing::debug!(
            hub = name,
            "too many events for a snapshot: it is taken anew"
        );
        Held::Had(self.again(|hub, _| hub == name))
    }

    /// The next snapshot that ends; `None` while none is taken.
    ///
    /// Cancel safe.
    pub(crate) async fn ended(&mut self) -> Option<Done> {
        loop {
            // An error is one that was given up.
            if let Ok(done) = self.running.join_next().await? {
                return Some(done);
            }
        }
    }

    /// Lets go of what a snapshot has not, or tries again; `None` for one that was given up.
    pub(crate) fn settle(&mut self, done: Done) -> Option<Settled> {
        let hub = self.hubs.get_mut(&done.hub)?;
        if hub.run != done.run {
            return None;
        }
        let position = done.outcome.and_then(|text| match Place::parse(&text) {
            Some(place) if self.log.is_none_or(|log| log == place.epoch) => Ok(place),
            Some(_) => Err("the snapshot's position is of another log".to_owned()),
            None => Err("the snapshot's position is none".to_owned()),
        });
        match position {
            Ok(place) => {
                let held = hub.held.take().unwrap_or_default();
                (hub.running, hub.failures, hub.upto) = (None, 0, Some(place));
                let (mut had, mut newer) = (Vec::new(), Vec::new());
                for (event, kept) in held {
                    let of = match is_in(Some(&place), &event, kept) {
                        true => &mut had,
                        false => &mut newer,
                    };
                    of.push(event);
                }
                Some(Settled::InStep { had, newer })
            }
            Err(reason) => {
                let seed = RandomState::new().build_hasher().finish();
                let pause = self.retry.delay(hub.failures, seed);
                hub.failures = hub.failures.saturating_add(1);
                let again = Again {
                    pause,
                    states: done.states,
                };
                hub.start(&done.hub, Some(again), &self.client, &mut self.running);
                let hub = done.hub;
                Some(Settled::Failed { hub, reason })
            }
        }
    }

    /// Begins with these hubs; gives what they held.
    fn again(&mut self, which: impl Fn(&str, &Hub) -> bool) -> Vec<Event> {
        let mut held = Vec::new();
        let hubs = self.hubs.iter_mut();
        for (name, hub) in hubs.filter(|(name, hub)| which(name, hub)) {
            // What was kept for the client is in no snapshot.
            let before = hub.held.take().into_iter().flatten();
            let (kept, before): (Vec<_>, Vec<_>) = before.partition(|(_, kept)| *kept);
            held.extend(before.into_iter().map(|(event, _)| event));
            (hub.held, hub.failures, hub.upto) = (Some(kept), 0, None);
            hub.start(name, None, &self.client, &mut self.running);
        }
        held
    }
}

/// Whether a snapshot up to this place has an event of the same log. What was kept for the client is in none.
fn is_in(upto: Option<&Place>, event: &Event, kept: bool) -> bool {
    let has = |upto: &Place| event.tag.is_some_and(|tag| tag.order <= upto.order);
    !kept && upto.is_some_and(has)
}

/// What became of an event.
pub(crate) enum Held {
    Yes,
    No(Event),
    /// The snapshot has these, or the one that is taken now will have them.
    Had(Vec<Event>),
}

impl Hub {
    fn new(take: Take) -> Self {
        Self {
            take,
            held: None,
            upto: None,
            running: None,
            run: 0,
            failures: 0,
        }
    }

    /// Takes a snapshot, perhaps after a while, instead of one that is being taken.
    fn start(
        &mut self,
        name: &str,
        again: Option<Again>,
        client: &watch::Receiver<Weak<Handle>>,
        running: &mut JoinSet<Done>,
    ) {
        if let Some(running) = self.running.take() {
            running.abort();
        }
        self.run += 1;
        let (hub, run) = (name.to_owned(), self.run);
        let (take, client) = (Arc::clone(&self.take), client.clone());
        self.running = Some(running.spawn(async move {
            let (outcome, states) = snapshot(take, client, again).await;
            Done {
                hub,
                run,
                outcome,
                states,
            }
        }));
    }
}

async fn snapshot(
    take: Take,
    mut client: watch::Receiver<Weak<Handle>>,
    again: Option<Again>,
) -> (Outcome, States) {
    // Who waits does not keep the client.
    if let Some(Again { pause, states }) = again {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = linked_anew(states) => {}
        }
    }
    // The connection is there before its handle is.
    let handle = client.wait_for(|handle| handle.strong_count() > 0).await;
    let Some(client) = handle.ok().and_then(|handle| HubClient::of(&handle)) else {
        // It is over, and so is this soon.
        return std::future::pending().await;
    };
    let mut states = client.states();
    states.mark_unchanged();
    let taken = AssertUnwindSafe(async { take(client).await }).catch_unwind();
    let panicked = |panic: Box<dyn Any + Send>| Err(format!("it panicked: {}", text_of(&*panic)));
    (taken.await.unwrap_or_else(panicked), states)
}

/// Waits for a link that is newer than what was seen of the connection.
async fn linked_anew(mut states: States) {
    while states.changed().await.is_ok() {
        if *states.borrow_and_update() == State::Connected {
            return;
        }
    }
    std::future::pending().await
}
