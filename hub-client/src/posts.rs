//! [`Posts`]: frames to the server as requests of their own, where the link only receives (`classic-signalr.md` 6.5). They
//! outlive a link that ends: what they ask for is answered whatever becomes of it.

use std::collections::VecDeque;
use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hub_core::{BoxFuture, ClassicClient, Completion, InvocationId, Message, Protocol};

use crate::error::ConnectError;
use crate::route::{Limits, Route};

/// How many calls are on their way at once, each over a connection of its own; further ones wait.
const MANY: usize = 32;

/// What became of a request.
pub(crate) enum Posted {
    /// A call has this result.
    Call(
        InvocationId,
        Result<Completion, Box<dyn Error + Send + Sync>>,
    ),
    /// An answer has arrived, or not.
    Answer(Result<(), ConnectError>),
}

/// The requests of one connection. Calls go side by side, so that none waits for a slow one, and may overtake each other;
/// answers go one after the other, beside them.
pub(crate) struct Posts {
    route: Arc<Route>,
    limits: Limits,
    calls: FuturesUnordered<BoxFuture<'static, Posted>>,
    answer: Option<BoxFuture<'static, Posted>>,
}

impl Posts {
    pub(crate) fn new(route: Arc<Route>, limits: Limits) -> Self {
        Self {
            route,
            limits,
            calls: FuturesUnordered::new(),
            answer: None,
        }
    }

    /// Whether another call may go.
    pub(crate) fn has_room(&self) -> bool {
        self.calls.len() < MANY
    }

    pub(crate) fn call(&mut self, id: InvocationId, frame: &Bytes) {
        let sent = self.send(frame);
        self.calls.push(Box::pin(async move {
            let result = match sent.await {
                Ok(body) => completion(body, &id),
                Err(error) => Err(error.into()),
            };
            Posted::Call(id, result)
        }));
    }

    /// Whether an answer may go.
    pub(crate) fn answers(&self) -> bool {
        self.answer.is_none()
    }

    pub(crate) fn answer(&mut self, frame: &Bytes) {
        let sent = self.send(frame);
        self.answer = Some(Box::pin(
            async move { Posted::Answer(sent.await.map(|_| ())) },
        ));
    }

    /// Gives up the answer that is on its way: its connection may have died without a word, and all go again.
    pub(crate) fn give_answer_up(&mut self) {
        self.answer = None;
    }

    /// Gives all calls up, which may be on connections that died without a word.
    pub(crate) fn give_calls_up(&mut self) {
        self.calls.clear();
    }

    /// Ready with the next one that is done.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Posted> {
        if let Some(answer) = &mut self.answer
            && let Poll::Ready(posted) = answer.as_mut().poll(cx)
        {
            self.answer = None;
            return Poll::Ready(posted);
        }
        match self.calls.poll_next_unpin(cx) {
            Poll::Ready(Some(posted)) => Poll::Ready(posted),
            // When there is none, whoever adds one polls again.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn send(
        &self,
        frame: &Bytes,
    ) -> impl Future<Output = Result<Bytes, ConnectError>> + Send + use<> {
        let (route, limits) = (self.route.clone(), self.limits);
        // What this client writes is JSON.
        let frame = String::from_utf8_lossy(frame).into_owned();
        async move { route.send(&frame, limits).await }
    }
}

/// The result that a server gives to a call: nothing where it could not write one.
fn completion(
    mut body: Bytes,
    of: &InvocationId,
) -> Result<Completion, Box<dyn Error + Send + Sync>> {
    let mut messages = VecDeque::new();
    ClassicClient.decode(&mut body, &mut messages)?;
    let result = messages.into_iter().find_map(|message| match message {
        Message::Complete(result) if result.id.as_ref() == Some(of) => Some(result),
        _ => None,
    });
    result.ok_or_else(|| "the server's answer is not the result of the call".into())
}
