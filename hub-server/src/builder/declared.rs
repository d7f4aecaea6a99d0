//! What is declared of hubs: indexes over the items of their sessions, properties that are kept, and presence.

use std::hash::Hash;
use std::sync::Arc;

use hub_core::SessionProperty;

use super::Builder;
use super::presence::Asked;
use crate::connection::indexes::{Index, Keyed};
use crate::connection::properties::Declared;

/// What was declared.
#[derive(Default)]
pub(super) struct Declarations {
    pub(super) indexes: Vec<Arc<dyn Index>>,
    pub(super) properties: Declared,
    pub(super) presence: Asked,
}

impl Builder {
    /// Keeps the live sessions of this node by a key of their item `T`, for [`Sessions::by`](hub_core::Sessions::by):
    /// `.session_index(|customer: &Customer| customer.region.clone())`. A look-up then takes as long as what it finds is
    /// many. The key is made anew whenever the item is set; one of each pair of types may be declared. How keys are compared
    /// and hashed must not ask the server for anything.
    #[must_use]
    pub fn session_index<T, K>(mut self, key: impl Fn(&T) -> K + Send + Sync + 'static) -> Self
    where
        T: Send + Sync + 'static,
        K: Eq + Hash + Send + Sync + 'static,
    {
        self.declared.indexes.push(Arc::new(Keyed::new(key)));
        self
    }

    /// Keeps the item `T` while its client is away, if it was set with [`Context::store`](hub_core::Context::store), and sets
    /// it again before a hub hears that the client is back. Clients of XSockets' wires read and write it on the topics
    /// `get_<name>` and `set_<name>`, where the hub has no methods of these names.
    #[must_use]
    pub fn session_property<T: SessionProperty>(mut self) -> Self {
        if let Err(wrong) = self.declared.properties.add::<T>() {
            self.wrong.get_or_insert(wrong);
        }
        self
    }
}
