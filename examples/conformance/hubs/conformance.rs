//! `conformance`: the hub that most tests use.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hub_server::{Context, HubError, Progress, hub};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// Keeps every connection's life, also after it has gone.
#[derive(Default)]
pub(crate) struct Conformance {
    lives: Mutex<HashMap<String, Vec<&'static str>>>,
}

/// What a call sees of the request that carries it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    connection_id: String,
    transport: Option<String>,
    tag: Option<String>,
    user: Option<String>,
    header: Option<String>,
}

impl Conformance {
    fn note(&self, cx: &Context, event: &'static str) {
        let mut lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        let life = lives.entry(cx.connection_id().to_string()).or_default();
        life.push(event);
    }
}

/// A number, also one in a string or with a decimal point: clients keep it as they like.
fn whole(value: Value) -> Option<i32> {
    let number = match value {
        Value::String(text) => text.parse().ok()?,
        other => other.as_f64()?,
    };
    format!("{number:.0}").parse().ok()
}

#[hub]
impl Conformance {
    fn on_connected(&self, cx: &Context) {
        self.note(cx, "connected");
    }

    fn on_reconnected(&self, cx: &Context) {
        self.note(cx, "reconnected");
    }

    fn on_disconnected(&self, cx: &Context, stopped: bool) {
        let event = if stopped {
            "disconnected:true"
        } else {
            "disconnected:false"
        };
        self.note(cx, event);
    }

    #[hub(name = "Add")]
    fn add(&self, a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }

    #[hub(name = "Echo")]
    fn echo(&self, value: Option<String>) -> Option<String> {
        value
    }

    #[hub(name = "EchoAny")]
    fn echo_any(&self, value: Box<RawValue>) -> Box<RawValue> {
        value
    }

    #[hub(name = "Nothing")]
    fn nothing(&self) {}

    #[hub(name = "Throw")]
    fn throw(&self, message: String) -> Result<(), HubError> {
        Err(HubError::internal(message))
    }

    #[hub(name = "ThrowHub")]
    fn throw_hub(&self, message: String, data: Box<RawValue>) -> Result<(), HubError> {
        Err(HubError::new(message).with_data(&data))
    }

    #[hub(name = "Slow")]
    async fn slow(&self, ms: u64, value: i32) -> i32 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        value
    }

    #[hub(name = "Large")]
    fn large(&self, n: usize) -> String {
        "x".repeat(n)
    }

    #[hub(name = "Progress")]
    async fn progress(&self, n: i32, progress: Progress<i32>) -> Result<&'static str, HubError> {
        for i in 0..n {
            progress.report(i).await?;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok("done")
    }

    #[hub(name = "Broadcast")]
    async fn broadcast(&self, cx: &Context, m: String) -> Result<(), HubError> {
        let message = (cx.connection_id().as_str(), m);
        Ok(cx.clients().all().send("message", message).await?)
    }

    #[hub(name = "Others")]
    async fn others(&self, cx: &Context, m: String) -> Result<(), HubError> {
        let message = (cx.connection_id().as_str(), m);
        Ok(cx.clients().others().send("message", message).await?)
    }

    #[hub(name = "SendTo")]
    async fn send_to(
        &self,
        cx: &Context,
        connection_id: String,
        m: String,
    ) -> Result<(), HubError> {
        let message = (cx.connection_id().as_str(), m);
        let one = cx.clients().client(connection_id);
        Ok(one.send("message", message).await?)
    }

    #[hub(name = "Join")]
    async fn join(&self, cx: &Context, g: String) -> Result<(), HubError> {
        Ok(cx.join(g).await?)
    }

    #[hub(name = "Leave")]
    async fn leave(&self, cx: &Context, g: String) -> Result<(), HubError> {
        Ok(cx.leave(g).await?)
    }

    #[hub(name = "SendGroup")]
    async fn send_group(&self, cx: &Context, g: String, m: String) -> Result<(), HubError> {
        let group = cx.clients().group(&g);
        Ok(group.send("groupMessage", (g, m)).await?)
    }

    #[hub(name = "SendOthersInGroup")]
    async fn send_others_in_group(
        &self,
        cx: &Context,
        g: String,
        m: String,
    ) -> Result<(), HubError> {
        let group = cx.clients().others_in_group(&g);
        Ok(group.send("groupMessage", (g, m)).await?)
    }

    #[hub(name = "CountUp")]
    fn count_up(&self, cx: &Context) -> i32 {
        let counter = cx.state().get("counter").and_then(whole).unwrap_or(0) + 1;
        cx.state().set("counter", counter);
        counter
    }

    #[hub(name = "SendMany")]
    async fn send_many(&self, cx: &Context, n: i32) -> Result<(), HubError> {
        let caller = cx.clients().caller();
        for i in 0..n {
            caller.send("number", (i,)).await?;
        }
        Ok(())
    }

    #[hub(name = "StartTicks")]
    fn start_ticks(&self, cx: &Context, count: i32, interval_ms: u64) {
        let connection = cx.clients().client(cx.connection_id());
        tokio::spawn(async move {
            for i in 1..=count {
                tokio::time::sleep(Duration::from_millis(interval_ms)).await;
                if connection.send("tick", (i,)).await.is_err() {
                    return;
                }
            }
        });
    }

    #[hub(name = "Events")]
    fn events(&self, connection_id: String) -> Vec<&'static str> {
        let lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        lives.get(&connection_id).cloned().unwrap_or_default()
    }

    #[hub(name = "request")]
    fn request(&self, cx: &Context) -> Seen {
        let request = cx.request();
        Seen {
            connection_id: cx.connection_id().to_string(),
            transport: request.query("transport"),
            tag: request.query("tag"),
            user: cx.user_id().map(|user| user.to_string()),
            header: request.header("X-Test").map(ToOwned::to_owned),
        }
    }
}
