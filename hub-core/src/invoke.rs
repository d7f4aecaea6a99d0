//! [`Invoke`] and [`EventRouter`]: the two doors between a client and generated code.

use std::sync::Arc;

use async_trait::async_trait;

use crate::error::{CallError, HubError};
use crate::hub::BoxFuture;
use crate::value::{Args, Payload};

/// A client that can call hub methods: the only thing that a generated proxy needs.
#[async_trait]
pub trait Invoke: Send + Sync + 'static {
    /// Calls `method` of `hub` with a JSON array of arguments and waits for the result; a method without a result gives
    /// JSON's `null`.
    ///
    /// # Errors
    /// When the method failed, or the connection ended before its result came.
    async fn invoke(&self, hub: &str, method: &str, args: Payload) -> Result<Payload, CallError>;

    /// As [`invoke`](Self::invoke), and gives `report` each of the method's reports, in order. A report that `report` can't
    /// take ends the call with its error. A client that knows of no reports gives none: so it is unless this is written.
    ///
    /// # Errors
    /// As for [`invoke`](Self::invoke), and those of `report`.
    async fn invoke_with_progress(
        &self,
        hub: &str,
        method: &str,
        args: Payload,
        report: &mut Report<'_>,
    ) -> Result<Payload, CallError> {
        let _ = report;
        self.invoke(hub, method, args).await
    }
}

/// Takes the reports of a call's progress.
pub type Report<'a> = dyn FnMut(Payload) -> Result<(), CallError> + Send + 'a;

/// A typed proxy, as `#[hub]` on a trait makes it: `ChatProxy` for `trait Chat`.
pub trait Proxy: Sized {
    /// The hub's name on the wire.
    const HUB: &'static str;

    /// A proxy that calls through `client`.
    fn over(client: Arc<dyn Invoke>) -> Self;
}

/// Calls a client's callbacks by name, as `#[hub_client]` makes it: `ChatClientEvents` for `trait ChatClient`.
pub trait EventRouter: Send + Sync + 'static {
    /// The callbacks' names on the wire.
    fn methods(&self) -> &'static [&'static str];

    /// Calls the callback of this name (compared ignoring case); `None` if there is none. Arguments that don't fit are
    /// an error of the returned future.
    fn route<'a>(&'a self, method: &str, args: Args)
    -> Option<BoxFuture<'a, Result<(), HubError>>>;
}
