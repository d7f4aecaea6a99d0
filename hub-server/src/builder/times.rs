//! How long the server waits for what.

use std::time::Duration;

use super::Builder;

impl Builder {
    /// How often keep-alives are sent, 10 s by default; `None` sends none, and then every receive request ends after
    /// the connection timeout, since nothing else would notice a dead peer.
    #[must_use]
    pub fn keep_alive(mut self, every: Option<Duration>) -> Self {
        self.config.keep_alive = every;
        self.keep_alive_was_set = true;
        self
    }

    /// How long a client may be away before `on_disconnected` runs, 30 s by default; 5 s of grace come on top. Sets the
    /// keep-alive to a third of it, so it can't be called after [`keep_alive`](Self::keep_alive).
    #[must_use]
    pub fn disconnect_timeout(mut self, timeout: Duration) -> Self {
        if self.keep_alive_was_set {
            self.wrong
                .get_or_insert("DisconnectTimeout cannot be configured after the KeepAlive.");
        }
        self.config.disconnect_timeout = timeout;
        self.config.keep_alive = Some(timeout / 3);
        self
    }

    /// How long a receive request lasts when keep-alive is off, 110 s by default.
    #[must_use]
    pub fn connection_timeout(mut self, timeout: Duration) -> Self {
        self.config.connection_timeout = timeout;
        self
    }

    /// How long clients wait between two long polls, 0 by default.
    #[must_use]
    pub fn long_poll_delay(mut self, delay: Duration) -> Self {
        self.config.long_poll_delay = delay;
        self
    }

    /// How long clients wait for a transport's first frame, 5 s by default.
    #[must_use]
    pub fn transport_connect_timeout(mut self, timeout: Duration) -> Self {
        self.config.transport_connect_timeout = timeout;
        self
    }
}
