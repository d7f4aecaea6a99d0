//! Which hubs have presence, and how.

use std::sync::Arc;

use hub_core::{Log, NodeId, PresenceOptions, Roster};
use uuid::Uuid;

use super::{BuildError, Builder};
use crate::config::Config;
use crate::connection::presence::Presences;
use crate::hubs::table::HubTable;

/// The hubs for which it was asked, by name.
#[derive(Default)]
pub(super) struct Asked(Vec<(String, PresenceOptions)>);

impl Builder {
    /// Gives a hub presence, by its name ignoring case: who is on it and in its groups can be asked, and whoever wants is told
    /// of changes ([`Presence`](hub_core::Presence)). Other hubs have none, and it costs them nothing.
    ///
    /// ```
    /// use std::time::Duration;
    /// use hub_server::{Context, HubError, HubServer, PresenceOptions, PresencePage, hub};
    ///
    /// struct Chat;
    ///
    /// #[hub(name = "chat")]
    /// impl Chat {
    ///     async fn enter(&self, cx: &Context, room: String) -> Result<PresencePage, HubError> {
    ///         cx.join(&room).await?;
    ///         Ok(cx.presence().group(room).watch(cx.connection_id()).await?)
    ///     }
    /// }
    ///
    /// let options = PresenceOptions::default().leave_delay(Duration::from_secs(5));
    /// let server = HubServer::builder().hub(Chat).presence("chat", options).build()?;
    /// let hub = server.handle("chat").unwrap();
    /// assert_eq!(hub.presence().stats()?.clients, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// It is of one server: where servers share a log, [`build`](Self::build) refuses it.
    #[must_use]
    pub fn presence(mut self, hub: impl Into<String>, options: PresenceOptions) -> Self {
        self.declared.presence.0.push((hub.into(), options));
        self
    }
}

impl Asked {
    /// What was asked for, if anything was.
    pub(super) fn made(
        self,
        hubs: &HubTable,
        config: &Config,
        log: &dyn Log,
        node: NodeId,
    ) -> Result<Option<Arc<Presences>>, BuildError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        if log.is_shared() {
            let wrong = "presence is of one server: servers that share a log do not have it";
            return Err(BuildError::Setting(wrong));
        }
        let roster = |(name, options): (String, PresenceOptions)| {
            if options.leave_delay > config.disconnect_timeout {
                let wrong = "the leave delay of presence is at most the disconnect timeout";
                return Err(BuildError::Setting(wrong));
            }
            let Some(hub) = hubs.find(&name) else {
                return Err(BuildError::UnknownHub(name));
            };
            // Numbers that JavaScript can count, unlike those of any server before.
            let version = Uuid::new_v4().as_u64_pair().0 >> 16;
            Ok((hub.name.clone(), Roster::new(options, version)))
        };
        let rosters: Vec<_> = self.0.into_iter().map(roster).collect::<Result<_, _>>()?;
        let presences = Presences::new(node, rosters, config.ack_timeout);
        Ok(Some(Arc::new(presences)))
    }
}
