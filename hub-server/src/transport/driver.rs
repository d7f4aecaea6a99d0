//! [`Driver`]: one task per socket that reads all it can, runs what was asked, writes all that is ready, and flushes once.

use std::io;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use hub_core::scheduler::{Priority, Refusal};
use hub_core::{BoxFuture, Message};
use tokio::time::Instant;

use super::goodbye::Goodbye;
use crate::connection::busy::Calling;
use crate::connection::lifetime;
use crate::connection::link::{Connection, End, Opened};
use crate::connection::resume::Reader;
use crate::hubs::dispatch::{Outcome, Turn};
use crate::node::Node;

/// So many messages are taken before others get their turn.
const MESSAGES_A_TURN: usize = 64;

/// So many bytes are gathered for one flush.
const BYTES_A_FLUSH: usize = 64 * 1024;

/// A socket, and what its messages mean.
pub(crate) trait Socket {
    /// The next thing that is heard.
    fn poll_heard(&mut self, cx: &mut Context<'_>) -> Poll<Heard>;

    /// What is to be done about a message.
    fn take(&mut self, opened: &Opened, message: Bytes) -> Option<Work>;

    /// Bytes not yet written.
    fn queued(&self) -> usize;

    /// Queues whole frames.
    fn push(&mut self, bytes: Bytes);

    /// Writes what is queued, as far as the peer takes it.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// What a socket heard.
pub(crate) enum Heard {
    Message(Bytes),
    /// A sign of life and no more.
    Alive,
    /// The answer to the probe.
    Reached,
    /// The client closed it properly.
    Goodbye,
    /// It broke, or what came was not the protocol's framing.
    Lost,
}

/// What a message asks for.
pub(crate) enum Work {
    /// A call: those that follow may overtake it where it waits.
    /// One that has a turn waits for those before it.
    Call(BoxFuture<'static, Option<Outcome>>, Option<Turn>),
    /// Nothing else is read until it is done.
    Step(BoxFuture<'static, ()>),
}

/// How a socket ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// The client closed it properly.
    Goodbye,
    /// It broke, or what came was not the protocol's framing: cut without a word.
    Lost,
    /// This side ends it, or a newer request has replaced it.
    Ended(Option<End>),
}

/// Serves a receive request on a socket until either side ends it; gives the socket back for a goodbye.
pub(super) async fn drive<S: Socket>(socket: S, opened: Opened) -> (S, Left, Goodbye) {
    let mut driver = Driver {
        socket,
        opened,
        reader: Reader::default(),
        scratch: BytesMut::new(),
        step: None,
        heard: false,
        reached: false,
    };
    let span = driver.opened.span.clone();
    let left = std::future::poll_fn(|cx| span.in_scope(|| driver.poll(cx))).await;
    let Driver { socket, opened, .. } = driver;
    let Opened {
        node,
        connection,
        request,
        carrier,
        ..
    } = opened;
    let closed = matches!(left, Left::Ended(Some(end)) if end.says_goodbye());
    let frame = connection.link().last_word().filter(|_| closed);
    // It may have been cut in the last moment.
    let left = match left {
        Left::Ended(Some(End::Aborted)) => Left::Lost,
        _ if closed && frame.is_none() => Left::Lost,
        left => left,
    };
    lifetime::detach(&node, &connection, request, left == Left::Goodbye);
    let goodbye = Goodbye {
        connection,
        request,
        frame,
        carrier,
    };
    (socket, left, goodbye)
}

struct Driver<S> {
    socket: S,
    opened: Opened,
    reader: Reader,
    scratch: BytesMut,
    /// What is to be done before anything else is read.
    step: Option<BoxFuture<'static, ()>>,
    /// Whether the client was heard of since the last look.
    heard: bool,
    /// Whether the probe was answered since the last look.
    reached: bool,
}

impl<S: Socket> Driver<S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Left> {
        loop {
            let reading = match self.read(cx) {
                Ok(reading) => reading,
                Err(left) => return Poll::Ready(left),
            };
            self.reader.poll(cx, &self.opened);
            let written = match self.write(cx) {
                Poll::Ready(Err(left)) => return Poll::Ready(left),
                written => written.is_ready(),
            };
            if reading == Reading::HadItsTurn {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            // Writing made room: there may be more to read, from the log or from the socket.
            let room = written
                && (self.reader.is_due(&self.opened.connection)
                    || reading == Reading::Paused && self.may_read().is_some());
            if !room {
                return Poll::Pending;
            }
        }
    }

    /// Whether more may be read, and if so, whether calls are taken.
    fn may_read(&self) -> Option<bool> {
        let Opened {
            node, connection, ..
        } = &self.opened;
        let room = connection.running.count() < node.config.max_open_calls;
        let link = connection.link();
        let may = room && !link.is_pressed() && link.end.is_none();
        may.then_some(!link.refuses_calls)
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Result<Reading, Left> {
        for _ in 0..MESSAGES_A_TURN {
            // It was asked for while there was room, and may be what makes it.
            if let Some(step) = &mut self.step {
                if step.as_mut().poll(cx).is_pending() {
                    return Ok(Reading::Dry);
                }
                self.step = None;
            }
            let Some(takes_calls) = self.may_read() else {
                return Ok(Reading::Paused);
            };
            let Poll::Ready(heard) = self.socket.poll_heard(cx) else {
                return Ok(Reading::Dry);
            };
            match heard {
                Heard::Message(message) => {
                    self.heard = true;
                    match self.socket.take(&self.opened, message) {
                        Some(Work::Call(..)) if !takes_calls => {
                            tracing::debug!("a call came as the server stops, and is not run");
                        }
                        Some(Work::Call(running, None)) => self.run(running),
                        Some(Work::Call(running, Some(turn))) => self.run_in_turn(running, turn),
                        Some(Work::Step(step)) => self.step = Some(step),
                        None => {}
                    }
                }
                Heard::Alive => self.heard = true,
                Heard::Reached => self.reached = true,
                Heard::Goodbye => {
                    self.opened.connection.link().hear();
                    return Err(Left::Goodbye);
                }
                Heard::Lost => return Err(Left::Lost),
            }
        }
        Ok(Reading::HadItsTurn)
    }

    /// Runs a call: here as far as it goes without waiting, so that calls start in order and short ones cost no task.
    fn run(&mut self, mut running: BoxFuture<'static, Option<Outcome>>) {
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
                answer(node, connection, *request, &outcome, &mut self.scratch);
            }
            return;
        }
        let calling = Calling::of(connection);
        let (node, connection, request) = (node.clone(), connection.clone(), *request);
        tokio::spawn(async move {
            if let Some(outcome) = running.await {
                let mut scratch = BytesMut::new();
                answer(&node, &connection, request, &outcome, &mut scratch);
            }
            drop(calling);
        });
    }

    /// Runs a call when those before it have ended. It counts as one that runs from now on.
    fn run_in_turn(&mut self, running: BoxFuture<'static, Option<Outcome>>, turn: Turn) {
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
                answer(&own, &connection, request, &outcome, &mut scratch);
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

    fn write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Left>> {
        let Opened {
            node,
            connection,
            request,
            ..
        } = &self.opened;
        loop {
            let mut link = connection.link();
            if link.request != *request {
                return Poll::Ready(Err(Left::Ended(None)));
            }
            match link.end {
                None => {}
                // What overtakes is written first.
                Some(End::Closed) if link.attached => {}
                Some(End::Aborted) => return Poll::Ready(Err(Left::Lost)),
                end => return Poll::Ready(Err(Left::Ended(end))),
            }
            let closes = link.end.is_some();
            if std::mem::take(&mut self.heard) {
                link.heard();
            }
            if std::mem::take(&mut self.reached) {
                link.reached();
            }
            if !closes {
                link.settle(node.epoch);
            }
            while self.socket.queued() < BYTES_A_FLUSH {
                match link.outbox.drain() {
                    Some(bytes) => self.socket.push(bytes),
                    None => break,
                }
            }
            let all = link.outbox.is_empty();
            link.park(cx.waker());
            drop(link);
            let drained = self.socket.poll_drain(cx);
            let mut link = connection.link();
            match drained {
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Left::Lost)),
                Poll::Pending => {
                    link.blocked.get_or_insert_with(Instant::now);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(())) => {
                    link.blocked = None;
                    if all && link.outbox.is_empty() {
                        if closes {
                            return Poll::Ready(Err(Left::Ended(link.end)));
                        }
                        link.flush(node.tide.passed());
                        let settled = link.settled();
                        let done = !link.probe();
                        let drained = done && link.drained();
                        let end = link.end;
                        drop(link);
                        node.settle(&connection.id, settled);
                        if drained {
                            let _ = connection.parting.set(true);
                            return Poll::Ready(Err(Left::Ended(end)));
                        }
                        if done {
                            return Poll::Ready(Ok(()));
                        }
                    }
                }
            }
        }
    }
}

/// Where reading stopped.
#[derive(Debug, PartialEq, Eq)]
enum Reading {
    /// The socket has nothing more.
    Dry,
    /// Nothing more may be taken now.
    Paused,
    /// There may be more, but others wait.
    HadItsTurn,
}

/// Queues a call's answer, unless the socket that it came on was replaced: ids begin anew on the next one, and an old
/// answer would be taken for a new call's (`classic-signalr.md` 14.1).
fn answer(
    node: &Node,
    connection: &Connection,
    request: u64,
    outcome: &Outcome,
    scratch: &mut BytesMut,
) {
    scratch.clear();
    let completion = Message::Complete(outcome.completion.clone());
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
