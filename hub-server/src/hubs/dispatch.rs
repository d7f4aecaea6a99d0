//! From a call to its completion: find the method, run it, put its outcome into words that the caller may read. Errors
//! and panics end here; they fail one call and nothing else.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::CatchUnwind;
use hub_core::{
    Args, BoxFuture, Call, CallOrder, Completion, ConnectionId, Context, Failure, Hub, HubError,
    HubName, Invocation, InvocationId, MethodSpec, Next, Payload, Peer, Reply, State,
};
use pin_project_lite::pin_project;
use smol_str::SmolStr;
use tracing::{Instrument, Span};

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
    let turn = (registered.order == CallOrder::Sequential).then(|| Turn {
        connection: peer.id.clone(),
        hub: registered.name.clone(),
    });
    // What clients sent that is no method's name is not for logs.
    let span = tracing::debug_span!(
        "call",
        connection = %peer.id,
        hub = %registered.name,
        method = spec.map_or("", |spec| spec.name),
    );
    let state = Arc::new(State::sent(call.state.as_ref()));
    let name = registered.name.clone();
    let cx = Context::new(peer.clone(), name, call.id.clone(), state.clone());
    let ending = Ending {
        registered: registered.clone(),
        id: call.id,
        hub: call.hub,
        method: call.method,
        state,
        detailed,
    };
    let (registered, args) = (registered.clone(), call.args);
    let running = match (denied, found) {
        (Some(error), _) => ending.after(std::future::ready(Err(error)), span),
        // Nearly every call.
        (None, Found::Method(method)) if registered.filters.is_none() => {
            let running = async move { registered.hub.call(&cx, method, args).await };
            ending.after(running, span)
        }
        (None, found) => {
            let method = spec.map_or(&*ending.method, |spec| spec.name).to_owned();
            let call = Invocation {
                cx,
                method,
                spec,
                args,
            };
            let running = async move { filtered(&registered, call, found).await };
            ending.after(running, span)
        }
    };
    Dispatched::Runs(running, turn)
}

/// What is needed when a call has ended.
struct Ending {
    registered: Arc<Registered>,
    id: Option<InvocationId>,
    /// As the caller wrote them.
    hub: SmolStr,
    method: SmolStr,
    state: Arc<State>,
    detailed: bool,
}

pin_project! {
    /// A call that runs, up to what its caller reads. Not an `async` block, which has room twice for what it moves.
    struct Running<F> {
        #[pin]
        work: CatchUnwind<AssertUnwindSafe<F>>,
        // When its turn had come.
        began: Option<Instant>,
        ending: Option<Ending>,
    }
}

impl<F: Future<Output = Result<Reply, HubError>>> Future for Running<F> {
    type Output = Option<Outcome>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let began = *this.began.get_or_insert_with(Instant::now);
        let result = ready!(this.work.poll(cx));
        let result = result.unwrap_or_else(|panic| Err(panicked(&*panic)));
        let ending = this.ending.take();
        Poll::Ready(ending.map(|ending| ending.with(result, began.elapsed())))
    }
}

impl Ending {
    /// Runs a call to its end, in its span if that is wanted.
    fn after(
        self,
        work: impl Future<Output = Result<Reply, HubError>> + Send + 'static,
        span: Span,
    ) -> BoxFuture<'static, Option<Outcome>> {
        let running = Running {
            work: AssertUnwindSafe(work).catch_unwind(),
            began: None,
            ending: Some(self),
        };
        if span.is_disabled() {
            Box::pin(running)
        } else {
            Box::pin(running.instrument(span))
        }
    }

    fn with(self, result: Result<Reply, HubError>, took: Duration) -> Outcome {
        let Self { registered, .. } = &self;
        registered.calls.ended(result.is_ok(), took);
        let unserializable = result.as_ref().is_err_and(HubError::is_unserializable);
        let outcome = match result {
            Ok(Reply::Value(value)) => Ok(Some(value)),
            Ok(_) => Ok(None),
            Err(error) => {
                let (name, detailed) = (&registered.name, self.detailed);
                Err(failure(&error, name, &self.hub, &self.method, detailed))
            }
        };
        let completion = Completion {
            id: self.id,
            outcome,
            state: self.state.end(),
        };
        Outcome {
            completion,
            unserializable,
        }
    }
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

/// The same, inside the hub's filters.
fn filtered(
    registered: &Registered,
    call: Invocation,
    found: Found,
) -> BoxFuture<'_, Result<Reply, HubError>> {
    let end = move |call: Invocation| -> BoxFuture<'_, _> {
        Box::pin(async move { invoke(&*registered.hub, &call.cx, found, call.args).await })
    };
    let filters = registered.filters.as_deref().unwrap_or_default();
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
