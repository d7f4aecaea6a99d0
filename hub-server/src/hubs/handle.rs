//! [`HubHandle`]: sending from outside a hub.

use std::sync::Arc;

use hub_core::{Clients, ConnectionId, DeliveryError, Groups, HubName, Outlet, Presence, Sessions};

/// A hub as seen from outside of its methods: from a timer, a queue or an HTTP handler. Cheap to clone.
#[derive(Clone)]
pub struct HubHandle {
    outlet: Arc<dyn Outlet>,
    hub: HubName,
}

impl HubHandle {
    pub(crate) fn new(outlet: Arc<dyn Outlet>, hub: HubName) -> Self {
        Self { outlet, hub }
    }

    /// The hub's declared name.
    #[must_use]
    pub fn name(&self) -> &HubName {
        &self.hub
    }

    /// Who to send to.
    #[must_use]
    pub fn clients(&self) -> Clients {
        Clients::new(self.outlet.clone(), self.hub.clone())
    }

    /// The hub's groups.
    #[must_use]
    pub fn groups(&self) -> Groups {
        Groups::new(self.outlet.clone(), self.hub.clone())
    }

    /// The clients that are on the hub on this node.
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        Sessions::new(self.outlet.clone(), self.hub.clone())
    }

    /// Who is on the hub on this node, and in its groups.
    #[must_use]
    pub fn presence(&self) -> Presence {
        Presence::new(self.outlet.clone(), self.hub.clone())
    }

    /// Ends a connection, as if its client had, on whatever node it is: [`Context::abort`](hub_core::Context::abort).
    ///
    /// # Errors
    /// When the log did not take the command.
    pub async fn abort(&self, who: &ConnectionId) -> Result<(), DeliveryError> {
        self.outlet.abort(who).await
    }
}

impl std::fmt::Debug for HubHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("HubHandle").field(&self.hub).finish()
    }
}
