//! `probe`: results and arguments of many types, all targets, state and progress.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hub_server::{ConnectionId, Context, HubError, Progress, hub};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::values::{Bytes, Color, Dict, Guid, Person};

/// Keeps a finished call's progress.
#[derive(Default)]
pub(crate) struct Probe {
    kept: Mutex<Option<Progress<i32>>>,
}

#[hub]
impl Probe {
    #[hub(name = "Null")]
    fn null(&self) -> Option<String> {
        None
    }

    #[hub(name = "False")]
    fn r#false(&self) -> bool {
        false
    }

    #[hub(name = "Zero")]
    fn zero(&self) -> i32 {
        0
    }

    #[hub(name = "Empty")]
    fn empty(&self) -> &'static str {
        ""
    }

    #[hub(name = "EmptyArray")]
    fn empty_array(&self) -> [i32; 0] {
        []
    }

    /// There is nothing like it here: the call fails, as it does in the original.
    #[hub(name = "NullTask")]
    fn null_task(&self) -> Result<(), HubError> {
        Err(HubError::internal("there is no task"))
    }

    #[hub(name = "NullTaskOfString")]
    async fn null_task_of_string(&self) -> Option<String> {
        None
    }

    #[hub(name = "Double")]
    fn double(&self) -> f64 {
        2.0
    }

    #[hub(name = "Date")]
    fn date(&self) -> &'static str {
        "2020-02-03T04:05:06.789Z"
    }

    #[hub(name = "AGuid")]
    fn a_guid(&self) -> &'static str {
        "00000000-0000-0000-0000-000000000000"
    }

    #[hub(name = "Bytes")]
    fn bytes(&self) -> Bytes {
        Bytes(vec![1, 2, 3])
    }

    #[hub(name = "AColor")]
    fn a_color(&self) -> Color {
        Color::Blue
    }

    #[hub(name = "APerson")]
    fn a_person(&self) -> Person {
        Person {
            name: Some("Ann".into()),
            age: 7,
            ..Person::default()
        }
    }

    #[hub(name = "Decimal")]
    fn decimal(&self) -> Result<Box<RawValue>, HubError> {
        Ok(RawValue::from_string("1.50".into())?)
    }

    #[hub(name = "Span")]
    fn span(&self) -> &'static str {
        "00:01:30"
    }

    #[hub(name = "Nan")]
    fn nan(&self) -> &'static str {
        "NaN"
    }

    #[hub(name = "Dict")]
    fn dict(&self) -> Dict {
        Dict { b: 1, a: 2 }
    }

    #[hub(name = "named.Method")]
    fn named(&self) -> i32 {
        1
    }

    #[hub(name = "Cancelled")]
    fn cancelled(&self) -> Result<(), HubError> {
        Err(HubError::internal("it was cancelled"))
    }

    #[hub(name = "Inner")]
    fn inner(&self) -> Result<(), HubError> {
        Err(HubError::internal("outer"))
    }

    #[hub(name = "Aggregate")]
    async fn aggregate(&self) -> Result<(), HubError> {
        let failing = async |text: &'static str| Err(HubError::internal(text));
        let (first, second) = tokio::join!(failing("first"), failing("second"));
        first.and(second)
    }

    #[hub(name = "HubInner")]
    fn hub_inner(&self) -> Result<(), HubError> {
        Err(HubError::internal("outer"))
    }

    #[hub(name = "Unserializable")]
    fn unserializable(&self) -> HashMap<(u8, u8), u8> {
        HashMap::from([((1, 2), 3)])
    }

    #[hub(name = "GroupNull")]
    async fn group_null(&self, cx: &Context) -> Result<(), HubError> {
        Ok(cx.clients().group("").send("message", ("x",)).await?)
    }

    #[hub(name = "UserNull")]
    async fn user_null(&self, cx: &Context) -> Result<(), HubError> {
        Ok(cx.clients().user("").send("message", ("x",)).await?)
    }

    #[hub(name = "Int")]
    fn int(&self, x: i32) -> i32 {
        x
    }

    #[hub(name = "NInt")]
    fn nint(&self, x: Option<i32>) -> Option<i32> {
        x
    }

    #[hub(name = "Bool")]
    fn bool(&self, x: bool) -> bool {
        x
    }

    #[hub(name = "Dbl")]
    fn dbl(&self, x: f64) -> f64 {
        x
    }

    #[hub(name = "GuidIn")]
    fn guid_in(&self, x: Guid) -> Guid {
        x
    }

    #[hub(name = "DateIn")]
    fn date_in(&self, x: String) -> String {
        x
    }

    #[hub(name = "BytesIn")]
    fn bytes_in(&self, x: Vec<u8>) -> Bytes {
        Bytes(x)
    }

    #[hub(name = "ColorIn")]
    fn color_in(&self, x: Color) -> Color {
        x
    }

    #[hub(name = "PersonIn")]
    fn person_in(&self, x: Option<Person>) -> Option<Person> {
        x
    }

    #[hub(name = "Ints")]
    fn ints(&self, x: Option<Vec<i32>>) -> Option<Vec<i32>> {
        x
    }

    #[hub(name = "Str")]
    fn str(&self, x: Option<String>) -> Option<String> {
        x
    }

    #[hub(name = "Optional")]
    fn optional(&self, a: i32, b: i32) -> i32 {
        a + b
    }

    #[hub(name = "Params")]
    fn params(&self, x: Vec<i32>) -> usize {
        x.len()
    }

    #[hub(name = "Over")]
    fn over_one(&self, a: i32) -> &'static str {
        let _ = a;
        "one"
    }

    #[hub(name = "Over")]
    fn over_two(&self, a: i32, b: i32) -> &'static str {
        let _ = (a, b);
        "two"
    }

    #[hub(name = "SendToUser")]
    async fn send_to_user(&self, cx: &Context, u: String, m: String) -> Result<(), HubError> {
        Ok(cx.clients().user(u).send("message", (m,)).await?)
    }

    #[hub(name = "SendToUsers")]
    async fn send_to_users(&self, cx: &Context, u: Vec<String>, m: String) -> Result<(), HubError> {
        Ok(cx.clients().users(u).send("message", (m,)).await?)
    }

    #[hub(name = "SendToGroups")]
    async fn send_to_groups(
        &self,
        cx: &Context,
        g: Vec<String>,
        m: String,
    ) -> Result<(), HubError> {
        Ok(cx.clients().groups(g).send("message", (m,)).await?)
    }

    #[hub(name = "SendToClients")]
    async fn send_to_clients(
        &self,
        cx: &Context,
        ids: Vec<String>,
        m: String,
    ) -> Result<(), HubError> {
        Ok(cx.clients().clients(ids).send("message", (m,)).await?)
    }

    #[hub(name = "AllExcept")]
    async fn all_except(&self, cx: &Context, ids: Vec<String>, m: String) -> Result<(), HubError> {
        Ok(cx.clients().all_except(ids).send("message", (m,)).await?)
    }

    #[hub(name = "Caller")]
    async fn caller(&self, cx: &Context, m: String) -> Result<(), HubError> {
        Ok(cx.clients().caller().send("message", (m,)).await?)
    }

    #[hub(name = "Multi")]
    async fn multi(&self, cx: &Context, m: String) -> Result<(), HubError> {
        let arguments = (1, (), json!({"a": m}), ["x"]);
        Ok(cx.clients().all().send("message", arguments).await?)
    }

    #[hub(name = "NoArgs")]
    async fn no_args(&self, cx: &Context) -> Result<(), HubError> {
        Ok(cx.clients().caller().send("message", ()).await?)
    }

    #[hub(name = "AddTo")]
    async fn add_to(&self, cx: &Context, id: String, g: String) -> Result<(), HubError> {
        Ok(cx.groups().add(&ConnectionId::from(id), g).await?)
    }

    #[hub(name = "RemoveFrom")]
    async fn remove_from(&self, cx: &Context, id: String, g: String) -> Result<(), HubError> {
        Ok(cx.groups().remove(&ConnectionId::from(id), g).await?)
    }

    /// Sends without waiting until the join is in effect.
    #[hub(name = "GroupNoWait")]
    async fn group_no_wait(&self, cx: &Context, g: String) -> Result<(), HubError> {
        let group = cx.clients().group(&g);
        let (joined, sent) = tokio::join!(cx.join(g), group.send("message", ("maybe",)));
        joined?;
        Ok(sent?)
    }

    #[hub(name = "StateSet")]
    fn state_set(&self, cx: &Context, v: Option<String>) -> Option<String> {
        cx.state().set("color", &v);
        v
    }

    #[hub(name = "StateBoth")]
    async fn state_both(&self, cx: &Context) -> Result<&'static str, HubError> {
        cx.state().set("step", 1);
        cx.clients().caller().send("message", ("a",)).await?;
        cx.state().set("step", 2);
        cx.clients().caller().send("message", ("b",)).await?;
        cx.state().set("other", "o");
        Ok("r")
    }

    #[hub(name = "StateNested")]
    fn state_nested(&self, cx: &Context) -> String {
        let address: Value = cx.state().get("address").unwrap_or_default();
        let part = |name: &str| match address.get(name).and_then(Value::as_str) {
            Some(text) => text.to_owned(),
            None => "null".to_owned(),
        };
        [part("street"), part("street"), part("city")].join("/")
    }

    #[hub(name = "ProgressState")]
    async fn progress_state(
        &self,
        cx: &Context,
        progress: Progress<Option<Box<RawValue>>>,
    ) -> Result<&'static str, HubError> {
        cx.state().set("n", 1);
        let percent = to_raw_value(&json!({"pct": 50}))?;
        progress.report(Some(percent)).await?;
        progress.report(Some(to_raw_value("half")?)).await?;
        progress.report(None).await?;
        Ok("ok")
    }

    #[hub(name = "ProgressKeep")]
    async fn progress_keep(&self, progress: Progress<i32>) -> Result<i32, HubError> {
        progress.report(1).await?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some(progress);
        Ok(1)
    }

    /// Reports to the call of `ProgressKeep`, which has its answer.
    #[hub(name = "ProgressLate")]
    async fn progress_late(&self) -> Result<(), HubError> {
        let kept = self
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match kept {
            Some(progress) => Ok(progress.report(2).await?),
            None => Err(HubError::internal("ProgressKeep was not called")),
        }
    }
}
