//! [`Hub`]: what `#[hub]` makes of an `impl`, and what the server dispatches to.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;

use crate::authorize::Authorize;
use crate::clients::Clients;
use crate::context::Context;
use crate::error::HubError;
use crate::id::PersistentId;
use crate::log::Gap;
use crate::slow::Pressure;
use crate::value::{Args, Payload};

/// A boxed future, as object-safe traits return them.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A hub: methods that clients call. Write it with `#[hub]`; this trait is what the attribute implements.
///
/// The server keeps one value for all calls. `call` is made once per invocation, for an index that
/// [`spec`](Self::spec) lists and with as many arguments as that method takes; it reads the arguments before it returns
/// the future. The calls of a connection *start* in the order in which they arrived and then interleave, unless the hub
/// asks for another [`order`](Self::order).
///
/// The server tells of a client with `connected` or `reopened`, and of its end with `closed`; of a client that is known
/// again, the newer connection is told after the end of the older one. `disconnected` is what `closed` does by default.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a hub",
    label = "not a hub",
    note = "put `#[hub]` on an `impl {Self} {{ .. }}` block, or on `impl Contract for {Self}`"
)]
pub trait Hub: Any + Send + Sync {
    /// Names and methods.
    fn spec(&self) -> &'static HubSpec;

    /// How calls of one connection run. Asked once, when the server is built.
    fn order(&self) -> CallOrder {
        CallOrder::Interleaved
    }

    /// Calls the method at `method` in the spec.
    fn call<'a>(
        &'a self,
        cx: &'a Context,
        method: usize,
        args: Args,
    ) -> BoxFuture<'a, Result<Reply, HubError>>;

    /// A connection that listed this hub has started.
    fn connected<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<(), HubError>> {
        let _ = cx;
        Box::pin(std::future::ready(Ok(())))
    }

    /// A client that is known again has started, and something was kept for it: called in place of
    /// [`connected`](Self::connected), which it does by default.
    fn reopened<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<(), HubError>> {
        self.connected(cx)
    }

    /// A connection came back, also from another node or from before a restart.
    fn reconnected<'a>(
        &'a self,
        cx: &'a Context,
        resumed: Resumed,
    ) -> BoxFuture<'a, Result<(), HubError>> {
        let _ = (cx, resumed);
        Box::pin(std::future::ready(Ok(())))
    }

    /// A connection has ended: `stopped` by its client, or lost.
    fn disconnected<'a>(
        &'a self,
        cx: &'a Context,
        stopped: bool,
    ) -> BoxFuture<'a, Result<(), HubError>> {
        let _ = (cx, stopped);
        Box::pin(std::future::ready(Ok(())))
    }

    /// The hub is closed for a client: with its connection, or alone. Calls [`disconnected`](Self::disconnected) by default.
    fn closed<'a>(
        &'a self,
        cx: &'a Context,
        reason: Closed,
    ) -> BoxFuture<'a, Result<(), HubError>> {
        self.disconnected(cx, reason.is_stopped())
    }

    /// A client reads slowly, or no longer does: told once for each rise and each relief, in this order, and while calls go on. Filters
    /// don't stand around it.
    fn pressure<'a>(
        &'a self,
        cx: &'a Context,
        pressure: Pressure,
    ) -> BoxFuture<'a, Result<(), HubError>> {
        let _ = (cx, pressure);
        Box::pin(std::future::ready(Ok(())))
    }

    /// The time of a client that is away is over, and what was kept for it is gone. Told once, by one node, and before the
    /// same client is told of again.
    fn expired(&self, gone: Expired) -> BoxFuture<'_, Result<(), HubError>> {
        let _ = gone;
        Box::pin(std::future::ready(Ok(())))
    }
}

/// How the calls of one connection to one hub run. Those of other connections, and to other hubs, run beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum CallOrder {
    /// They start in the order in which they came, and the next one starts as soon as one waits for something.
    #[default]
    Interleaved,
    /// One at a time, in the order in which they came: the next one starts when one has ended and been answered.
    /// `#[hub(sequential)]` asks for it.
    ///
    /// A call that was taken is made, also where its client has gone meanwhile, as other calls are. The order is that of
    /// one node: where a client sends its calls over HTTP to several of them, each keeps its own.
    Sequential,
}

/// How a connection came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resumed {
    /// What it should have got and never will; empty if it missed nothing.
    pub gaps: Vec<Gap>,
}

impl Resumed {
    /// A return with these gaps.
    #[must_use]
    pub fn with_gaps(gaps: Vec<Gap>) -> Self {
        Self { gaps }
    }
}

/// Why a hub is closed for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closed {
    /// The connection has ended: its client said goodbye, or it was aborted.
    Stopped,
    /// The client closed this hub alone, or the hub failed as it was opened; the connection goes on.
    HubClosed,
    /// The client was not heard of for too long, or its connection broke and can't come back.
    Lost,
    /// Another connection with the same persistent id came.
    TakenOver,
    /// The server closed, aborted or drained it ([`LiveSession`](crate::LiveSession)).
    Ended,
}

impl Closed {
    /// Whether it was meant, by the client or the server: what `on_disconnected` is told.
    #[must_use]
    pub const fn is_stopped(self) -> bool {
        matches!(self, Self::Stopped | Self::HubClosed | Self::Ended)
    }
}

/// A client that was away for longer than what was kept for it lasts.
#[derive(Debug, Clone)]
pub struct Expired {
    owner: PersistentId,
    clients: Clients,
}

impl Expired {
    /// The end of what was kept for `owner`, on the hub of these clients.
    #[must_use]
    pub const fn new(owner: PersistentId, clients: Clients) -> Self {
        Self { owner, clients }
    }

    /// Who does not come back. A secret of that client: whoever brings it is taken for it.
    #[must_use]
    pub const fn owner(&self) -> &PersistentId {
        &self.owner
    }

    /// Those to tell of it: the hub's clients, without a caller.
    #[must_use]
    pub const fn clients(&self) -> &Clients {
        &self.clients
    }
}

/// A hub's name and methods, as they are on the wire.
#[derive(Debug, Clone, Copy)]
pub struct HubSpec {
    /// The declared name. Look-ups ignore its case; events carry it as it is.
    pub name: &'static str,
    /// The methods.
    pub methods: &'static [MethodSpec],
    /// Who may reach the hub: all of them are asked.
    pub authorize: &'static [Authorize],
}

/// One method.
#[derive(Debug, Clone, Copy)]
pub struct MethodSpec {
    /// The declared name. Methods of one name differ in how many arguments they take.
    pub name: &'static str,
    /// What callers pass, without `Progress`.
    pub params: &'static [ParamSpec],
    /// How many arguments may be missing at the end.
    pub optional: usize,
    /// The type of the result as written, `()` for none.
    pub returns: &'static str,
    /// Who may call it, beside what its hub asks for.
    pub authorize: &'static [Authorize],
}

impl MethodSpec {
    /// Whether the method can be called with so many arguments.
    #[must_use]
    pub const fn takes(&self, arguments: usize) -> bool {
        arguments <= self.params.len() && arguments + self.optional >= self.params.len()
    }
}

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParamSpec {
    /// Its name in lowerCamelCase.
    pub name: &'static str,
    /// Its type as written.
    pub ty: &'static str,
}

/// What a method gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// Nothing, or null: there is no result to write.
    Nothing,
    /// A value.
    Value(Payload),
}

impl Reply {
    /// Serialises a method's result.
    ///
    /// # Errors
    /// When it has no JSON form.
    pub fn of(value: &(impl Serialize + ?Sized)) -> Result<Self, HubError> {
        let payload = Payload::of(value).map_err(HubError::unserializable)?;
        Ok(if payload.is_null() {
            Self::Nothing
        } else {
            Self::Value(payload)
        })
    }
}

/// A hub that announced itself with `#[hub(discover)]`. Collected by the server's `discover()`.
///
/// A crate that nothing refers to is not linked and announces nothing: name it (`use my_hubs as _;`).
pub struct HubRegistration {
    /// The hub's spec.
    pub spec: &'static HubSpec,
    /// Makes the hub.
    pub make: fn() -> Arc<dyn Hub>,
}

impl fmt::Debug for HubRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubRegistration")
            .field("hub", &self.spec.name)
            .finish_non_exhaustive()
    }
}

inventory::collect!(HubRegistration);
