//! The longPolling transport: the receiving half (`classic-signalr.md` 6.4). Each answer is a frame, and asks for the next
//! request. Calls go as requests of their own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hub_core::BoxFuture;
use serde::Deserialize;
use tokio::time::{Sleep, sleep};

use super::{Link, Place};
use crate::error::{ConnectError, LinkError};
use crate::route::{Limits, Route};

/// Longer than this no server asks its clients to wait between polls.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What a poll gives.
pub(crate) type Answer = BoxFuture<'static, Result<Bytes, ConnectError>>;

pub(crate) struct LongPolling {
    route: Arc<Route>,
    limits: Limits,
    doing: Doing,
}

enum Doing {
    /// The next poll begins when somebody reads.
    Nothing,
    Pausing(Pin<Box<Sleep>>),
    Polling(Answer),
}

impl LongPolling {
    /// A link whose first answer is on its way.
    pub(crate) fn new(route: Arc<Route>, limits: Limits, answer: Answer) -> Self {
        Self {
            route,
            limits,
            doing: Doing::Polling(answer),
        }
    }
}

impl Link for LongPolling {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        after: Option<Place<'_>>,
    ) -> Poll<Result<Option<Bytes>, LinkError>> {
        let Some(place) = after else {
            return Poll::Pending;
        };
        loop {
            match &mut self.doing {
                Doing::Nothing => {
                    self.doing = Doing::Polling(self.route.poll(place, self.limits));
                }
                Doing::Pausing(pause) => {
                    ready!(pause.as_mut().poll(cx));
                    self.doing = Doing::Nothing;
                }
                Doing::Polling(answer) => {
                    let frame = ready!(answer.as_mut().poll(cx));
                    self.doing = Doing::Nothing;
                    let frame = frame.map_err(|error| match error {
                        ConnectError::TimedOut { allowed, .. } => LinkError::Silent(allowed),
                        error => LinkError::Failed(Arc::new(error)),
                    })?;
                    if let Some(pause) = pause(&frame) {
                        self.doing = Doing::Pausing(Box::pin(sleep(pause)));
                    }
                    // One without a word is tolerated.
                    if !frame.iter().all(u8::is_ascii_whitespace) {
                        return Poll::Ready(Ok(Some(frame)));
                    }
                }
            }
        }
    }

    /// An answer may take as long as the server says, and is timed by that.
    fn is_watched(&self) -> bool {
        false
    }
}

/// How long the server wants its clients to wait (`L`).
fn pause(frame: &[u8]) -> Option<Duration> {
    #[derive(Deserialize)]
    struct Turn {
        #[serde(rename = "L")]
        pause: Option<f64>,
    }
    let turn: Turn = serde_json::from_slice(frame).ok()?;
    let pause = Duration::try_from_secs_f64(turn.pause? / 1000.0).ok()?;
    (!pause.is_zero()).then_some(pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_milliseconds_and_bounded() {
        for (frame, expected) in [
            (r#"{"C":"d","L":250,"M":[]}"#, Some(250)),
            (r#"{"C":"d","M":[],"L":1.5}"#, Some(1)),
            (r#"{"C":"d","L":1e300,"M":[]}"#, None),
            (r#"{"C":"d","L":1e12,"M":[]}"#, Some(60_000)),
            (r#"{"C":"d","L":-1,"M":[]}"#, None),
            (r#"{"C":"d","L":0,"M":[]}"#, None),
            (r#"{"C":"d","M":[{"L":9}]}"#, None),
            ("  ", None),
        ] {
            let found = pause(frame.as_bytes()).map(|it| it.as_millis());
            assert_eq!(found, expected, "{frame}");
        }
    }
}
