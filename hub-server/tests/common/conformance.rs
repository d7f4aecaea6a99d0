//! The hub `conformance`, as in `conformance-app.md`, and what it saw happen.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hub_server::{Context, GapCause, HubError, Progress, Resumed, hub};
use serde_json::{Value, json};

/// What happened to each connection, for the test to look at.
#[derive(Clone, Default)]
pub struct Events(Arc<Mutex<HashMap<String, Vec<String>>>>);

impl Events {
    pub fn add(&self, cx: &Context, event: impl Into<String>) {
        let id = cx.connection_id().to_string();
        self.0
            .lock()
            .unwrap()
            .entry(id)
            .or_default()
            .push(event.into());
    }

    pub fn of(&self, id: &str) -> Vec<String> {
        self.0.lock().unwrap().get(id).cloned().unwrap_or_default()
    }

    /// How many events begin so, whosever they are.
    pub fn count(&self, start: &str) -> usize {
        let all = self.0.lock().unwrap();
        let begins = |event: &&String| event.starts_with(start);
        all.values().flatten().filter(begins).count()
    }

    /// Waits until so many events begin so.
    pub async fn come(&self, start: &str, times: usize) {
        super::until(|| async { (self.count(start) >= times).then_some(()) }).await;
    }

    /// Waits until the connection's events are these.
    pub async fn become_for(&self, id: &str, events: &[&str]) {
        super::until(|| async { (self.of(id) == events).then_some(()) }).await;
    }
}

/// The hub `conformance`.
#[derive(Clone, Default)]
pub struct Conformance {
    pub events: Events,
}

#[hub]
impl Conformance {
    fn on_connected(&self, cx: &Context) {
        self.events.add(cx, "connected");
    }

    fn on_reconnected(&self, cx: &Context, resumed: Resumed) {
        let gap = resumed.gaps.first().map(|gap| match gap.why {
            GapCause::Trimmed => ":trimmed",
            GapCause::Expired => ":expired",
            _ => ":epoch",
        });
        self.events
            .add(cx, format!("reconnected{}", gap.unwrap_or_default()));
    }

    fn on_disconnected(&self, cx: &Context, stopped: bool) {
        self.events.add(cx, format!("disconnected:{stopped}"));
    }

    fn add(&self, a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }

    fn echo(&self, value: String) -> String {
        value
    }

    fn echo_any(&self, value: Value) -> Value {
        value
    }

    fn nothing(&self) {}

    fn throw(&self, message: String) -> Result<(), HubError> {
        Err(HubError::internal(message))
    }

    fn throw_hub(&self, message: String, data: Option<Value>) -> Result<(), HubError> {
        let error = HubError::new(message);
        Err(match data {
            Some(data) => error.with_data(&data),
            None => error,
        })
    }

    fn panic(&self) {
        panic!("on purpose");
    }

    /// Keys that are no strings have no JSON form.
    fn unserializable(&self) -> HashMap<(u8, u8), u8> {
        HashMap::from([((1, 2), 3)])
    }

    async fn slow(&self, ms: u64, value: i32) -> i32 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        value
    }

    fn large(&self, n: usize) -> String {
        "x".repeat(n)
    }

    async fn progress(&self, n: i32, progress: Progress<i32>) -> Result<String, HubError> {
        for i in 0..n {
            progress.report(i).await?;
        }
        Ok("done".into())
    }

    async fn broadcast(&self, cx: &Context, m: String) -> Result<(), HubError> {
        Ok(cx
            .clients()
            .all()
            .send("message", (cx.connection_id(), m))
            .await?)
    }

    async fn others(&self, cx: &Context, m: String) -> Result<(), HubError> {
        Ok(cx
            .clients()
            .others()
            .send("message", (cx.connection_id(), m))
            .await?)
    }

    async fn caller(&self, cx: &Context, m: String) -> Result<(), HubError> {
        Ok(cx
            .clients()
            .caller()
            .send("message", (cx.connection_id(), m))
            .await?)
    }

    async fn send_to(&self, cx: &Context, id: String, m: String) -> Result<(), HubError> {
        Ok(cx
            .clients()
            .client(id)
            .send("message", (cx.connection_id(), m))
            .await?)
    }

    async fn send_to_many(
        &self,
        cx: &Context,
        ids: Vec<String>,
        m: String,
    ) -> Result<(), HubError> {
        Ok(cx
            .clients()
            .clients(ids)
            .send("message", (cx.connection_id(), m))
            .await?)
    }

    async fn all_except(&self, cx: &Context, ids: Vec<String>, m: String) -> Result<(), HubError> {
        Ok(cx
            .clients()
            .all_except(ids)
            .send("message", (cx.connection_id(), m))
            .await?)
    }

    async fn send_to_user(&self, cx: &Context, user: String, m: String) -> Result<(), HubError> {
        Ok(cx
            .clients()
            .user(user)
            .send("message", (cx.connection_id(), m))
            .await?)
    }

    async fn send_to_users(
        &self,
        cx: &Context,
        users: Vec<String>,
        m: String,
    ) -> Result<(), HubError> {
        Ok(cx
            .clients()
            .users(users)
            .send("message", (cx.connection_id(), m))
            .await?)
    }

    async fn join(&self, cx: &Context, g: String) -> Result<(), HubError> {
        Ok(cx.join(g).await?)
    }

    async fn leave(&self, cx: &Context, g: String) -> Result<(), HubError> {
        Ok(cx.leave(g).await?)
    }

    async fn add_to(&self, cx: &Context, id: String, g: String) -> Result<(), HubError> {
        Ok(cx.groups().add(&id.into(), g).await?)
    }

    async fn send_group(&self, cx: &Context, g: String, m: String) -> Result<(), HubError> {
        Ok(cx.clients().group(&g).send("groupMessage", (&g, m)).await?)
    }

    async fn send_group_except(
        &self,
        cx: &Context,
        g: String,
        ids: Vec<String>,
        m: String,
    ) -> Result<(), HubError> {
        Ok(cx
            .clients()
            .group_except(&g, ids)
            .send("groupMessage", (&g, m))
            .await?)
    }

    async fn send_groups(&self, cx: &Context, gs: Vec<String>, m: String) -> Result<(), HubError> {
        Ok(cx
            .clients()
            .groups(&gs)
            .send("groupMessage", (&gs, m))
            .await?)
    }

    async fn send_others_in_group(
        &self,
        cx: &Context,
        g: String,
        m: String,
    ) -> Result<(), HubError> {
        Ok(cx
            .clients()
            .others_in_group(&g)
            .send("groupMessage", (&g, m))
            .await?)
    }

    async fn send_others_in_groups(
        &self,
        cx: &Context,
        gs: Vec<String>,
        m: String,
    ) -> Result<(), HubError> {
        Ok(cx
            .clients()
            .others_in_groups(&gs)
            .send("groupMessage", (&gs, m))
            .await?)
    }

    fn count_up(&self, cx: &Context) -> i32 {
        let counter = cx.state().get::<i32>("counter").unwrap_or(0) + 1;
        cx.state().set("counter", counter);
        counter
    }

    async fn state_to_caller(&self, cx: &Context, progress: Progress<i32>) -> Result<(), HubError> {
        cx.clients().caller().send("message", ("before",)).await?;
        cx.state().set("step", 1);
        cx.clients().caller().send("message", ("after",)).await?;
        progress.report(50).await?;
        Ok(())
    }

    fn nested_state(&self, cx: &Context) -> Value {
        cx.state()
            .get::<Value>("address")
            .map(|address| address["city"].clone())
            .unwrap_or_default()
    }

    async fn send_many(&self, cx: &Context, n: i32) -> Result<(), HubError> {
        for i in 0..n {
            cx.clients().caller().send("number", (i,)).await?;
        }
        Ok(())
    }

    /// Sends the caller `n` events with this tag and lets others run in between.
    async fn spread(&self, cx: &Context, tag: String, n: i32) -> Result<String, HubError> {
        for i in 0..n {
            cx.clients().caller().send("spread", (&tag, i)).await?;
            tokio::task::yield_now().await;
        }
        Ok(tag)
    }

    /// Joins and speaks to the group at once.
    async fn join_and_send(&self, cx: &Context, g: String, n: i32) -> Result<(), HubError> {
        cx.join(g.as_str()).await?;
        for i in 0..n {
            cx.clients().group(&g).send("groupMessage", (&g, i)).await?;
        }
        Ok(())
    }

    async fn abort(&self, cx: &Context) -> Result<(), HubError> {
        Ok(cx.abort().await?)
    }

    fn events(&self, id: String) -> Vec<String> {
        self.events.of(&id)
    }

    fn request(&self, cx: &Context) -> Value {
        let request = cx.request();
        json!({
            "connectionId": cx.connection_id(),
            "transport": request.query("transport"),
            "tag": request.query("tag"),
            "user": cx.user(),
            "header": request.header("X-Test"),
        })
    }
}
