//! From a call to its completion: find the method, run it, put its outcome into words that the caller may read. Errors
//! and panics end here; they fail one call and nothing else.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use hub_core::{
    BoxFuture, Call, Completion, Context, Failure, HubError, HubName, Peer, Reply, State,
};

use super::table::HubTable;

/// A call on its way.
pub(crate) enum Dispatched {
    /// There is no such hub: outside the pipeline, and not answered on a WebSocket (`classic-signalr.md` 8.1).
    NoHub,
    /// It runs when it is polled; what takes messages without answers gives none.
    Runs(BoxFuture<'static, Option<Outcome>>),
}

/// What came of a call.
pub(crate) struct Outcome {
    pub(crate) completion: Completion,
    /// The result could not be written: the link closes, so that the client doesn't wait for ever (6.1).
    pub(crate) unserializable: bool,
}

pub(crate) fn dispatch(
    hubs: &HubTable,
    peer: &Arc<Peer>,
    call: Call,
    detailed: bool,
) -> Dispatched {
    let Some(registered) = hubs.find(&call.hub) else {
        return Dispatched::NoHub;
    };
    let state = Arc::new(State::sent(call.state.as_ref()));
    let method = registered.method(&call.method, call.args.len());
    let (hub, name) = (registered.hub.clone(), registered.name.clone());
    let peer = peer.clone();
    Dispatched::Runs(Box::pin(async move {
        let cx = Context::new(peer, name, call.id.clone(), state.clone());
        let result = match method {
            Ok(method) => AssertUnwindSafe(async { hub.call(&cx, method, call.args).await })
                .catch_unwind()
                .await
                .unwrap_or_else(|panic| Err(panicked(&*panic))),
            Err(unresolved) => Err(HubError::unfit(unresolved)),
        };
        let unserializable = result.as_ref().is_err_and(HubError::is_unserializable);
        let outcome = match result {
            Ok(Reply::Value(value)) => Ok(Some(value)),
            Ok(_) => Ok(None),
            Err(error) => Err(failure(&error, cx.hub(), &call.hub, &call.method, detailed)),
        };
        let completion = Completion {
            id: call.id,
            outcome,
            state: state.end(),
        };
        Some(Outcome {
            completion,
            unserializable,
        })
    }))
}

/// What the caller reads. The error quotes the names as they were sent (15.47).
fn failure(error: &HubError, name: &HubName, hub: &str, method: &str, detailed: bool) -> Failure {
    if error.is_unfit() {
        tracing::debug!(hub = %name, "a call did not fit");
    } else if !error.is_public() {
        tracing::warn!(hub = %name, method, %error, "a hub method failed");
    }
    Failure::of(error, detailed, || {
        format!("There was an error invoking Hub method '{hub}.{method}'.")
    })
}

fn panicked(panic: &(dyn Any + Send)) -> HubError {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    HubError::internal(format!(
        "the hub method panicked: {}",
        text.unwrap_or("(no text)")
    ))
}
