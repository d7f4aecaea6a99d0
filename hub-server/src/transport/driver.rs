//! [`Driver`]: one task per socket that reads all it can, runs what was asked, writes all that is ready, and flushes once.

mod calls;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hub_core::BoxFuture;
use tokio::time::{Instant, Sleep, sleep_until};

use super::goodbye::Goodbye;
use crate::connection::link::{End, Opened};
use crate::connection::resume::Reader;
use crate::connection::{lifetime, pressure};
use crate::hubs::dispatch::{Outcome, Turn};
use crate::meter;

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
        stuck: None,
        pause: None,
        fresh: true,
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
    /// Runs out when the peer has taken too little for too long.
    stuck: Option<Pin<Box<Sleep>>>,
    /// Runs out when a client that said too much may be heard again.
    pause: Option<Pin<Box<Sleep>>>,
    /// Whether it was not looked at yet.
    fresh: bool,
}

impl<S: Socket> Driver<S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Left> {
        // The greeting leaves with what is still to be said before it.
        if std::mem::take(&mut self.fresh)
            && let Poll::Ready(Err(left)) = self.write(cx)
        {
            return Poll::Ready(left);
        }
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
        let room = connection.running.count() < node.config.max_open_calls
            && connection.inbound.over(&node.config).is_none();
        let link = connection.link();
        let may = room && !link.is_pressed() && link.end.is_none();
        may.then_some(!link.refuses_calls)
    }

    /// Whether the client has said too much for now. Then the task is woken when it has not any more.
    fn pauses(&mut self, cx: &mut Context<'_>) -> bool {
        let Opened {
            node, connection, ..
        } = &self.opened;
        let Some(until) = connection.inbound.over(&node.config) else {
            self.pause = None;
            return false;
        };
        let begin = || {
            meter::held_back();
            Box::pin(sleep_until(until))
        };
        let pause = self.pause.get_or_insert_with(begin);
        if pause.deadline() != until {
            pause.as_mut().reset(until);
        }
        pause.as_mut().poll(cx).is_pending()
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
            if self.pauses(cx) {
                return Ok(Reading::Paused);
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
                    let Opened {
                        node, connection, ..
                    } = &self.opened;
                    connection.inbound.take(&node.config, message.len());
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
            // What its client does not take stays in the outbox, where it counts.
            let room = match link.flow.is_blocked() {
                true => 1,
                false => BYTES_A_FLUSH,
            };
            while self.socket.queued() < room {
                match link.outbox.drain() {
                    Some(bytes) => self.socket.push(bytes),
                    None => break,
                }
            }
            let all = link.outbox.is_empty();
            link.park(cx.waker());
            drop(link);
            let before = self.socket.queued();
            let drained = self.socket.poll_drain(cx);
            let mut link = connection.link();
            match drained {
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Left::Lost)),
                Poll::Pending => {
                    // Who takes enough is slow, and there.
                    link.flow.take(before.saturating_sub(self.socket.queued()));
                    link.flow.block(Instant::now());
                    pressure::look(node, connection, &mut link);
                    let Some(until) = link.flow.deadline(node.config.write_timeout) else {
                        return Poll::Pending;
                    };
                    let begin = || Box::pin(sleep_until(until));
                    let stuck = self.stuck.get_or_insert_with(begin);
                    if stuck.deadline() != until {
                        stuck.as_mut().reset(until);
                    }
                    if stuck.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    tracing::debug!(connection = %connection.id, "a client takes nothing; it has to come back");
                    meter::slow();
                    link.finish(End::ComeBack);
                    return Poll::Ready(Err(Left::Ended(link.end)));
                }
                Poll::Ready(Ok(())) => {
                    // A little that was all of the queue is little still, if more waits.
                    link.flow.take(before);
                    if link.outbox.is_empty() {
                        link.flow.clear();
                    }
                    if !link.flow.is_blocked() {
                        self.stuck = None;
                    }
                    if all && link.outbox.is_empty() {
                        if closes {
                            return Poll::Ready(Err(Left::Ended(link.end)));
                        }
                        link.flush(node.tide.passed());
                        pressure::look(node, connection, &mut link);
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
