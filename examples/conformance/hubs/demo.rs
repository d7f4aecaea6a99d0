//! `demo`: overloads, failures, and a method that takes long.

use std::time::Duration;

use hub_server::{Context, HubError, hub};
use serde_json::{Value, value::RawValue};

pub(crate) struct Demo;

#[hub]
impl Demo {
    #[hub(name = "Overload")]
    fn overload_none(&self) {}

    #[hub(name = "Overload")]
    fn overload_one(&self, n: i32) -> i32 {
        n
    }

    #[hub(name = "GetValue")]
    async fn value(&self) -> i32 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        10
    }

    #[hub(name = "SynchronousException")]
    fn synchronous_exception(&self) -> Result<(), HubError> {
        Err(HubError::internal(
            "Exception of type 'System.Exception' was thrown.",
        ))
    }

    #[hub(name = "HubException")]
    fn hub_exception(&self) -> Result<(), HubError> {
        Err(HubError::new("message").with_data("errorData"))
    }

    #[hub(name = "HubExceptionWithoutErrorData")]
    fn hub_exception_without_error_data(&self) -> Result<(), HubError> {
        Err(HubError::new("message"))
    }

    #[hub(name = "DoSomethingAndCallError")]
    async fn do_something_and_call_error(&self, cx: &Context) -> Result<(), HubError> {
        Ok(cx.clients().caller().send("errorInCallback", ()).await?)
    }

    #[hub(name = "TestGuid")]
    async fn test_guid(&self, cx: &Context) -> Result<(), HubError> {
        let guid = "00000000-0000-0000-0000-000000000000";
        Ok(cx.clients().caller().send("TestGuid", (guid,)).await?)
    }

    /// The caller's state value `state`, which becomes `state2`, and its address `addy`.
    #[hub(name = "ReadAnyState")]
    fn read_any_state(&self, cx: &Context) -> Option<Box<RawValue>> {
        let state: Option<Box<RawValue>> = cx.state().get("state");
        let fields: Option<Value> = cx.state().get("state");
        cx.state().set("state2", &state);
        cx.state().set(
            "addy",
            fields.and_then(|fields| fields.get("Address").cloned()),
        );
        state
    }
}
