//! From a call to its completion: find the method, run it, put its outcome into words that the caller may read. Errors
//! and panics end here; they fail one call and nothing else.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use hub_core::{
    Args, BoxFuture, Call, CallOrder, Completion, ConnectionId, Context, Failure, Filter, Hub,
    HubError, HubName, Invocation, MethodSpec, Next, Payload, Peer, Reply, State,
};
use tracing::Instrument;

use super::table::{HubTable, Registered};

/// A call on its way.
pub(crate) enum Dispatched {
    /// There is no such hub: outside the pipeline, and not answered on a WebSocket (`classic-signalr.md` 8.1).
    NoHub,
    /// It runs when it is polled; what takes messages without answers gives none. One that has a turn is polled by the
    /// node's [`turns`](crate::node::Node::turns).
    Runs(BoxFuture<'static, Option<Outcome>>, Option<Turn>),
}

/// Whose calls run one at a time: those of one connection to one hub.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Turn {
    connection: ConnectionId,
    hub: HubName,
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
    run(hubs, peer, call, None, detailed)
}

/// The same where what is no method of the hub is a topic: to those who have subscribed to it this is published.
pub(crate) fn dispatch_or_publish(
    hubs: &HubTable,
    peer: &Arc<Peer>,
    call: Call,
    published: Payload,
    detailed: bool,
) -> Dispatched {
    run(hubs, peer, call, Some(published), detailed)
}

fn run(
    hubs: &HubTable,
    peer: &Arc<Peer>,
    call: Call,
    published: Option<Payload>,
    detailed: bool,
) -> Dispatched {
    let Some(registered) = hubs.find(&call.hub) else {
        return Dispatched::NoHub;
    };
    let state = Arc::new(State::sent(call.state.as_ref()));
    let found = registered.method(&call.method, call.args.len());
    let spec = found
        .as_ref()
        .ok()
        .and_then(|&method| registered.spec.methods.get(method));
    let denied = denied(registered, spec, peer, &call.method);
    let found = match (found, published) {
        (Ok(method), _) => Found::Method(method),
        (Err(_), Some(args)) if !registered.has(&call.method) => Found::Topic {
            topic: call.method.to_lowercase(),
            args,
        },
        (Err(unresolved), _) => Found::Nothing(unresolved),
    };
    let (hub, name) = (registered.hub.clone(), registered.name.clone());
    let filters = registered.filters.clone();
    let turn = (registered.order == CallOrder::Sequential).then(|| Turn {
        connection: peer.id.clone(),
        hub: name.clone(),
    });
    // What clients sent that is no method's name is not for logs.
    let span = tracing::debug_span!(
        "call",
        connection = %peer.id,
        hub = %name,
        method = spec.map_or("", |spec| spec.name),
    );
    let (peer, calls) = (peer.clone(), registered.calls.clone());
    let running = async move {
        let began = Instant::now();
        let cx = Context::new(peer, name, call.id.clone(), state.clone());
        let running = async {
            match (denied, &filters, found) {
                (Some(error), _, _) => Err(error),
                (None, Some(filters), found) => {
                    let method = spec.map_or(&*call.method, |spec| spec.name).to_owned();
                    let call = Invocation {
                        cx: cx.clone(),
                        method,
                        spec,
                        args: call.args,
                    };
                    filtered(filters, hub, call, found).await
                }
                (None, None, found) => invoke(&*hub, &cx, found, call.args).await,
            }
        };
        let result = AssertUnwindSafe(running)
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| Err(panicked(&*panic)));
        calls.ended(result.is_ok(), began.elapsed());
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
    };
    let running: BoxFuture<'static, _> = if span.is_disabled() {
        Box::pin(running)
    } else {
        Box::pin(running.instrument(span))
    };
    Dispatched::Runs(running, turn)
}

/// What a call is of.
enum Found {
    Method(usize),
    Topic {
        topic: String,
        args: Payload,
    },
    /// There is none, and why.
    Nothing(String),
}

/// Calls a method, publishes to a topic, or fails with why there is neither.
async fn invoke(hub: &dyn Hub, cx: &Context, found: Found, args: Args) -> Result<Reply, HubError> {
    match found {
        Found::Method(method) => hub.call(cx, method, args).await,
        Found::Topic { topic, args } => {
            let subscribed = cx.clients().topic(&topic);
            subscribed.send_payload(&topic, args).await?;
            Ok(Reply::Nothing)
        }
        Found::Nothing(unresolved) => Err(HubError::unfit(unresolved)),
    }
}

/// The same, inside the filters.
fn filtered<'a>(
    filters: &'a [Arc<dyn Filter>],
    hub: Arc<dyn Hub>,
    call: Invocation,
    found: Found,
) -> BoxFuture<'a, Result<Reply, HubError>> {
    let end = |call: Invocation| -> BoxFuture<'a, _> {
        Box::pin(async move { invoke(&*hub, &call.cx, found, call.args).await })
    };
    Next::new(filters, end).run(call)
}

/// Why the caller may not call, if it may not (`classic-signalr.md` 13.4).
fn denied(
    registered: &Registered,
    method: Option<&'static MethodSpec>,
    peer: &Peer,
    sent: &str,
) -> Option<HubError> {
    let of_method = method.map_or(&[][..], |method| method.authorize);
    let mut rules = registered.authorize.iter().chain(of_method);
    let allowed = rules.all(|rule| rule.allows(&peer.identity, &peer.request));
    (!allowed).then(|| {
        let (method, hub) = (
            method.map_or(sent, |method| method.name),
            registered.spec.name,
        );
        HubError::unfit(format!(
            "Caller is not authorized to invoke the {method} method on {hub}."
        ))
    })
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
