//! [`Filter`]: code around everything that hubs do (`classic-signalr.md` 13.3).

use std::sync::Arc;

use async_trait::async_trait;

use crate::context::{Context, Identity, Request};
use crate::error::{DeliveryError, HubError};
use crate::hub::{BoxFuture, Closed, HubSpec, MethodSpec, Reply, Resumed};
use crate::id::{GroupName, HubName};
use crate::message::Event;
use crate::outlet::Queued;
use crate::target::Address;
use crate::value::Args;

/// Code around what hubs do, for all of them: logging, limits, checks, other words for errors. The filter that is added
/// first is the outermost. Each method does its part and calls `next.run(..)`, or does not: then what is inside does not
/// happen. Everything has a default that only passes on.
///
/// Persistent connections are not filtered.
///
/// ```
/// use hub_core::{Filter, HubError, Invocation, Next, Reply, async_trait};
///
/// struct Polite;
///
/// #[async_trait]
/// impl Filter for Polite {
///     async fn invoke(&self, call: Invocation, next: Next<'_, Invocation>) -> Result<Reply, HubError> {
///         let method = call.method.clone();
///         let told = |_| HubError::new(format!("Sorry, {method} did not work."));
///         next.run(call).await.map_err(told)
///     }
/// }
/// ```
#[async_trait]
pub trait Filter: Send + Sync + 'static {
    /// Around a call of a hub method, after its authorisation. A call of a method that does not exist passes, too, and
    /// fails inside.
    ///
    /// # Errors
    /// What the caller is told, as from a hub method.
    async fn invoke(
        &self,
        call: Invocation,
        next: Next<'_, Invocation>,
    ) -> Result<Reply, HubError> {
        next.run(call).await
    }

    /// Around an event that hub code sends, once for all who are meant. Passing nothing on sends nothing.
    ///
    /// # Errors
    /// What the sender is told; [`DeliveryError::Refused`] is meant for filters.
    async fn send(
        &self,
        event: Outgoing,
        next: Next<'_, Outgoing>,
    ) -> Result<Option<Queued>, DeliveryError> {
        next.run(event).await
    }

    /// Around a hub's `on_connected`, or its `on_reopened`.
    ///
    /// # Errors
    /// An error fails the client's start.
    async fn connect(&self, event: Connect, next: Next<'_, Connect>) -> Result<(), HubError> {
        next.run(event).await
    }

    /// Around a hub's `on_reconnected`.
    ///
    /// # Errors
    /// An error ends the request, and the client comes back once more.
    async fn reconnect(&self, event: Reconnect, next: Next<'_, Reconnect>) -> Result<(), HubError> {
        next.run(event).await
    }

    /// Around a hub's `on_disconnected`, or its `on_closed`.
    ///
    /// # Errors
    /// An error is logged.
    async fn disconnect(
        &self,
        event: Disconnect,
        next: Next<'_, Disconnect>,
    ) -> Result<(), HubError> {
        next.run(event).await
    }

    /// Around the decision which of its groups a client that comes back is in again: all, unless a filter takes some out.
    /// Asked for every receive request that brings groups, also for every long poll.
    async fn rejoin(&self, groups: Rejoin, next: Next<'_, Rejoin>) -> Vec<GroupName> {
        next.run(groups).await
    }

    /// Around the decision whether somebody may reach a hub, asked for every request that lists it. What the hub itself
    /// asks for is checked afterwards, whatever filters say.
    async fn authorize(&self, who: Admission, next: Next<'_, Admission>) -> bool {
        next.run(who).await
    }
}

/// A call of a hub method.
#[derive(Debug)]
pub struct Invocation {
    /// Who calls.
    pub cx: Context,
    /// The method's declared name; as the client wrote it if there is none.
    pub method: String,
    /// The method, if it exists.
    pub spec: Option<&'static MethodSpec>,
    /// What the client passed. A filter may pass on others, of the same number.
    pub args: Args,
}

/// An event on its way to clients.
#[derive(Debug)]
pub struct Outgoing {
    /// Who is meant.
    pub to: Address,
    /// The event.
    pub event: Event,
}

/// A connection that starts, as one hub hears of it.
#[derive(Debug)]
pub struct Connect {
    /// Who connects.
    pub cx: Context,
    /// Whether its client is known again and something was kept for it: then the hub's `on_reopened` is inside.
    pub reopened: bool,
}

/// A connection that came back, as one hub hears of it.
#[derive(Debug)]
pub struct Reconnect {
    /// Who came back.
    pub cx: Context,
    /// What it missed.
    pub resumed: Resumed,
}

/// A connection that has ended, or that has closed a hub, as that hub hears of it.
#[derive(Debug)]
pub struct Disconnect {
    /// Who has gone.
    pub cx: Context,
    /// Why.
    pub reason: Closed,
}

/// The groups of one hub that a client brings.
#[derive(Debug)]
pub struct Rejoin {
    /// Whose groups.
    pub cx: Context,
    /// Their names.
    pub groups: Vec<GroupName>,
}

/// Somebody who wants to reach a hub, perhaps without a connection yet.
#[derive(Debug)]
pub struct Admission {
    /// The hub's declared name.
    pub hub: HubName,
    /// The hub.
    pub spec: &'static HubSpec,
    /// The request that lists it.
    pub request: Request,
    /// Who sent that.
    pub identity: Identity,
}

/// The rest of the filters, and what they are around.
pub struct Next<'a, S: Step> {
    rest: &'a [Arc<dyn Filter>],
    end: End<'a, S>,
}

type End<'a, S> = Box<dyn FnOnce(S) -> BoxFuture<'a, <S as Step>::Output> + Send + 'a>;

impl<'a, S: Step> Next<'a, S> {
    /// These filters, the first one outermost, around `end`. For servers, and for tests of filters.
    pub fn new(
        filters: &'a [Arc<dyn Filter>],
        end: impl FnOnce(S) -> BoxFuture<'a, S::Output> + Send + 'a,
    ) -> Self {
        Self {
            rest: filters,
            end: Box::new(end),
        }
    }

    /// Goes on.
    pub fn run(self, step: S) -> BoxFuture<'a, S::Output> {
        match self.rest.split_first() {
            Some((filter, rest)) => step.through(&**filter, Next { rest, ..self }),
            None => (self.end)(step),
        }
    }
}

impl<S: Step> std::fmt::Debug for Next<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Next")
            .field("filters", &self.rest.len())
            .finish_non_exhaustive()
    }
}

/// What passes through filters.
pub trait Step: Sized + Send + 'static {
    /// What comes back.
    type Output: Send;

    /// Passes through the method of a filter that is for it.
    #[doc(hidden)]
    fn through<'a>(
        self,
        filter: &'a dyn Filter,
        next: Next<'a, Self>,
    ) -> BoxFuture<'a, Self::Output>;
}

macro_rules! steps {
    ($($step:ty => $method:ident -> $output:ty),* $(,)?) => {$(
        impl Step for $step {
            type Output = $output;

            fn through<'a>(
                self,
                filter: &'a dyn Filter,
                next: Next<'a, Self>,
            ) -> BoxFuture<'a, $output> {
                filter.$method(self, next)
            }
        }
    )*};
}
steps! {
    Invocation => invoke -> Result<Reply, HubError>,
    Outgoing => send -> Result<Option<Queued>, DeliveryError>,
    Connect => connect -> Result<(), HubError>,
    Reconnect => reconnect -> Result<(), HubError>,
    Disconnect => disconnect -> Result<(), HubError>,
    Rejoin => rejoin -> Vec<GroupName>,
    Admission => authorize -> bool,
}
