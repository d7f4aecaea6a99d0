//! [`Serve`]: a server on its way to listen and serve.

use std::io;

use hub_core::BoxFuture;

use crate::server::Bound;
use crate::shutdown::{ShutdownOptions, ShutdownReport};

/// Listens and serves when it is awaited: see [`HubServer::serve`](crate::HubServer::serve).
#[must_use = "a server serves when this is awaited"]
pub struct Serve<'a> {
    pub(crate) bound: BoxFuture<'a, io::Result<Bound>>,
}

impl Serve<'_> {
    /// Serves until `stop` is ready, then lets go of its clients: see [`Bound::with_graceful_shutdown`].
    ///
    /// # Errors
    /// When the address can't be listened on.
    pub async fn with_graceful_shutdown(
        self,
        stop: impl Future<Output = ()>,
        options: ShutdownOptions,
    ) -> io::Result<ShutdownReport> {
        let bound = self.bound.await?;
        bound.with_graceful_shutdown(stop, options).await
    }
}

impl<'a> IntoFuture for Serve<'a> {
    type Output = io::Result<()>;
    type IntoFuture = BoxFuture<'a, io::Result<()>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { self.bound.await?.serve().await })
    }
}

impl std::fmt::Debug for Serve<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Serve")
    }
}
