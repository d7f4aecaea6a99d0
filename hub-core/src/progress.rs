//! [`Progress`]: reports from a method that is still running (`classic-signalr.md` 8.5).

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;

use crate::error::DeliveryError;
use crate::id::{ConnectionId, InvocationId};
use crate::message::Item;
use crate::outlet::Outlet;
use crate::state::State;
use crate::value::Payload;

/// A sink for a method's progress: the last parameter of a hub method may be a `Progress<T>`. It is not an argument for
/// callers. Reports keep their order and reach the caller before the result does.
pub struct Progress<T> {
    outlet: Arc<dyn Outlet>,
    to: ConnectionId,
    call: Option<InvocationId>,
    state: Arc<State>,
    value: PhantomData<fn(T)>,
}

impl<T> Progress<T> {
    pub(crate) fn new(
        outlet: Arc<dyn Outlet>,
        to: ConnectionId,
        call: Option<InvocationId>,
        state: Arc<State>,
    ) -> Self {
        Self {
            outlet,
            to,
            call,
            state,
            value: PhantomData,
        }
    }
}

impl<T: Serialize> Progress<T> {
    /// Reports a value. A call without an id has nobody who listens, and the report goes nowhere.
    ///
    /// # Errors
    /// When the value does not serialise, the method has already returned, or the log did not take the report.
    pub async fn report(&self, value: T) -> Result<(), DeliveryError> {
        if self.state.has_ended() {
            return Err(DeliveryError::Completed);
        }
        let Some(id) = self.call.clone() else {
            return Ok(());
        };
        let value = Payload::of(&value).map_err(|error| DeliveryError::Arguments(Some(error)))?;
        self.outlet
            .report(
                &self.to,
                Item {
                    id,
                    value,
                    state: self.state.changes(),
                },
            )
            .await
    }
}

impl<T> fmt::Debug for Progress<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.call).finish()
    }
}
