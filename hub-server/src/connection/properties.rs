//! [`Declared`]: the items that outlive their connection, by the name that they have in a lease.

use std::any::TypeId;

use hub_core::{
    Args, BoxFuture, Context, DeliveryError, HubError, Items, Payload, Properties, SessionProperty,
};

/// The session properties that were declared.
#[derive(Default)]
pub(crate) struct Declared(Vec<Property>);

/// One of them, whatever its type.
pub(crate) struct Property {
    name: &'static str,
    id: TypeId,
    restore: fn(&Payload, &Items) -> bool,
    /// The item as it is now.
    pub(crate) get: fn(&Items) -> Option<Payload>,
    /// Keeps a value that a client sent, as the only argument.
    pub(crate) store: for<'a> fn(&'a Context, Args) -> Stored<'a>,
}

type Stored<'a> = Result<BoxFuture<'a, Result<(), DeliveryError>>, HubError>;

impl Declared {
    /// # Errors
    /// When a name is taken, empty, or the server's own.
    pub(crate) fn add<T: SessionProperty>(&mut self) -> Result<(), &'static str> {
        if T::NAME.is_empty() || T::NAME.starts_with('@') {
            return Err("a session property has a name, which does not begin with @");
        }
        let id = TypeId::of::<T>();
        let same = |known: &Property| known.id == id || known.name.eq_ignore_ascii_case(T::NAME);
        if self.0.iter().any(same) {
            return Err("two session properties have the same name, or are the same");
        }
        self.0.push(Property {
            name: T::NAME,
            id,
            restore: restore::<T>,
            get: |items| Payload::of(&items.get::<T>()?).ok(),
            store: |cx, mut args| {
                let value: T = args.next("value")?;
                Ok(Box::pin(cx.store(value)))
            },
        });
        Ok(())
    }

    /// Makes items of what was kept. One that is there already is newer, or another hub's.
    pub(crate) fn restore(&self, kept: &Properties, items: &Items) {
        for property in &self.0 {
            let value = kept.get(property.name);
            if value.is_some_and(|value| !(property.restore)(value, items)) {
                tracing::warn!(
                    name = property.name,
                    "what was kept is no such property any more"
                );
            }
        }
    }

    /// The one of this name, ignoring case.
    pub(crate) fn find(&self, name: &str) -> Option<&Property> {
        let mut all = self.0.iter();
        all.find(|property| property.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `false` if it can't be read.
fn restore<T: SessionProperty>(value: &Payload, items: &Items) -> bool {
    if items.with(|_: &T| ()).is_some() {
        return true;
    }
    let value = value.read::<T>();
    value.map(|value| items.set(value)).is_ok()
}
