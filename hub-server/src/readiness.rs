//! [`Readiness`]: whether a load balancer should send clients here.

use std::sync::{Arc, Weak};

use http::Method;

use crate::node::Node;

/// Whether a server takes on clients, for a load balancer that asks a path of yours: see [`HubServer::readiness`]. Servers that
/// serve by themselves answer at [`Builder::ready_at`].
///
/// [`HubServer::readiness`]: crate::HubServer::readiness
/// [`Builder::ready_at`]: crate::Builder::ready_at
#[derive(Clone)]
pub struct Readiness {
    /// It must not keep a server alive.
    node: Weak<Node>,
}

impl Readiness {
    pub(crate) fn of(node: &Arc<Node>) -> Self {
        Self {
            node: Arc::downgrade(node),
        }
    }

    /// `true` from when the server is served until it is told to stop, however much it carries: one that is only full answers
    /// newcomers with 503, and is well.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let node = self.node.upgrade();
        node.is_some_and(|node| is_ready(&node))
    }
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readiness")
            .field("is_ready", &self.is_ready())
            .finish()
    }
}

pub(crate) fn is_ready(node: &Node) -> bool {
    node.runtime.get().is_some() && !node.is_leaving()
}

/// Whether a request asks for it.
pub(crate) fn is_asked(node: &Node, method: &Method, path: &str) -> bool {
    let asked = node.config.ready_at.as_deref() == Some(path);
    asked && matches!(*method, Method::GET | Method::HEAD)
}
