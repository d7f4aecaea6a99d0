//! Persistent connections among the hubs: they share lifetimes, groups and topics with them, but have no methods.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use hub_core::{
    Args, BoxFuture, Context, Hub, HubError, HubName, HubSpec, Peer, PersistentConnection, Reply,
    Resumed, State,
};

/// What a persistent connection has in place of methods.
pub(crate) const RAW: HubSpec = HubSpec {
    name: "",
    methods: &[],
    authorize: &[],
};

/// A persistent connection as the lifetimes see it.
pub(crate) struct Raw(pub(crate) Arc<dyn PersistentConnection>);

impl Hub for Raw {
    fn spec(&self) -> &'static HubSpec {
        &RAW
    }

    fn call<'a>(
        &'a self,
        _: &'a Context,
        _: usize,
        _: Args,
    ) -> BoxFuture<'a, Result<Reply, HubError>> {
        Box::pin(std::future::ready(Err(HubError::unfit(
            "a persistent connection has no methods",
        ))))
    }

    fn connected<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<(), HubError>> {
        self.0.on_connected(cx)
    }

    fn reconnected<'a>(
        &'a self,
        cx: &'a Context,
        resumed: Resumed,
    ) -> BoxFuture<'a, Result<(), HubError>> {
        self.0.on_reconnected(cx, resumed)
    }

    fn disconnected<'a>(
        &'a self,
        cx: &'a Context,
        stopped: bool,
    ) -> BoxFuture<'a, Result<(), HubError>> {
        self.0.on_disconnected(cx, stopped)
    }
}

/// The name of a mount's persistent connection in topics and groups tokens, where a dot separates it from the group. The
/// same on every node.
pub(crate) fn connection_name(path: &str) -> HubName {
    HubName::from(path.trim_end_matches('/').to_lowercase().replace('.', "_"))
}

/// What a receive request of a persistent connection needs to hand on messages.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) connection: Arc<dyn PersistentConnection>,
    pub(crate) name: HubName,
}

impl Receiver {
    /// Hands a message on when it is polled; a panic is an error.
    pub(crate) fn receive(
        &self,
        peer: Arc<Peer>,
        data: Option<String>,
    ) -> BoxFuture<'static, Result<(), HubError>> {
        let Self { connection, name } = self.clone();
        Box::pin(async move {
            let cx = Context::new(peer, name, None, Arc::new(State::default()));
            let received = async { connection.on_received(&cx, data).await };
            let outcome = AssertUnwindSafe(received).catch_unwind().await;
            let outcome =
                outcome.unwrap_or_else(|_| Err(HubError::internal("the connection panicked")));
            if let Err(error) = &outcome {
                tracing::warn!(connection = %cx.connection_id(), path = %cx.hub(), %error, "on_received failed");
            }
            outcome
        })
    }
}
