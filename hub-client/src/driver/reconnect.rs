//! Between two links: waits, tries, and gives up in time. Meanwhile the driver still answers its handles.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::pin;
use std::sync::Arc;

use hub_core::CallError;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{Driver, NEVER, ended, room};
use crate::client::State;
use crate::error::{CloseReason, ConnectError, LinkError};
use crate::events::ClientEvent;
use crate::transport::Transport;

impl Driver {
    /// Comes back on a new link, or says why not.
    pub(super) async fn reconnect(
        &mut self,
        error: LinkError,
    ) -> Result<Box<dyn Transport>, CloseReason> {
        let after = self.terms.disconnect;
        let gives_up = Instant::now() + after;
        self.ends.voice.say(ClientEvent::Lost(error));
        self.ends.voice.enter(State::Reconnecting);
        for reply in self.calls.drain() {
            reply.fail(CallError::Reconnecting);
        }
        let mut last = None;
        loop {
            let seed = RandomState::new().build_hasher().finish();
            let wait = self.settings.retry.delay(self.attempts, seed);
            self.attempts = self.attempts.saturating_add(1);
            let next = (Instant::now() + wait.min(NEVER)).min(gives_up);
            self.meanwhile(sleep_until(next)).await?;
            if next == gives_up {
                break;
            }
            match self.attempt(gives_up).await? {
                Ok(link) => {
                    self.ends.voice.enter(State::Connected);
                    return Ok(link);
                }
                Err(error) => {
                    tracing::debug!(%error, "reconnect failed");
                    last = Some(Arc::new(error));
                }
            }
        }
        Err(CloseReason::GaveUp { after, last })
    }

    async fn attempt(
        &mut self,
        gives_up: Instant,
    ) -> Result<Result<Box<dyn Transport>, ConnectError>, CloseReason> {
        let allowed = self.terms.connect + self.settings.connect_timeout;
        let until = (Instant::now() + allowed).min(gives_up);
        let (route, max_frame) = (self.route.clone(), self.settings.max_frame);
        let (cursor, groups) = self.reception.place();
        let (cursor, groups) = (cursor.map(str::to_owned), groups.map(str::to_owned));
        let attempt = async move {
            let place = (cursor.as_deref(), groups.as_deref());
            match timeout_at(until, route.reconnect(place, max_frame)).await {
                Ok(Ok(link)) => Ok(Box::new(link) as Box<dyn Transport>),
                Ok(Err(error)) => Err(error),
                Err(_) => Err(ConnectError::TimedOut {
                    request: "connect",
                    allowed,
                }),
            }
        };
        self.meanwhile(attempt).await
    }

    /// Waits for `work` where there is no link: refuses calls, hands events on, and listens for the end.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, CloseReason> {
        let mut work = pin!(work);
        loop {
            self.hand_on();
            let waiting = !self.reception.events().is_empty();
            tokio::select! {
                biased;
                () = ended(&mut self.ends.ending) => return Err(CloseReason::Client),
                done = &mut work => return Ok(done),
                Some(command) = self.ends.commands.recv() => command.refuse(),
                Some(answer) = self.said.recv() => self.answers.push(answer),
                () = room(&self.queue), if waiting => {}
            }
        }
    }
}
