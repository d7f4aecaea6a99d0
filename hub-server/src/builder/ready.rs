//! Where a server says whether it is ready.

use super::Builder;

impl Builder {
    /// A path at which a load balancer asks whether to send clients here: 200 while the server serves, 503 once it has been
    /// told to stop. Nobody has to authenticate for it. There is none by default.
    ///
    /// ```
    /// use hub_server::HubServer;
    ///
    /// let server = HubServer::builder().ready_at("/ready").build();
    /// # assert!(server.is_ok());
    /// ```
    #[must_use]
    pub fn ready_at(mut self, path: impl Into<String>) -> Self {
        self.config.ready_at = Some(path.into());
        self
    }
}
