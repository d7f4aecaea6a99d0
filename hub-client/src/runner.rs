//! The task of one connection that calls its callbacks, one after the other, and says what came of those that are asked.

use std::sync::Arc;

use hub_core::Event;
use tokio::sync::{broadcast, mpsc};

use crate::answers::{Answer, Outcome};
use crate::error::EventError;
use crate::events::ClientEvent;
use crate::handlers::{Handlers, guarded};
use crate::hub_state::HubStates;
use crate::reception::Arrival;
use crate::resync::{Done, Held, Resyncs, Settled};

pub(crate) struct Runner {
    handlers: Arc<Handlers>,
    states: Arc<HubStates>,
    resyncs: Resyncs,
    answers: mpsc::Sender<Answer>,
    events: broadcast::Sender<ClientEvent>,
}

/// The client was closed.
struct Muted;

impl Runner {
    pub(crate) fn new(
        handlers: Arc<Handlers>,
        states: Arc<HubStates>,
        answers: mpsc::Sender<Answer>,
        events: broadcast::Sender<ClientEvent>,
    ) -> Self {
        Self {
            resyncs: handlers.resyncs(),
            handlers,
            states,
            answers,
            events,
        }
    }

    /// Takes what arrives, until the queue's other end is gone.
    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Arrival>) {
        loop {
            let taken = tokio::select! {
                Some(done) = self.resyncs.ended() => self.settle(done).await,
                arrival = queue.recv() => match arrival {
                    Some(arrival) => self.take(arrival).await,
                    None => return,
                },
            };
            if taken.is_err() {
                return;
            }
        }
    }

    async fn take(&mut self, arrival: Arrival) -> Result<(), Muted> {
        match arrival {
            Arrival::Event { event, kept } => match self.resyncs.hold(event, kept) {
                Held::Yes => {}
                Held::No(event) => self.call(&event).await?,
                Held::Had(had) => self.had(&had).await,
            },
            Arrival::Gap(missed) => {
                let had = self.resyncs.missed(&missed);
                self.say(ClientEvent::Gap { missed });
                self.had(&had).await;
            }
            Arrival::Log(epoch) => {
                let had = self.resyncs.log(epoch);
                self.had(&had).await;
            }
        }
        Ok(())
    }

    async fn settle(&mut self, done: Done) -> Result<(), Muted> {
        match self.resyncs.settle(done) {
            Some(Settled::InStep { had, newer }) => {
                self.had(&had).await;
                for event in newer {
                    self.call(&event).await?;
                }
            }
            Some(Settled::Failed { hub, reason }) => {
                tracing::warn!(hub, reason, "a hub could not be brought into step yet");
                self.say(ClientEvent::ResyncFailed { hub, reason });
            }
            None => {}
        }
        Ok(())
    }

    /// Calls all callbacks of an event. Its answer is the first value, or else the first failure.
    async fn call(&self, event: &Event) -> Result<(), Muted> {
        if let Some(changes) = &event.state {
            self.states.of(event.hub.as_str()).change(changes);
        }
        let callbacks = self.handlers.of(event);
        let mut outcome: Outcome = match callbacks.is_empty() {
            true => Err("there is no such callback".to_owned()),
            false => Ok(None),
        };
        for callback in callbacks {
            if self.handlers.is_muted() {
                return Err(Muted);
            }
            match (guarded(&callback, event).await, &outcome) {
                (Ok(Some(value)), Ok(None) | Err(_)) => outcome = Ok(Some(value)),
                (Err(reason), _) => {
                    if let Ok(None) = outcome {
                        outcome = Err(reason.clone());
                    }
                    self.complain(event, reason);
                }
                (Ok(_), _) => {}
            }
        }
        self.answer(event, outcome).await;
        Ok(())
    }

    /// A snapshot has these events: they have arrived.
    async fn had(&self, events: &[Event]) {
        for event in events {
            self.answer(event, Ok(None)).await;
        }
    }

    async fn answer(&self, event: &Event, outcome: Outcome) {
        if let Some(ask) = event.tag.and_then(|tag| tag.ask) {
            // Without a connection nobody waits.
            let _ = self.answers.send(Answer::new(ask, outcome)).await;
        }
    }

    fn complain(&self, event: &Event, reason: String) {
        let error = EventError {
            hub: event.hub.clone(),
            method: event.method.to_string(),
            reason,
        };
        tracing::warn!(%error, "a callback failed");
        self.say(ClientEvent::Error(error));
    }

    fn say(&self, event: ClientEvent) {
        // Nobody has to listen.
        let _ = self.events.send(event);
    }
}
