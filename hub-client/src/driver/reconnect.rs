//! Between two links: waits, tries, and gives up in time. Meanwhile the driver still answers its handles.

use std::pin::pin;
use std::sync::Arc;
use std::time::SystemTime;

use hub_core::CallError;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{Driver, NEVER, ended, now, room, sending};
use crate::error::{CloseReason, ConnectError, LinkError};
use crate::events::ClientEvent;
use crate::life::Over;
use crate::route::Verb;
use crate::transport::Link;

impl Driver {
    /// Comes back on a new link, or says why not.
    pub(super) async fn reconnect(
        &mut self,
        error: LinkError,
    ) -> Result<Box<dyn Link>, CloseReason> {
        self.route.site.agent.renew();
        let silent = matches!(error, LinkError::Silent(_));
        self.ends.voice.say(ClientEvent::Lost(error));
        let lost = self.life.lost(now(), SystemTime::now());
        let lost = lost.map_err(|over| reason(over, None))?;
        self.ends.voice.enter(lost);
        if let Some(posts) = self.posts.as_mut().filter(|_| silent) {
            posts.give_calls_up();
        }
        if self.posts.is_none() || silent {
            // Their results would have come over this link, or over others on the same way.
            for reply in self.calls.drain() {
                reply.fail(CallError::Reconnecting);
            }
        }
        let mut last = None;
        loop {
            let gives_up = self.life.may_try(now(), SystemTime::now());
            let gives_up = Instant::from_std(gives_up.map_err(|over| reason(over, last.clone()))?);
            let wait = self.settings.retry.next(self.attempts);
            self.attempts = self.attempts.saturating_add(1);
            let next = (Instant::now() + wait.min(NEVER)).min(gives_up);
            self.meanwhile(sleep_until(next)).await?;
            // The client may have slept, or the time may be over.
            let may = self.life.may_try(now(), SystemTime::now());
            may.map_err(|over| reason(over, last.clone()))?;
            match self.attempt(gives_up).await? {
                Ok(link) => {
                    let back = self.life.back(SystemTime::now());
                    self.ends.voice.enter(back);
                    return Ok(link);
                }
                Err(error) => {
                    tracing::debug!(%error, "reconnect failed");
                    last = Some(Arc::new(error));
                }
            }
        }
    }

    async fn attempt(
        &mut self,
        gives_up: Instant,
    ) -> Result<Result<Box<dyn Link>, ConnectError>, CloseReason> {
        let allowed = self.terms.connect + self.settings.connect_timeout;
        let until = (Instant::now() + allowed).min(gives_up);
        let (route, limits) = (self.route.clone(), self.limits);
        let (cursor, groups) = self.reception.place();
        let (cursor, groups) = (cursor.map(str::to_owned), groups.map(str::to_owned));
        let attempt = async move {
            let place = (cursor.as_deref(), groups.as_deref());
            let opened = timeout_at(until, route.open(Verb::Reconnect, place, limits)).await;
            opened.unwrap_or(Err(ConnectError::TimedOut {
                request: "reconnect",
                allowed,
            }))
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
                Some(command) = self.ends.commands.recv() => self.hold(command),
                Some(answer) = self.said.recv() => self.answers.push(answer),
                () = room(&self.queue), if waiting => {}
                // An answer that did not arrive goes again with all others.
                posted = sending::next(&mut self.posts) => drop(self.posted(posted)),
            }
        }
    }
}

fn reason(over: Over, last: Option<Arc<ConnectError>>) -> CloseReason {
    match over {
        Over::GaveUp(after) => CloseReason::GaveUp { after, last },
        Over::Inactive { stood, allowed } => CloseReason::Inactive { stood, allowed },
    }
}
