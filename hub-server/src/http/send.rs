//! Sends over HTTP: one call in the body, its answer in the answer (`classic-signalr.md` 6.5).

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode};
use hub_core::scheduler::{KeyedScheduler, Priority};
use hub_core::{BoxFuture, ConnectionId, Message, Protocol};
use tokio::time::Instant;

use super::asked::Asked;
use super::reply::{JSON, ResponseBody, json, plain, too_many, typed};
use crate::config::Transport;
use crate::connection::busy::Calling;
use crate::hubs::answer::{self, answer_or_call};
use crate::hubs::dispatch::{Dispatched, Outcome, Turn, dispatch};
use crate::meter;

pub(crate) async fn send(
    asked: Asked,
    id: ConnectionId,
    transport: Transport,
) -> Response<ResponseBody> {
    // Only long polling may have it in the query: JSONP can't post.
    let in_query = || {
        let polls = transport == Transport::LongPolling;
        asked.request.query("data").filter(|_| polls)
    };
    let data = asked.field("data").map(ToOwned::to_owned);
    let data = data.or_else(in_query);
    if let Some(connection) = asked.node().registry.find(&id) {
        let (config, inbound) = (&asked.node().config, &connection.inbound);
        if let Some(until) = inbound.over(config) {
            meter::turned_away();
            return too_many(until.saturating_duration_since(Instant::now()));
        }
        inbound.take(config, data.as_ref().map_or(0, String::len));
    }
    if let Some(receiver) = asked.receiver() {
        let (items, calling) = (asked.items(&id), calling(&asked, &id));
        let received = receiver.receive(asked.peer(id, items), data);
        let received = async move {
            let _calling = calling;
            received.await
        };
        return match tokio::spawn(received).await {
            Ok(Ok(())) => plain(StatusCode::OK, ""),
            Ok(Err(_)) | Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, ""),
        };
    }
    let data = data.unwrap_or_default();
    let call = match message_of(asked.speaks(), data).and_then(answer_or_call) {
        Some(Ok(call)) => call,
        Some(Err(answer)) => {
            if let Some(connection) = asked.node().registry.find(&id) {
                answer::hand_on(asked.node(), &connection, answer);
            }
            return typed(b"{}".to_vec(), JSON);
        }
        None => return plain(StatusCode::INTERNAL_SERVER_ERROR, ""),
    };
    let (items, calling) = (asked.items(&id), calling(&asked, &id));
    let peer = asked.peer(id, items);
    let detailed = asked.mount().detailed_errors;
    // In a task of its own: a client that hangs up meanwhile does not cut the method short.
    let outcome = match dispatch(&asked.node().hubs, &peer, call, detailed) {
        Dispatched::NoHub => return plain(StatusCode::INTERNAL_SERVER_ERROR, ""),
        Dispatched::Runs(running, turn) => {
            let running = Box::pin(async move {
                let _calling = calling;
                running.await
            });
            match turn {
                None => tokio::spawn(running).await.ok().flatten(),
                Some(turn) => in_turn(&asked.node().turns, turn, running).await,
            }
        }
    };
    match outcome {
        Some(outcome) if outcome.unserializable => typed(Vec::new(), JSON),
        Some(outcome) => {
            let mut text = BytesMut::new();
            let completion = Message::Complete(outcome.completion);
            asked.speaks().write(&completion, &mut text);
            json(&asked, String::from_utf8_lossy(&text).into_owned())
        }
        None => plain(StatusCode::INTERNAL_SERVER_ERROR, ""),
    }
}

/// Runs a call when those before it have ended. A client that hangs up before there is room for it is not called for.
async fn in_turn(
    turns: &KeyedScheduler<Turn>,
    turn: Turn,
    running: BoxFuture<'static, Option<Outcome>>,
) -> Option<Outcome> {
    let submitted = turns.submit(turn, Priority::Normal, running).await;
    submitted.ok()?.await.ok().flatten()
}

/// Counts a call, if its connection is here: the hubs hear of the connection's end after it.
fn calling(asked: &Asked, id: &ConnectionId) -> Option<Calling> {
    let connection = asked.node().registry.find(id);
    connection.map(|connection| Calling::of(&connection))
}

/// The message in `data`; nothing and nonsense are none.
fn message_of(protocol: &dyn Protocol, data: String) -> Option<Message> {
    let mut messages = VecDeque::new();
    let decoded = protocol.decode(&mut Bytes::from(data), &mut messages);
    decoded.ok()?;
    messages.pop_front()
}
