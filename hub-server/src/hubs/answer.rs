//! What a client answers to an event that asked for it, on its way back to whoever sent that.

use std::sync::Arc;

use hub_core::{AckError, Call, Message, Payload};

use crate::connection::link::Connection;
use crate::node::Node;

/// An answer: to which ask, by its number, and what.
pub(crate) type Answer = (u64, Result<Option<Payload>, AckError>);

/// What a client's message is; `None` if it is neither a call nor an answer.
pub(crate) fn answer_or_call(message: Message) -> Option<Result<Call, Answer>> {
    match message {
        Message::Call(call) => Some(Ok(call)),
        Message::Ack(ask) => Some(Err((ask, Ok(None)))),
        Message::Complete(answer) => {
            let ask = answer.id?.as_str().parse().ok()?;
            let outcome = answer.outcome.map_err(|it| AckError::Failed(it.message));
            Some(Err((ask, outcome)))
        }
        _ => None,
    }
}

/// Hands an answer on. One that nobody waits for is ignored: clients say again what a broken link may have lost, also to a
/// server that was started since.
pub(crate) fn hand_on(node: &Arc<Node>, connection: &Connection, (ask, outcome): Answer) {
    let asked = connection.link().answered(ask);
    match asked {
        Some(ack) => node.answer(ack, &connection.id, outcome),
        None => {
            tracing::debug!(connection = %connection.id, "an answer that nobody waits for was ignored");
        }
    }
}
