//! What a socket's messages ask for is run, and answered on the socket that they came on.

use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use hub_core::scheduler::{Priority, Refusal};
use hub_core::{BoxFuture, Message};

use super::{Driver, Socket};
use crate::connection::busy::Calling;
use crate::connection::link::{Connection, End, Opened};
use crate::hubs::dispatch::{Outcome, Turn};
use crate::node::Node;

impl<S: Socket> Driver<S> {
    /// Runs a call: here as far as it goes without waiting, so that calls start in order and short ones cost no task.
    pub(super) fn run(&mut self, mut running: BoxFuture<'static, Option<Outcome>>) {
        let Opened {
            node,
            connection,
            request,
            ..
        } = &self.opened;
        if let Poll::Ready(outcome) = running
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            if let Some(outcome) = outcome {
                answer(node, connection, *request, outcome, &mut self.scratch);
            }
            return;
        }
        let calling = Calling::of(connection);
        let (node, connection, request) = (node.clone(), connection.clone(), *request);
        tokio::spawn(async move {
            if let Some(outcome) = running.await {
                let mut scratch = BytesMut::new();
                answer(&node, &connection, request, outcome, &mut scratch);
            }
            drop(calling);
        });
    }

    /// Runs a call when those before it have ended. It counts as one that runs from now on.
    pub(super) fn run_in_turn(&mut self, running: BoxFuture<'static, Option<Outcome>>, turn: Turn) {
        let Opened {
            node,
            connection,
            request,
            ..
        } = &self.opened;
        let calling = Calling::of(connection);
        let (own, connection, request) = (node.clone(), connection.clone(), *request);
        let call = async move {
            if let Some(outcome) = running.await {
                let mut scratch = BytesMut::new();
                answer(&own, &connection, request, outcome, &mut scratch);
            }
            drop(calling);
        };
        let submitted = node.turns.try_submit(turn.clone(), Priority::Normal, call);
        let Err(refused) = submitted else { return };
        if matches!(refused.why, Refusal::Full(_)) {
            // Calls over HTTP have taken the room: nothing else is read until there is some.
            let node = node.clone();
            self.step = Some(Box::pin(async move {
                let submitted = node.turns.submit(turn, Priority::Normal, refused.task);
                drop(submitted.await);
            }));
        }
    }
}

/// Queues a call's answer, unless the socket that it came on was replaced: ids begin anew on the next one, and an old
/// answer would be taken for a new call's (`classic-signalr.md` 14.1).
fn answer(
    node: &Node,
    connection: &Connection,
    request: u64,
    outcome: Outcome,
    scratch: &mut BytesMut,
) {
    scratch.clear();
    let completion = Message::Complete(outcome.completion);
    let passed = node.tide.passed();
    let mut link = connection.link();
    if link.request != request || !link.attached || link.end.is_some() {
        return;
    }
    link.downlink().protocol().write(&completion, scratch);
    if outcome.unserializable {
        link.finish(End::ComeBack);
    } else if !scratch.is_empty() {
        link.answer(scratch, passed);
    }
}
