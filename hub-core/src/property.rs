//! [`SessionProperty`]: items that outlive their connection.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::DeliveryError;

/// An item of a session that the server keeps while the client is away, and has there again before a hub hears that the
/// client is back. Declared with `session_property` on the server's builder, kept with [`Context::store`].
///
/// ```
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Serialize, Deserialize)]
/// struct Age(u32);
///
/// impl hub_core::SessionProperty for Age {
///     const NAME: &'static str = "age";
/// }
/// ```
pub trait SessionProperty: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The name of the property in what the hub keeps of the client ([`Context::property`]); each its own.
    const NAME: &'static str;
}

impl Context {
    /// Keeps a property of the session: as an item of this connection, and for the client's next one for as long as its lease
    /// lasts, 30 s unless [`offline_subscribe`](Self::offline_subscribe) says otherwise.
    ///
    /// # Errors
    /// [`DeliveryError::NoPersistentId`] for a client that can't be known again; or when the log did not take it. Then the item
    /// is as it was.
    pub async fn store<T: SessionProperty>(&self, value: T) -> Result<(), DeliveryError> {
        self.set_property(T::NAME, &value).await?;
        self.items().set(value);
        Ok(())
    }
}
